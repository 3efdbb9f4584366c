import type { PeerRole, PeerView } from '../../src/protocol/fleet-view.ts';
import { mainRole } from './peer-index.ts';

/** A peer on the map. Coordinates are in units of the map: neighbours are about 1.7 apart, a marker is about 1 across. */
export interface Place {
  readonly peer: PeerView;
  readonly role: PeerRole;
  readonly island: Island;
  /** In the middle of its island. */
  readonly isCentre: boolean;
  /** Relative to the island. */
  readonly x: number;
  readonly y: number;
}

/** A group of peers that are drawn together: an indexer and the nodes that deal with it, mirrors around their origin. */
export interface Island {
  /** `registry`, `mirrors`, `others`, or the id of an indexer. */
  readonly id: string;
  x: number;
  y: number;
  /** Of the circle that holds its slots and its centre. */
  readonly radius: number;
  readonly size: number;
}

/** Slots of a group that stand on one ring, evenly; beyond, they are packed like the seeds of a sunflower. */
export const RING_SLOTS = [4, 6, 8, 12] as const;
const RING_SPACING = 2;
const CENTRE_ROOM = 2;
/** Room in the middle of a packed group, where the marker of the centre is much larger than a seed. */
const SEED_ROOM = 3;
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));
const GAP = 1.4;

class MutableIsland implements Island {
  readonly id: string;
  x = 0;
  y = 0;
  radius = CENTRE_ROOM;
  capacity = 0;
  centre: string | undefined;
  readonly slots: (string | undefined)[] = [];
  readonly free: number[] = [];
  used = 0;

  constructor(id: string) {
    this.id = id;
  }

  get size(): number {
    return this.used + (this.centre === undefined ? 0 : 1);
  }
}

interface Slot {
  readonly island: MutableIsland;
  /** -1 is the centre. */
  readonly index: number;
}

/**
 * Where each peer stands on the map. The same peers in the same order stand in the same places, and a change moves as little as
 * possible: who leaves leaves a gap that the next one takes; only a group that outgrows its room moves the others.
 */
export class MapLayout {
  readonly #islands = new Map<string, MutableIsland>();
  readonly #slots = new Map<string, Slot>();
  readonly #peers = new Map<string, PeerView>();
  readonly #aspect: number;
  #version = 0;
  #isNewGroup = false;

  /** `aspect` is the width of the map by its height. */
  constructor(aspect = 1.5) {
    this.#aspect = aspect;
  }

  /** Goes up when places that were taken before have moved. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#peers.size;
  }

  get islands(): readonly Island[] {
    return [...this.#islands.values()];
  }

  place(id: string): Place | undefined {
    const slot = this.#slots.get(id);
    const peer = this.#peers.get(id);
    if (slot === undefined || peer === undefined) return undefined;
    const { island, index } = slot;
    const role = mainRole(peer);
    if (index === -1) return { peer, role, island, isCentre: true, x: 0, y: 0 };
    const [x, y] = slotPosition(index, island.capacity);
    return { peer, role, island, isCentre: false, x, y };
  }

  *places(): Iterable<Place> {
    for (const id of this.#peers.keys()) {
      const place = this.place(id);
      if (place !== undefined) yield place;
    }
  }

  /** The rectangle that holds all islands. */
  bounds(): { readonly x: number; readonly y: number; readonly width: number; readonly height: number } {
    let [left, right, top, bottom] = [0, 0, 0, 0];
    for (const { x, y, radius } of this.#islands.values()) {
      left = Math.min(left, x - radius);
      right = Math.max(right, x + radius);
      top = Math.min(top, y - radius);
      bottom = Math.max(bottom, y + radius);
    }
    return { x: left, y: top, width: right - left, height: bottom - top };
  }

  /** Takes changed and new peers, and forgets removed ones. True when places of others have moved. */
  apply(changed: readonly PeerView[], removed: readonly string[] = []): boolean {
    const homeless: string[] = [];
    for (const id of removed) {
      homeless.push(...this.#leave(id));
      this.#peers.delete(id);
    }
    for (const peer of changed) this.#peers.set(peer.id, peer);
    // Indexers first: nodes that came with them find their island.
    const indexers = changed.filter((peer) => mainRole(peer) === 'indexer');
    for (const peer of indexers) this.#settle(peer, homeless);
    if (indexers.length > 0) homeless.push(...this.#members('others'));
    for (const peer of changed) if (mainRole(peer) !== 'indexer') this.#settle(peer, homeless);
    for (const id of homeless) {
      const peer = this.#peers.get(id);
      if (peer !== undefined) this.#settle(peer, []);
    }
    const hasMoved = this.#resize();
    if (hasMoved) this.#version++;
    return hasMoved;
  }

  #members(islandId: string): readonly string[] {
    return (this.#islands.get(islandId)?.slots ?? []).filter((id) => id !== undefined);
  }

  #settle(peer: PeerView, homeless: string[]): void {
    const known = this.#slots.get(peer.id);
    const wanted = this.#homeOf(peer, known);
    if (known !== undefined && known.island.id === wanted.id && (known.index === -1) === wanted.isCentre)
      return;
    homeless.push(...this.#leave(peer.id));
    let island = this.#islands.get(wanted.id);
    if (island === undefined) {
      this.#islands.set(wanted.id, (island = new MutableIsland(wanted.id)));
      this.#isNewGroup = true;
    }
    if (wanted.isCentre && island.centre === undefined) {
      island.centre = peer.id;
      this.#slots.set(peer.id, { island, index: -1 });
      return;
    }
    const index = island.free.pop() ?? island.slots.length;
    island.slots[index] = peer.id;
    island.used++;
    this.#slots.set(peer.id, { island, index });
  }

  /** Takes a peer off the map; the ids of those that stood around it. */
  #leave(id: string): readonly string[] {
    const slot = this.#slots.get(id);
    if (slot === undefined) return [];
    this.#slots.delete(id);
    const { island, index } = slot;
    if (index === -1) island.centre = undefined;
    else {
      island.slots[index] = undefined;
      island.free.push(index);
      island.used--;
    }
    const around = index === -1 && island.id === id ? this.#members(island.id) : [];
    if (island.size === 0) this.#islands.delete(island.id);
    return around;
  }

  #homeOf(peer: PeerView, known: Slot | undefined): { readonly id: string; readonly isCentre: boolean } {
    switch (mainRole(peer)) {
      case 'registry':
        return this.#centreOf('registry', peer.id);
      case 'indexer':
        return { id: peer.id, isCentre: true };
      case 'origin':
        return this.#centreOf('mirrors', peer.id);
      case 'mirror':
        return { id: 'mirrors', isCentre: false };
      case 'node': {
        const homes = peer.links.filter((id) => this.#islands.get(id)?.centre === id);
        if (homes.length === 0) return { id: 'others', isCentre: false };
        const current = known?.island.id;
        if (current !== undefined && homes.includes(current)) return { id: current, isCentre: false };
        return { id: homes.sort()[hash(peer.id) % homes.length] as string, isCentre: false };
      }
    }
  }

  /** The first of a kind stands in the middle, further ones around it. */
  #centreOf(islandId: string, id: string): { readonly id: string; readonly isCentre: boolean } {
    const centre = this.#islands.get(islandId)?.centre;
    return { id: islandId, isCentre: centre === undefined || centre === id };
  }

