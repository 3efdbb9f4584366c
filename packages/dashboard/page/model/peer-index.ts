import type { PeerRole, PeerState, PeerView } from '../../src/protocol/fleet-view.ts';
import { EVERY_PEER, type PeerQuery, ROLES, type SortKey, STATES } from './route.ts';

/** How many peers of a role are in each state. */
export type StateCounts = Readonly<Record<PeerState, number>>;

interface Entry {
  readonly peer: PeerView;
  /** Everything that a search looks through, in lower case. */
  readonly haystack: string;
  readonly nameKey: string;
  readonly role: PeerRole;
}

const NO_COUNTS: StateCounts = { online: 0, stale: 0, unreachable: 0, gone: 0 };

/**
 * The peers of a fleet, searched and in order, for a table of which only a few rows are drawn. A change of 100 peers among 10,000
 * costs one pass over the list, not a sort: what changed is taken out, sorted by itself, and merged in again.
 */
export class PeerIndex {
  readonly #entries = new Map<string, Entry>();
  readonly #counts = new Map<PeerRole, Record<PeerState, number>>();
  #query: PeerQuery = EVERY_PEER;
  #matches: (entry: Entry) => boolean = () => true;
  #compare = comparatorOf(EVERY_PEER);
  #rows: Entry[] = [];
  #version = 0;

  /** Goes up whenever `rows`, or what is in them, may be different. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How many peers match the query. */
  get matching(): number {
    return this.#rows.length;
  }

  get query(): PeerQuery {
    return this.#query;
  }

  peer(id: string): PeerView | undefined {
    return this.#entries.get(id)?.peer;
  }

  /** The peers that match, in order, from `start` up to and without `end`. */
  rows(start: number, end: number): readonly PeerView[] {
    return this.#rows.slice(Math.max(0, start), end).map(({ peer }) => peer);
  }

  /** Where in the list a peer stands, or -1. */
  position(id: string): number {
    return this.#rows.findIndex(({ peer }) => peer.id === id);
  }

  /** Peers of a role by state; a peer with several roles counts once, for its first in the order of importance. */
  counts(role: PeerRole): StateCounts {
    return this.#counts.get(role) ?? NO_COUNTS;
  }

