import { encodeJsonText, writeRfc3339 } from '../wire/index.ts';
import type { Directory } from './directory.ts';
import { badgeExpiry, listEntry } from './disclosure.ts';
import type { RegistryEvent } from './events.ts';
import { BACKBONE } from './limits.ts';
import { NodeFlag, type NodeTable } from './node-table.ts';

const MEMBERS_PER_CHUNK = 256;
const REFRESH_SECONDS = 1;
const REMOVALS_KEPT = 4096;
const LAST_SEEN_KEY = '"last_seen":"';

/** The bytes of a list between `[` and `]`, in pieces that are never changed after they were handed out. */
export interface ListBody {
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
}

/** Runs steps to their end and lets other work go on between them. */
export type Slicer = (steps: Generator<void, void>) => Promise<void>;

interface Chunk {
  readonly ids: number[];
  bytes: Buffer;
  /** Offset of each entry's last_seen in `bytes`; 0 for entries without one. */
  seenAt: Uint32Array;
  /** Unix seconds that `bytes` shows for each entry. */
  seen: Uint32Array;
  dirty: boolean;
  /** Unix seconds from which on `bytes` are wrong by the mere passing of time: a badge expires. */
  validUntil: number;
}

interface CachedList {
  readonly network: number;
  readonly chunks: Chunk[];
  readonly chunkOf: Map<number, Chunk>;
  refreshedAt: number;
  usedAt: number;
  complete: boolean;
  readonly removals: { readonly seq: number; readonly id: number }[];
  /** Deltas from before this sequence number can't be told. */
  removalsSince: number;
}

/**
 * Bodies of list_nodes (spec 8.3), kept as pieces of 256 entries (B-27): a change encodes its piece anew, and
 * the times of the last signs of life are patched into copies of the pieces once a second. So a list of
 * 45,000 members costs its members once, and later what has changed.
 *
 * Limits: a list that nobody asks for is dropped after a while ({@link ListCache.sweep}); lists whose bodies exceed the
 * largest message are refused by the operation before they are built.
 */
export class ListCache {
  hits = 0;
  waits = 0;
  rebuilds = 0;
  readonly #state: Directory;
  readonly #beaconAddress: () => string;
  readonly #lists = new Map<number, CachedList>();
  readonly #builds = new Map<number, Promise<void>>();
  /** Ids in order, for pages; valid while nobody joins or leaves anything. */
  readonly #sorted = new Map<number, { readonly ids: Uint32Array; readonly version: number }>();
  #membershipVersion = 0;
  /** Changes up to here happened before this process knew them one by one. */
  #startedAt = 0;
  /** The last event that this cache has heard of. */
  #lastSeq = 0;

  constructor(state: Directory, beaconAddress: () => string) {
    this.#state = state;
    this.#beaconAddress = beaconAddress;
  }

  /** Says which sequence number the state had when the process took it over. */
  start(seq: number): void {
    this.#startedAt = seq;
    this.#lastSeq = seq;
  }

  /** Whether the body of this network can be given without building it. */
  isReady(network: number): boolean {
    return this.#lists.get(network)?.complete === true;
  }