  #resize(): boolean {
    let hasChanged = this.#isNewGroup;
    for (const island of this.#islands.values()) {
      const capacity = capacityFor(island.slots.length, island.capacity);
      if (capacity === island.capacity && island.radius === radiusOf(capacity)) continue;
      island.capacity = capacity;
      island.radius = radiusOf(capacity);
      hasChanged = true;
    }
    if (!hasChanged) return false;
    this.#isNewGroup = false;
    packIslands([...this.#islands.values()], this.#aspect);
    return true;
  }
}

/** Room for `needed` slots: never less than there is, unless a third would do. */
function capacityFor(needed: number, current: number): number {
  if (needed <= current && needed * 3 > current) return current;
  if (needed === 0) return 0;
  const ring = RING_SLOTS.find((slots) => needed <= slots);
  return ring ?? Math.ceil(needed * 1.15);
}

function radiusOf(capacity: number): number {
  if (capacity === 0) return CENTRE_ROOM;
  return isRing(capacity) ? ringRadius(capacity) + 1.2 : Math.sqrt(capacity + seedOffset()) + 1.2;
}

function isRing(capacity: number): boolean {
  return capacity <= (RING_SLOTS.at(-1) as number);
}

function ringRadius(capacity: number): number {
  return Math.max(CENTRE_ROOM, (capacity * RING_SPACING) / (2 * Math.PI));
}

/** Seeds that are left out in the middle, for the marker of the centre. */
function seedOffset(): number {
  return SEED_ROOM * SEED_ROOM;
}

function slotPosition(index: number, capacity: number): readonly [number, number] {
  if (isRing(capacity)) {
    const angle = (2 * Math.PI * index) / capacity - Math.PI / 2;
    return [Math.cos(angle) * ringRadius(capacity), Math.sin(angle) * ringRadius(capacity)];
  }
  const distance = Math.sqrt(index + seedOffset());
  const angle = index * GOLDEN_ANGLE;
  return [Math.cos(angle) * distance, Math.sin(angle) * distance];
}

/** Beyond this many groups, finding the best place for each would take longer than anyone waits. */
const MAX_FITTED = 150;

/** The registry in the middle, then the largest first, each as near to the middle as it fits. */
function packIslands(islands: readonly MutableIsland[], aspect: number): void {
  const order = [...islands].sort(
    (a, b) =>
      Number(b.id === 'registry') - Number(a.id === 'registry') ||
      b.radius - a.radius ||
      (a.id < b.id ? -1 : 1),
  );
  if (order.length > MAX_FITTED) {
    const spacing = (2 * Math.max(...order.map(({ radius }) => radius)) + GAP) / 1.6;
    order.forEach((island, turn) => standOn(island, turn, spacing, aspect));
    return;
  }
  const placed: MutableIsland[] = [];
  for (const island of order) {
    for (let turn = 0; ; turn++) {
      standOn(island, turn, island.radius / 4, aspect);
      if (placed.every((other) => isApart(island, other))) break;
    }
    placed.push(island);
  }
}

/** Candidates lie evenly, ever further out, in an ellipse of the form of the map. */
function standOn(island: MutableIsland, turn: number, spacing: number, aspect: number): void {
  const angle = turn * GOLDEN_ANGLE;
  const distance = spacing * Math.sqrt(turn);
  island.x = Math.cos(angle) * distance * Math.sqrt(aspect);
  island.y = (Math.sin(angle) * distance) / Math.sqrt(aspect);
}

function isApart(a: MutableIsland, b: MutableIsland): boolean {
  return Math.hypot(a.x - b.x, a.y - b.y) >= a.radius + b.radius + GAP;
}

function hash(text: string): number {
  let value = 2_166_136_261;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16_777_619) >>> 0;
  return value;
}
