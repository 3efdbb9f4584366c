import { applyDelta, type FleetState, stateOf } from '../../src/protocol/apply-delta.ts';
import type { FleetDelta, FleetSnapshot, PeerView } from '../../src/protocol/fleet-view.ts';
import { STATES } from './route.ts';

/** The version of the protocol that this page reads. */
export const PROTOCOL = 1;

/** How the page stands with its server. */
export type LinkState =
  | { readonly phase: 'connecting'; readonly attempt: number }
  | { readonly phase: 'live' }
  | {
      readonly phase: 'waiting';
      readonly attempt: number;
      readonly retryAt: number;
      readonly since: number;
      readonly problem: string;
    }
  | { readonly phase: 'mismatch'; readonly theirs: string };

/** All that the page knows. Never changed; `receive` and its like make new ones. */
export interface Live {
  readonly link: LinkState;
  readonly fleet: FleetState | undefined;
  /** When something came last, by the reader's clock. */
  readonly receivedAt: number | undefined;
  /** Add it to the reader's clock to get the sender's. */
  readonly skewMs: number;
}

/** What an event did. */
export type Received =
  | {
      readonly kind: 'changed';
      readonly live: Live;
      readonly peers: readonly PeerView[];
      readonly removedPeers: readonly string[];
      /** Everything before is void. */
      readonly isSnapshot: boolean;
    }
  | { readonly kind: 'ignored' }
  /** One in between is missing: a new snapshot is needed. */
  | { readonly kind: 'gap' }
  | { readonly kind: 'mismatch'; readonly live: Live }
  | { readonly kind: 'malformed'; readonly why: string };

export const NOTHING_YET: Live = {
  link: { phase: 'connecting', attempt: 1 },
  fleet: undefined,
  receivedAt: undefined,
  skewMs: 0,
};

/** Takes one event of the stream. `now` is the reader's clock. */
export function receive(live: Live, type: string, data: string, now: number): Received {
  if (type !== 'snapshot' && type !== 'delta') return { kind: 'ignored' };
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return { kind: 'malformed', why: `a ${type} is not JSON` };
  }
  if (!isObject(value)) return { kind: 'malformed', why: `a ${type} is not an object` };
  return type === 'snapshot' ? receiveSnapshot(live, value, now) : receiveDelta(live, value, now);
}

function receiveSnapshot(live: Live, value: Record<string, unknown>, now: number): Received {
  if (value['protocol'] !== PROTOCOL) {
    const theirs = String(value['protocol']).slice(0, 40);
    return { kind: 'mismatch', live: { ...live, link: { phase: 'mismatch', theirs } } };
  }
  const missing = ['peers', 'scores', 'pulls', 'series', 'sources', 'happenings'].find(
    (name) => !Array.isArray(value[name]),
  );
  if (missing !== undefined) return { kind: 'malformed', why: `a snapshot has no ${missing}` };
  const snapshot = value as unknown as FleetSnapshot;
  if (typeof snapshot.seq !== 'number' || typeof snapshot.at !== 'number')
    return { kind: 'malformed', why: 'a snapshot has no number or no time' };
  const fleet = stateOf({ ...snapshot, peers: snapshot.peers.filter(isPeer) });
  const removedPeers = [...(live.fleet?.peers.keys() ?? [])].filter((id) => !fleet.peers.has(id));
  return {
    kind: 'changed',
    live: { link: { phase: 'live' }, fleet, receivedAt: now, skewMs: fleet.at - now },
    peers: [...fleet.peers.values()],
    removedPeers,
    isSnapshot: true,
  };
}

function receiveDelta(live: Live, value: Record<string, unknown>, now: number): Received {
  if (live.fleet === undefined) return { kind: 'gap' };
  const delta = value as unknown as FleetDelta;
  if (typeof delta.seq !== 'number' || typeof delta.at !== 'number')
    return { kind: 'malformed', why: 'a delta has no number or no time' };
  const wanted = delta.peers === undefined ? [] : delta.peers.filter(isPeer);
  let fleet: FleetState | undefined;
  try {
    fleet = applyDelta(live.fleet, { ...delta, peers: wanted });
  } catch {
    return { kind: 'malformed', why: 'a delta has parts of another kind' };
  }
  if (fleet === undefined) return { kind: 'gap' };
  if (fleet === live.fleet) return { kind: 'ignored' };
  const peers = wanted.filter(({ id }) => fleet.peers.has(id));
  return {
    kind: 'changed',
    live: { link: { phase: 'live' }, fleet, receivedAt: now, skewMs: fleet.at - now },
    peers,
    removedPeers: (delta.removedPeers ?? []).filter((id) => !fleet.peers.has(id)),
    isSnapshot: false,
  };
}

/** The connection was lost, or could not be made; the next attempt is at `retryAt`. */
export function lost(live: Live, problem: string, attempt: number, retryAt: number, now: number): Live {
  const since = live.link.phase === 'waiting' ? live.link.since : (live.receivedAt ?? now);
  return { ...live, link: { phase: 'waiting', attempt, retryAt, since, problem } };
}

/** Milliseconds until attempt number `attempt` (from 1): half a second, doubling to ten, the last fifth by chance. */
export function retryDelayMs(attempt: number, random: number): number {
  const full = Math.min(10_000, 500 * 2 ** Math.min(attempt - 1, 10));
  return Math.round(full * (0.8 + 0.2 * random));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Enough of a peer to be shown; what is less is left out. */
function isPeer(value: unknown): value is PeerView {
  if (!isObject(value)) return false;
  const isListOf = (name: string, type: 'string' | 'number'): boolean => {
    const list = value[name];
    return Array.isArray(list) && list.every((each) => typeof each === type);
  };
  return (
    typeof value['id'] === 'string' &&
    typeof value['name'] === 'string' &&
    STATES.some((state) => state === value['state']) &&
    ['undefined', 'number'].includes(typeof value['lastSeenAt']) &&
    ['roles', 'tags', 'sources', 'links'].every((name) => isListOf(name, 'string')) &&
    isListOf('networks', 'number')
  );
}