  setQuery(query: PeerQuery): void {
    if (sameQuery(query, this.#query)) return;
    this.#query = query;
    this.#matches = matcherOf(query);
    this.#compare = comparatorOf(query);
    this.#rows = [...this.#entries.values()].filter(this.#matches).sort(this.#compare);
    this.#version++;
  }

  /** Takes changed and new peers, and forgets removed ones. */
  apply(changed: readonly PeerView[], removed: readonly string[] = []): void {
    if (changed.length === 0 && removed.length === 0) return;
    const touched = new Set<string>();
    for (const id of removed) {
      touched.add(id);
      this.#forget(id);
    }
    for (const peer of changed) {
      touched.add(peer.id);
      this.#forget(peer.id);
      const entry = entryOf(peer);
      this.#entries.set(peer.id, entry);
      this.#countsOf(entry.role)[peer.state]++;
    }
    const fresh = new Map<string, Entry>();
    for (const { id } of changed) {
      const entry = this.#entries.get(id);
      if (entry !== undefined && this.#matches(entry)) fresh.set(id, entry);
    }
    const rest = this.#rows.filter(({ peer }) => !touched.has(peer.id));
    this.#rows = merged(rest, [...fresh.values()].sort(this.#compare), this.#compare);
    this.#version++;
  }

  #forget(id: string): void {
    const known = this.#entries.get(id);
    if (known === undefined) return;
    this.#countsOf(known.role)[known.peer.state]--;
    this.#entries.delete(id);
  }

  #countsOf(role: PeerRole): Record<PeerState, number> {
    let counts = this.#counts.get(role);
    if (counts === undefined) this.#counts.set(role, (counts = { ...NO_COUNTS }));
    return counts;
  }
}

/** What a peer is drawn and counted as: the most important of its roles. */
export function mainRole({ roles }: Pick<PeerView, 'roles'>): PeerRole {
  return ROLES.find((role) => roles.includes(role)) ?? 'node';
}

/** Text in which numbers compare by value: `node-9` before `node-10`. */
export function naturalKey(text: string): string {
  return text
    .slice(0, 200)
    .toLowerCase()
    .replace(/\d{1,15}/g, (digits) => digits.padStart(15, '0'));
}

/**
 * Whether a peer is meant by what was typed. Words are all needed; `tag:`, `net:`, `role:` and `state:` look at one field, any other
 * word is looked for in names, ids, addresses and tags.
 */
export function matchesText(peer: PeerView, text: string): boolean {
  return matcherOf({ ...EVERY_PEER, text })(entryOf(peer));
}

function entryOf(peer: PeerView): Entry {
  const parts = [peer.name, peer.id, peer.peerId, peer.did, peer.nodeId, peer.address, ...peer.tags];
  return {
    peer,
    haystack: parts
      .filter((part) => part !== undefined)
      .join('\n')
      .slice(0, 4_000)
      .toLowerCase(),
    nameKey: naturalKey(peer.name),
    role: mainRole(peer),
  };
}

function sameQuery(a: PeerQuery, b: PeerQuery): boolean {
  return (
    a.text === b.text &&
    a.role === b.role &&
    a.state === b.state &&
    a.sort === b.sort &&
    a.isDescending === b.isDescending
  );
}

function matcherOf({ text, role, state }: PeerQuery): (entry: Entry) => boolean {
  const tests: ((entry: Entry) => boolean)[] = [];
  if (role !== undefined) tests.push(({ peer }) => peer.roles.includes(role));
  if (state !== undefined) tests.push(({ peer }) => peer.state === state);
  const words = text.slice(0, 500).toLowerCase().split(/\s+/);
  for (const word of words) if (word !== '') tests.push(wordTest(word));
  return (entry) => tests.every((test) => test(entry));
}

function wordTest(word: string): (entry: Entry) => boolean {
  const [, field, value = ''] = /^(tag|net|role|state):(.*)$/.exec(word) ?? [];
  if (value === '') return ({ haystack }) => haystack.includes(word);
  switch (field) {
    case 'tag':
      return ({ peer }) => peer.tags.some((tag) => tag.toLowerCase().includes(value));
    case 'net':
      return ({ peer }) => peer.networks.some((network) => String(network) === value);
    case 'role':
      return ({ peer }) => peer.roles.some((role) => role.startsWith(value));
    default:
      return ({ peer }) => peer.state.startsWith(value);
  }
}

type Compare = (a: Entry, b: Entry) => number;

function comparatorOf({ sort, isDescending }: PeerQuery): Compare {
  const sign = isDescending ? -1 : 1;
  const byKey = KEYS[sort];
  // The id makes the order total, so that a merge gives what a sort would give.
  return (a, b) => sign * byKey(a, b) || text(a.nameKey, b.nameKey) || text(a.peer.id, b.peer.id);
}

const KEYS: Readonly<Record<SortKey, Compare>> = {
  name: (a, b) => text(a.nameKey, b.nameKey),
  role: (a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role),
  state: (a, b) => STATES.indexOf(a.peer.state) - STATES.indexOf(b.peer.state),
  networks: (a, b) => (a.peer.networks[0] ?? -1) - (b.peer.networks[0] ?? -1),
  seen: (a, b) => (a.peer.lastSeenAt ?? 0) - (b.peer.lastSeenAt ?? 0),
};

function text(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function merged(a: readonly Entry[], b: readonly Entry[], compare: Compare): Entry[] {
  if (b.length === 0) return [...a];
  const out: Entry[] = [];
  let i = 0;
  for (const entry of b) {
    while (i < a.length && compare(a[i] as Entry, entry) <= 0) out.push(a[i++] as Entry);
    out.push(entry);
  }
  while (i < a.length) out.push(a[i++] as Entry);
  return out;
}
