import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import { formatRoute, parseRoute, type PeerQuery, type Route } from '../model/route.ts';
import type { Store } from '../browser/store.ts';

/** What every view needs. */
export interface Page {
  readonly store: Store;
  readonly route: Route;
  /** Tries to reach the page server now. */
  readonly retryNow: () => void;
}

export const PageContext = createContext<Page | undefined>(undefined);

export function usePage(): Page {
  const page = useContext(PageContext);
  if (page === undefined) throw new Error('a view is shown outside of the page');
  return page;
}

/** The route of the address, followed. */
export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = (): void => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}

/** Goes somewhere else; the browser's back button comes back. */
export function go(route: Route): void {
  location.hash = formatRoute(route);
}

/** Goes somewhere without leaving a step behind: for each letter that is typed. */
export function replaceQuery(route: Route, query: PeerQuery): void {
  history.replaceState(null, '', formatRoute({ ...route, query }));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

/** The address of the same view with the details of a peer open. */
export function peerHref(route: Route, peer: string): string {
  return formatRoute({ ...route, peer });
}
