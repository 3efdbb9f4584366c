/**
 * Who is in the fleet, put together from what all sources say.
 *
 * Who is the same: facts with the same peer id; without one, with the same node id; without both they are a process, by its name:
 * a registry, an origin, a member of a fleet that is being started. Beyond that names are no identities: two peers may carry the
 * same one. When a source learns the peer id of somebody, what it says moves to the peer with that id.
 *
 * Whom to believe (the first that knows):
 *
 * | what | order |
 * |---|---|
 * | name, tags, networks, node id | registry, supervisor, the peer itself, others |
 * | address | the peer itself, registry, others |
 * | roles, links | all together |
 * | state | a supervisor that says it does not run; the peer's own answer; the registry that says it left; the peer's own silence (`unreachable`); what other peers see; the registry |
 *
 * What a source said that does not answer any more counts for nothing but names: a peer of which only such sources know is
 * `unreachable`.
 */
import {
  type PeerRole,
  type PeerState,
  type PeerView,
  VIEW_LIMITS,
  type ViewSource,
} from '@muster/dashboard';
import type { PeerFact } from './inputs.ts';
import { shown, shownAll } from './shown-text.ts';

/** How long a peer that has gone is shown. */
export const GONE_SHOWN_MS = 30_000;
/** Signs of life alone are told at most this often. */
export const SEEN_STEP_MS = 15_000;
const MAX_TAGS = 32;
const MAX_NETWORKS = 64;

interface Said {
  readonly fact: PeerFact;
  readonly source: Source;
  readonly goneAt: number | undefined;
}

interface Source {
  readonly id: string;
  readonly kind: ViewSource;
  answers: boolean;
  staleAfterMs: number | undefined;
  /** Facts by key: where they are. */
  readonly entries: Map<string, Entry>;
}

interface Entry {
  readonly id: string;
  readonly said: Map<string, Said>;
  view: PeerView | undefined;
  wasOnline: boolean;
}

/** What has changed since the last time that was asked. */
export interface PeerChanges {
  readonly changed: readonly PeerView[];
  readonly removed: readonly string[];
  /** A peer that its own process, or its supervisor, tells of has another state. */
  readonly turned: readonly { readonly view: PeerView; readonly isFirst: boolean }[];
}