  /** Builds the list of a network, in steps: the caller may do other work between two of them. */
  *build(network: number, now: number): Generator<void, void> {
    this.rebuilds++;
    const list: CachedList = {
      network,
      chunks: [],
      chunkOf: new Map(),
      refreshedAt: now,
      usedAt: now,
      complete: false,
      removals: [],
      removalsSince: this.#lastLeft(network),
    };
    this.#lists.set(network, list);
    for (const id of this.#members(network)) {
      // Who joined or left between two steps has been noted by the event.
      if (list.chunkOf.has(id) || !this.#isMember(network, id)) continue;
      this.#append(list, id);
      if (list.chunks.at(-1)?.ids.length === MEMBERS_PER_CHUNK) {
        this.#encode(list, list.chunks.at(-1) as Chunk, now);
        yield;
      }
    }
    list.complete = true;
  }

  /**
   * Builds the list of a network with `slice`, which runs the steps; who asks meanwhile waits for the same build.
   */
  async prepare(network: number, now: number, slice: Slicer): Promise<void> {
    const running = this.#builds.get(network);
    if (running !== undefined) return running;
    const build = slice(this.build(network, now)).finally(() => this.#builds.delete(network));
    this.#builds.set(network, build);
    return build;
  }

  /** The body of a list that is ready. */
  body(network: number, now: number): ListBody {
    const list = this.#lists.get(network) as CachedList;
    list.usedAt = now;
    this.hits++;
    if (Math.abs(now - list.refreshedAt) >= REFRESH_SECONDS) this.#refresh(list, now);
    const pieces: Buffer[] = [];
    let bytes = 0;
    for (const chunk of list.chunks) {
      if (chunk.dirty || now >= chunk.validUntil) this.#encode(list, chunk, now);
      if (pieces.length > 0) {
        pieces.push(COMMA);
        bytes += 1;
      }
      pieces.push(chunk.bytes);
      bytes += chunk.bytes.length;
    }
    return { pieces, bytes };
  }

  /**
   * What has changed in a ready list after event `since`: ids of changed members and of removed ones; undefined when that
   * is not known, so that the whole list must be sent.
   */
  delta(network: number, since: number): { changed: number[]; removed: number[] } | undefined {
    const list = this.#lists.get(network) as CachedList;
    if (since < list.removalsSince || since < this.#startedAt) return undefined;
    const changed: number[] = [];
    for (const id of list.chunkOf.keys()) {
      const slot = this.#state.nodes.slotOf(id);
      if (slot >= 0 && (this.#state.nodes.changedBy[slot] as number) > since) changed.push(id);
    }
    const gone = list.removals.filter((removal) => removal.seq > since && !list.chunkOf.has(removal.id));
    return { changed, removed: [...new Set(gone.map((removal) => removal.id))] };
  }

  /** Ids of the members in ascending order. */
  sortedIds(network: number): Uint32Array {
    const kept = this.#sorted.get(network);
    const version = this.#membershipVersion;
    if (kept?.version === version) return kept.ids;
    const ids = Uint32Array.from(this.#members(network)).sort();
    this.#sorted.set(network, { ids, version });
    return ids;
  }

  /** Takes note of an event that has just been applied. */
  noteEvent(event: RegistryEvent, seq: number): void {
    this.#lastSeq = seq;
    if (MEMBERSHIP_EVENTS.has(event.type)) this.#membershipVersion++;
    if (this.#lists.size === 0) return;
    switch (event.type) {
      case 'node.registered':
      case 'node.reclaimed':
        this.#added(BACKBONE, event.id);
        return this.#changed(event.id);
      case 'node.deregistered':
        for (const list of this.#lists.values()) this.#removed(list, event.id, seq);
        return;
      case 'nodes.reaped':
        for (const id of event.ids) this.#gone(id, seq);
        return;
      case 'tombstones.evicted':
        for (const id of event.ids) for (const list of this.#lists.values()) this.#removed(list, id, seq);
        return;
      case 'network.joined':
        this.#added(event.network, event.node);
        return this.#changed(event.node);
      case 'network.left':
        return this.#removedFrom(event.network, event.node, seq);
      case 'network.deleted':
        this.#lists.delete(event.network);
        return;
      case 'network.enterprise':
        return this.#allChanged(event.network, seq);
      case 'network.created':
      case 'network.renamed':
      case 'trust.reported':
      case 'trust.revoked':
      case 'settings.identity_webhook':
      case 'settings.identity_provider':
      case 'lease.granted':
      case 'lease.released':
        return;
      default:
        return this.#changed(event.id);
    }
  }

  /** Drops the lists that nobody has asked for since `unusedSince` (unix seconds). */
  sweep(unusedSince: number): void {
    this.#sorted.clear();
    for (const [network, list] of this.#lists) {
      if (list.complete && list.usedAt < unusedSince) this.#lists.delete(network);
    }
  }

  *#members(network: number): Iterable<number> {
    if (network !== BACKBONE) {
      yield* this.#state.networks.get(network)?.memberIds() ?? [];
      return;
    }
    const nodes = this.#state.nodes;
    for (let slot = 0; slot < nodes.usedSlots; slot++) {
      const id = nodes.idOf(slot);
      if (nodes.liveSlotOf(id) >= 0) yield id;
    }
  }

  #isMember(network: number, id: number): boolean {
    if (network === BACKBONE) return this.#state.nodes.liveSlotOf(id) >= 0;
    return this.#state.networks.get(network)?.has(id) === true;
  }

  /** Nobody has left this network after this event. The backbone does not say when it last changed. */
  #lastLeft(network: number): number {
    if (network === BACKBONE) return this.#lastSeq;
    return Math.max(this.#startedAt, this.#state.networks.get(network)?.changedBy ?? 0);
  }

  #append(list: CachedList, id: number): void {
    let last = list.chunks.at(-1);
    if (last === undefined || last.ids.length >= MEMBERS_PER_CHUNK) {
      const none = new Uint32Array(0);
      last = { ids: [], bytes: COMMA, seenAt: none, seen: none, dirty: true, validUntil: Infinity };
      list.chunks.push(last);
    }
    last.ids.push(id);
    last.dirty = true;
    list.chunkOf.set(id, last);
  }

  #added(network: number, id: number): void {
    const list = this.#lists.get(network);
    if (list !== undefined && !list.chunkOf.has(id)) this.#append(list, id);
  }

  #changed(id: number): void {
    for (const list of this.#lists.values()) {
      const chunk = list.chunkOf.get(id);
      if (chunk !== undefined) chunk.dirty = true;
    }
  }

  /** Any entry may show something else now, and nobody knows which: earlier versions get the whole list. */
  #allChanged(network: number, seq: number): void {
    const list = this.#lists.get(network);
    if (list === undefined) return;
    for (const chunk of list.chunks) chunk.dirty = true;
    list.removalsSince = seq;
  }

  /** A reaped node leaves the list of all nodes and shows as offline in the others. */
  #gone(id: number, seq: number): void {
    this.#changed(id);
    this.#removedFrom(BACKBONE, id, seq);
  }

  #removedFrom(network: number, id: number, seq: number): void {
    const list = this.#lists.get(network);
    if (list !== undefined) this.#removed(list, id, seq);
  }

  #removed(list: CachedList, id: number, seq: number): void {
    const chunk = list.chunkOf.get(id);
    if (chunk === undefined) return;
    chunk.ids.splice(chunk.ids.indexOf(id), 1);
    chunk.dirty = true;
    if (chunk.ids.length === 0) list.chunks.splice(list.chunks.indexOf(chunk), 1);
    list.chunkOf.delete(id);
    list.removals.push({ seq, id });
    if (list.removals.length > REMOVALS_KEPT) {
      const dropped = list.removals.splice(0, REMOVALS_KEPT / 2);
      list.removalsSince = dropped.at(-1)?.seq ?? list.removalsSince;
    }
  }

