import { lookup } from 'node:dns/promises';

/** Resolves a host name to literal addresses, in the order in which to try them. Rejects when there is none. */
export type Resolver = (host: string) => Promise<readonly string[]>;

/**
 * The host's resolver (hosts file, search domains and all), one name at a time. The system's call blocks a thread of
 * the pool that also does the disk writes, for half a minute when a name server is down; one thread is what it gets.
 */
export function systemResolver(): Resolver {
  let previous: Promise<unknown> = Promise.resolve();
  return async (host) => {
    const turn = previous.then(async () => lookup(host, { all: true, order: 'verbatim' }));
    previous = turn.catch(() => undefined);
    return (await turn).map(({ address }) => address);
  };
}