export class PeerBook {
  readonly #sources = new Map<string, Source>();
  readonly #entries = new Map<string, Entry>();
  readonly #byNode = new Map<number, string>();
  readonly #dirty = new Set<Entry>();
  #refused = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Facts that found no place since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** Peers as they were told last. */
  *views(): Iterable<PeerView> {
    for (const { view } of this.#entries.values()) if (view !== undefined) yield view;
  }

  view(id: string): PeerView | undefined {
    return this.#entries.get(id)?.view;
  }

  /** How many peers a source tells of. */
  countOf(sourceId: string): number {
    return this.#sources.get(sourceId)?.entries.size ?? 0;
  }

  setSource(id: string, kind: ViewSource, answers: boolean): void {
    const known = this.#sources.get(id);
    if (known === undefined) {
      this.#sources.set(id, { id, kind, answers, staleAfterMs: undefined, entries: new Map() });
      return;
    }
    if (known.answers === answers) return;
    known.answers = answers;
    for (const entry of known.entries.values()) this.#dirty.add(entry);
  }

  removeSource(id: string): void {
    const source = this.#sources.get(id);
    if (source === undefined) return;
    for (const key of source.entries.keys()) this.#forget(source, key);
    this.#sources.delete(id);
  }

  tell(
    sourceId: string,
    facts: readonly PeerFact[],
    options: { readonly isComplete: boolean; readonly staleAfterMs?: number },
    now: number,
  ): void {
    const source = this.#sources.get(sourceId);
    if (source === undefined) return;
    if (options.staleAfterMs !== undefined) source.staleAfterMs = options.staleAfterMs;
    for (const fact of facts) this.#put(source, fact);
    if (!options.isComplete) return;
    const told = new Set(facts.map(({ key }) => key));
    this.gone(
      sourceId,
      [...source.entries.keys()].filter((key) => !told.has(key)),
      now,
    );
  }

  gone(sourceId: string, keys: readonly string[], now: number): void {
    const source = this.#sources.get(sourceId);
    for (const key of keys) {
      const entry = source?.entries.get(key);
      const said = entry?.said.get(saidKey(sourceId, key));
      if (entry === undefined || said === undefined || said.goneAt !== undefined) continue;
      entry.said.set(saidKey(sourceId, key), { ...said, fact: { ...said.fact, state: 'gone' }, goneAt: now });
      this.#dirty.add(entry);
    }
  }

  seen(sourceId: string, seen: readonly (readonly [key: string, at: number])[]): void {
    const source = this.#sources.get(sourceId);
    for (const [key, at] of seen) {
      const entry = source?.entries.get(key);
      const said = entry?.said.get(saidKey(sourceId, key));
      if (entry === undefined || said === undefined || said.goneAt !== undefined) continue;
      if (said.fact.lastSeenAt === at) continue;
      entry.said.set(saidKey(sourceId, key), { ...said, fact: { ...said.fact, lastSeenAt: at } });
      this.#dirty.add(entry);
    }
  }

  /** Looks at what changes by the passing of time alone. */
  tick(now: number): void {
    for (const source of this.#sources.values()) {
      for (const [key, entry] of source.entries) {
        const said = entry.said.get(saidKey(source.id, key)) as Said;
        if (said.goneAt !== undefined && now - said.goneAt >= GONE_SHOWN_MS && isAllGone(entry)) {
          this.#forget(source, key);
        } else if (entry.view?.state === 'online' && isStale(said, now)) this.#dirty.add(entry);
      }
    }
  }

  /** Answers what has changed, and takes note that it was told. At most `limit` peers at a time; the rest comes next time. */
  drain(now: number, limit: number): PeerChanges {
    const changed: PeerView[] = [];
    const removed: string[] = [];
    const turned: PeerChanges['turned'][number][] = [];
    for (const entry of this.#dirty) {
      if (changed.length + removed.length >= limit) break;
      this.#dirty.delete(entry);
      const before = entry.view;
      if (entry.said.size === 0) {
        if (before !== undefined) removed.push(entry.id);
        if (this.#entries.get(entry.id) === entry) this.#entries.delete(entry.id);
        entry.view = undefined;
        continue;
      }
      const view = merge(entry, now);
      if (before !== undefined && isSame(before, view)) continue;
      entry.view = view;
      changed.push(view);
      const isFirst = !entry.wasOnline;
      if (view.state === 'online') entry.wasOnline = true;
      if (before?.state !== view.state && isManaged(entry)) turned.push({ view, isFirst });
    }
    return { changed, removed, turned };
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  #put(source: Source, fact: PeerFact): void {
    const id = this.#entryIdOf(source, fact);
    const before = source.entries.get(fact.key);
    if (before !== undefined && before.id !== id) this.#forget(source, fact.key);
    const entry = this.#entries.get(id) ?? this.#add(id);
    if (entry === undefined) return;
    source.entries.set(fact.key, entry);
    entry.said.set(saidKey(source.id, fact.key), { fact, source, goneAt: undefined });
    if (fact.nodeId !== undefined && fact.peerId !== undefined) this.#byNode.set(fact.nodeId, id);
    this.#dirty.add(entry);
  }

  #entryIdOf(source: Source, { peerId, nodeId, key, name }: PeerFact): string {
    if (peerId !== undefined) return peerId;
    if (nodeId !== undefined) {
      const known = this.#byNode.get(nodeId);
      return known !== undefined && this.#entries.has(known) ? known : `registry:${nodeId}`;
    }
    return `process:${name ?? `${source.id}:${key}`}`;
  }

  #add(id: string): Entry | undefined {
    if (this.#entries.size >= VIEW_LIMITS.peers) {
      this.#refused += 1;
      return undefined;
    }
    const entry: Entry = { id, said: new Map(), view: undefined, wasOnline: false };
    this.#entries.set(id, entry);
    return entry;
  }

  #forget(source: Source, key: string): void {
    const entry = source.entries.get(key);
    source.entries.delete(key);
    const said = entry?.said.get(saidKey(source.id, key));
    entry?.said.delete(saidKey(source.id, key));
    if (entry === undefined) return;
    const nodeId = said?.fact.nodeId;
    if (nodeId !== undefined && entry.said.size === 0 && this.#byNode.get(nodeId) === entry.id) {
      this.#byNode.delete(nodeId);
    }
    this.#dirty.add(entry);
  }
}

/** That one source has lost sight of a peer goes on to count as long as another tells of it. */
function isAllGone({ said }: Entry): boolean {
  for (const { goneAt } of said.values()) if (goneAt === undefined) return false;
  return true;
}

function saidKey(sourceId: string, key: string): string {
  return `${sourceId}\n${key}`;
}

function isManaged({ said }: Entry): boolean {
  for (const { fact, source } of said.values()) {
    if (fact.isSelf === true || source.kind === 'supervisor') return true;
  }
  return false;
}

function isStale({ fact, source }: Said, now: number): boolean {
  if (source.staleAfterMs === undefined || fact.lastSeenAt === undefined) return false;
  return now - fact.lastSeenAt > source.staleAfterMs;
}

const NAME_ORDER: readonly ((said: Said) => boolean)[] = [
  ({ source }) => source.kind === 'registry',
  ({ source }) => source.kind === 'supervisor',
  ({ fact }) => fact.isSelf === true,
  () => true,
];