  #encode(list: CachedList, chunk: Chunk, now: number): void {
    const nodes = this.#state.nodes;
    const beacon = this.#beaconAddress();
    chunk.seenAt = new Uint32Array(chunk.ids.length);
    chunk.seen = new Uint32Array(chunk.ids.length);
    chunk.validUntil = Infinity;
    let text = '';
    let bytes = 0;
    for (const [i, id] of chunk.ids.entries()) {
      const entry = encodeJsonText(listEntry(this.#state, list.network, id, now, beacon));
      if (i > 0) {
        text += ',';
        bytes += 1;
      }
      const slot = nodes.liveSlotOf(id);
      const at = slot < 0 ? -1 : entry.indexOf(LAST_SEEN_KEY) + LAST_SEEN_KEY.length;
      if (at > 0) {
        chunk.seenAt[i] = bytes + Buffer.byteLength(entry.slice(0, at));
        chunk.seen[i] = nodes.lastSeen[slot] as number;
        chunk.validUntil = Math.min(chunk.validUntil, badgeEnd(nodes, slot, now));
      }
      text += entry;
      bytes += Buffer.byteLength(entry);
    }
    chunk.bytes = Buffer.from(text);
    chunk.dirty = false;
  }

  /** Brings the times of the last signs of life up to date, in copies: pieces on their way out stay as they are. */
  #refresh(list: CachedList, now: number): void {
    list.refreshedAt = now;
    const nodes = this.#state.nodes;
    for (const chunk of list.chunks) {
      if (chunk.dirty) continue;
      let copied = false;
      for (let i = 0; i < chunk.ids.length; i++) {
        const slot = nodes.slotOf(chunk.ids[i] as number);
        const at = chunk.seenAt[i] as number;
        if (slot < 0 || at === 0 || nodes.lastSeen[slot] === chunk.seen[i]) continue;
        if (!copied) chunk.bytes = Buffer.from(chunk.bytes);
        copied = true;
        chunk.seen[i] = nodes.lastSeen[slot] as number;
        writeRfc3339(chunk.bytes, at, chunk.seen[i] as number);
      }
    }
  }
}

/** When the node's badge stops being current; Infinity when it does not, or is not. */
function badgeEnd(nodes: NodeTable, slot: number, now: number): number {
  if (!nodes.has(slot, NodeFlag.hasBadge)) return Infinity;
  const expiry = badgeExpiry(nodes.profile(slot).rare.badge ?? '');
  return expiry > now ? expiry : Infinity;
}

const COMMA = Buffer.from(',');

const MEMBERSHIP_EVENTS: ReadonlySet<string> = new Set([
  'node.registered',
  'node.reclaimed',
  'node.deregistered',
  'nodes.reaped',
  'tombstones.evicted',
  'network.created',
  'network.joined',
  'network.left',
  'network.deleted',
]);