const ADDRESS_ORDER: readonly ((said: Said) => boolean)[] = [
  ({ fact }) => fact.isSelf === true,
  ({ source }) => source.kind === 'registry',
  () => true,
];

function merge({ id, said }: Entry, now: number): PeerView {
  const all = [...said.values()];
  const named = ordered(all, NAME_ORDER);
  const first = <K extends keyof PeerFact>(among: readonly Said[], key: K): PeerFact[K] | undefined =>
    among.find(({ fact }) => fact[key] !== undefined)?.fact[key];
  const peerId = first(all, 'peerId');
  const nodeId = first(named, 'nodeId');
  const did = first(named, 'did');
  const address = first(ordered(all, ADDRESS_ORDER), 'address');
  const pid = first(all, 'pid');
  const seen = all.flatMap(({ fact }) => (fact.lastSeenAt === undefined ? [] : [fact.lastSeenAt]));
  return {
    id,
    name: shown(named.find(({ fact }) => (fact.name ?? '') !== '')?.fact.name ?? shortName(id)),
    roles: [...new Set(all.flatMap(({ fact }) => fact.roles ?? []))].sort(byRole),
    state: stateOf(all, now),
    ...(peerId === undefined ? {} : { peerId: shown(peerId) }),
    ...(nodeId === undefined ? {} : { nodeId }),
    ...(did === undefined ? {} : { did: shown(did) }),
    ...(address === undefined ? {} : { address: shown(address) }),
    tags: shownAll(first(named, 'tags') ?? [], MAX_TAGS),
    networks: (first(named, 'networks') ?? []).slice(0, MAX_NETWORKS),
    ...(seen.length === 0 ? {} : { lastSeenAt: Math.max(...seen) }),
    sources: [...new Set(all.map(({ source }) => source.kind))].sort(),
    links: [...new Set(all.flatMap(({ fact }) => fact.links ?? []))].slice(0, VIEW_LIMITS.linksOfPeer),
    ...(pid === undefined ? {} : { pid }),
  };
}

function stateOf(all: readonly Said[], now: number): PeerState {
  const answering = all.filter(({ source }) => source.answers);
  const supervisor = answering.filter(({ source }) => source.kind === 'supervisor');
  if (supervisor.some(({ fact }) => fact.state === 'gone')) return 'gone';
  if (supervisor.some(({ fact }) => fact.state === 'stale')) return 'stale';
  if (answering.some(({ fact }) => fact.isSelf === true && fact.state === 'online')) return 'online';
  // That it left stays true when the registry falls silent.
  if (all.some(({ fact, source }) => source.kind === 'registry' && fact.state === 'gone')) return 'gone';
  const registry = answering.filter(({ source }) => source.kind === 'registry');
  if (all.some(({ fact, source }) => fact.isSelf === true && !source.answers)) return 'unreachable';
  const others = answering.filter(({ source }) => source.kind !== 'registry');
  if (others.some(({ fact }) => fact.state === 'online')) return 'online';
  if (others.some(({ fact }) => fact.state === 'stale')) return 'stale';
  if (registry.length > 0) {
    // Where peers have lost sight of it, that somebody saw it lately counts for less.
    const isFresh = registry.some((each) => each.fact.state === 'online' && !isStale(each, now));
    return isFresh && others.length === 0 ? 'online' : 'stale';
  }
  return others.length > 0 ? 'gone' : 'unreachable';
}

/** In the order of the first test that each passes. */
function ordered(all: readonly Said[], tests: readonly ((said: Said) => boolean)[]): readonly Said[] {
  if (all.length < 2) return all;
  const rank = (said: Said): number => tests.findIndex((test) => test(said));
  return all.toSorted((a, b) => rank(a) - rank(b));
}

const ROLES: readonly PeerRole[] = ['registry', 'indexer', 'node', 'mirror', 'origin'];

function byRole(a: PeerRole, b: PeerRole): number {
  return ROLES.indexOf(a) - ROLES.indexOf(b);
}

/** What a peer is called that has no name: the end of its id, which differs where the beginnings are alike. */
export function shortName(id: string): string {
  return id.length > 20 ? `…${id.slice(-8)}` : id;
}

function isSame(a: PeerView, b: PeerView): boolean {
  return (
    a.state === b.state &&
    a.name === b.name &&
    a.nodeId === b.nodeId &&
    a.peerId === b.peerId &&
    a.did === b.did &&
    a.address === b.address &&
    a.pid === b.pid &&
    isSameList(a.roles, b.roles) &&
    isSameList(a.tags, b.tags) &&
    isSameList(a.networks, b.networks) &&
    isSameList(a.sources, b.sources) &&
    isSameList(a.links, b.links) &&
    Math.abs((a.lastSeenAt ?? 0) - (b.lastSeenAt ?? 0)) < SEEN_STEP_MS
  );
}

function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
