import { decodeProfile } from './node-profile.ts';
import type { Directory } from './directory.ts';
import type { IdentityProviderSettings } from './events.ts';
import { leaseImages, restoreLeases } from './lease-images.ts';
import type { StoredLease } from './lease-table.ts';
import { Network, type NetworkProfile, type Role } from './network.ts';
import { STORED_FLAGS } from './node-table.ts';
import type { TrustEntry } from './trust-graph.ts';

/** One block of a snapshot: a kind and bytes. */
export interface SnapshotBlock {
  readonly kind: number;
  readonly bytes: Uint8Array;
}

/** Kinds of blocks: never reused, never changed. */
export const BlockKind = {
  meta: 1,
  nodes: 2,
  network: 3,
  members: 4,
  trust: 5,
  carried: 6,
  leases: 7,
} as const;

const BLOCK_BYTES = 128 * 1024;
const NODE_HEADER_BYTES = 4 + 2 + 4 + 4 * 5 + 4;
const MEMBERS_PER_BLOCK = 16_384;
const CARRIED_ENTRIES_PER_BLOCK = 512;

interface Meta {
  readonly nextNode: number;
  readonly nextNetwork: number;
  readonly identityWebhookUrl: string;
  readonly identityProvider: IdentityProviderSettings | null;
  /** Absent in snapshots from before leases. */
  readonly lastLeaseToken?: number;
}

interface NetworkImage {
  readonly profile: NetworkProfile;
  readonly roles: readonly (readonly [number, Role])[];
  readonly tags: readonly (readonly [number, readonly string[]])[];
  readonly members: Uint32Array;
}

/**
 * A picture of the directory as of one sequence number, taken while the directory goes on changing.
 *
 * Fault model: the picture must hold every event up to its sequence number and none after it, whatever happens while it
 * is written. Whoever changes a node, a network or a trust entry announces it first; what has not been written
 * yet is copied then. So the picture costs memory only for what changes while it is drawn, and the loop is never
 * held for longer than one block.
 *
 * `lastSeen` is drawn as it is at the moment: signs of life are not part of the stored state.
 */
export class SnapshotCapture {
  readonly #state: Directory;
  readonly #meta: Meta;
  readonly #carried: [string, unknown][];
  /** What is stored of a lease never changes in it, so a list of them is a picture. */
  readonly #leases: Readonly<Record<'held' | 'done', readonly StoredLease[]>>;
  readonly #networkIds: number[];
  readonly #slots: number;
  readonly #generation: number;
  #cursor = 0;
  readonly #nodes = new Map<number, Uint8Array | undefined>();
  readonly #networks = new Map<number, NetworkImage>();
  readonly #networksWritten = new Set<number>();
  readonly #trust = new Map<number, [number, number][] | undefined>();

  /**
   * Begins at the present state. Only one capture may be active; `generation` is different for each.
   *
   * @throws Error when another capture is active.
   */
  constructor(state: Directory, generation: number) {
    if (state.nodes.beforeChange !== undefined) throw new Error('another snapshot is being captured');
    this.#state = state;
    this.#generation = generation;
    this.#meta = {
      nextNode: state.nextNode,
      nextNetwork: state.nextNetwork,
      identityWebhookUrl: state.identityWebhookUrl,
      identityProvider: state.identityProvider ?? null,
      ...(state.leases.lastToken === 0 ? {} : { lastLeaseToken: state.leases.lastToken }),
    };
    const { held, done } = state.leases;
    this.#leases = { held: [...held.values()], done: [...done.values()] };
    this.#carried = Object.entries(state.carried);
    this.#networkIds = [...state.networks.keys()];
    this.#slots = state.nodes.usedSlots;
    state.nodes.beforeChange = (slot) => this.#keepNode(slot);
    state.beforeNetworkChange = (network) => this.#keepNetwork(network);
    state.trust.beforeChange = (smaller, entry) => this.#keepTrust(smaller, entry);
  }

  /** Lets the directory go. Must be called when the blocks have been written, or writing them failed. */
  end(): void {
    this.#state.nodes.beforeChange = undefined;
    this.#state.beforeNetworkChange = undefined;
    this.#state.trust.beforeChange = undefined;
  }

  /** The blocks, each encoded when it is asked for; the bytes of one are good until the next but one is asked for. */
  *blocks(): Generator<SnapshotBlock> {
    yield { kind: BlockKind.meta, bytes: Buffer.from(JSON.stringify(this.#meta)) };
    yield* this.#nodeBlocks();
    yield* this.#networkBlocks();
    yield* this.#trustBlocks();
    for (const [name, value] of this.#carried) yield* carriedBlocks(name, value);
    for (const bytes of leaseImages(this.#leases)) yield { kind: BlockKind.leases, bytes };
  }

  #keepNode(slot: number): void {
    if (slot < this.#cursor || slot >= this.#slots || this.#nodes.has(slot)) return;
    this.#nodes.set(slot, this.#state.nodes.idOf(slot) === 0 ? undefined : encodeNode(this.#state, slot));
  }

  #keepNetwork(network: Network): void {
    if (this.#networksWritten.has(network.id) || this.#networks.has(network.id)) return;
    this.#networks.set(network.id, imageOf(network));
  }

  #keepTrust(smaller: number, entry: TrustEntry | undefined): void {
    if (entry?.writtenBy === this.#generation || this.#trust.has(smaller)) return;
    this.#trust.set(smaller, entry === undefined ? undefined : [...entry.peers]);
  }

  *#nodeBlocks(): Generator<SnapshotBlock> {
    const writer = new BlockWriter(BlockKind.nodes);
    const nodes = this.#state.nodes;
    while (this.#cursor < this.#slots) {
      const slot = this.#cursor++;
      const kept = this.#nodes.get(slot);
      if (kept !== undefined) {
        writer.add(kept);
        this.#nodes.delete(slot);
      } else if (!this.#nodes.has(slot) && nodes.idOf(slot) !== 0) {
        const at = writer.reserve(NODE_HEADER_BYTES + nodes.profileBytes(slot));
        writeNode(this.#state, slot, writer.buffer, at);
      }
      if (writer.full) yield writer.take();
    }
    if (!writer.empty) yield writer.take();
  }

  *#networkBlocks(): Generator<SnapshotBlock> {
    for (const id of this.#networkIds) {
      const live = this.#state.networks.get(id);
      const image = this.#networks.get(id) ?? (live === undefined ? undefined : imageOf(live));
      this.#networksWritten.add(id);
      this.#networks.delete(id);
      if (image === undefined) continue;
      const { members, ...head } = image;
      yield { kind: BlockKind.network, bytes: Buffer.from(JSON.stringify(head)) };
      for (let from = 0; from < members.length; from += MEMBERS_PER_BLOCK) {
        const part = members.subarray(from, from + MEMBERS_PER_BLOCK);
        const bytes = Buffer.allocUnsafe(2 + 4 * part.length);
        let at = bytes.writeUInt16BE(id, 0);
        for (const member of part) at = bytes.writeUInt32BE(member, at);
        yield { kind: BlockKind.members, bytes };
      }
    }
  }

  *#trustBlocks(): Generator<SnapshotBlock> {
    const writer = new BlockWriter(BlockKind.trust);
    for (const [smaller, entry] of this.#state.trust.entries) {
      if (entry.writtenBy === this.#generation || this.#trust.has(smaller)) continue;
      entry.writtenBy = this.#generation;
      writeTrust(writer, smaller, entry.peers);
      if (writer.full) yield writer.take();
    }
    for (const [smaller, peers] of this.#trust) {
      if (peers === undefined) continue;
      writeTrust(writer, smaller, peers);
      if (writer.full) yield writer.take();
    }
    if (!writer.empty) yield writer.take();
  }
}

/** Puts one block of a snapshot into an empty directory. Unknown kinds throw: skipping one would lose state. */
export function restoreBlock(state: Directory, kind: number, bytes: Buffer): void {
  switch (kind) {
    case BlockKind.meta: {
      const meta = JSON.parse(bytes.toString('utf8')) as Meta;
      state.nextNode = meta.nextNode;
      state.nextNetwork = meta.nextNetwork;
      state.identityWebhookUrl = meta.identityWebhookUrl;
      state.identityProvider = meta.identityProvider ?? undefined;
      state.leases.lastToken = meta.lastLeaseToken ?? 0;
      return;
    }
    case BlockKind.nodes:
      return restoreNodes(state, bytes);
    case BlockKind.network:
      return restoreNetwork(state, JSON.parse(bytes.toString('utf8')) as NetworkImage);
    case BlockKind.members:
      return restoreMembers(state, bytes);
    case BlockKind.trust:
      return restoreTrust(state, bytes);
    case BlockKind.carried: {
      const { name, value, more } = JSON.parse(bytes.toString('utf8')) as CarriedBlock;
      state.carried[name] = more === true ? joined(state.carried[name], value) : value;
      return;
    }
    case BlockKind.leases:
      return restoreLeases(state.leases, bytes);
    default:
      throw new Error(`snapshot block of unknown kind ${kind}`);
  }
}

/** Gathers small records into blocks. A block's bytes are used again for the block after the next one. */
class BlockWriter {
  buffer: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #other: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  readonly #kind: number;
  #length = 0;

  constructor(kind: number) {
    this.#kind = kind;
  }

  get empty(): boolean {
    return this.#length === 0;
  }

  get full(): boolean {
    return this.#length >= BLOCK_BYTES - 4096;
  }

  /** Reserves `length` bytes in `buffer` and answers their offset. */
  reserve(length: number): number {
    const at = this.#length;
    if (at + length > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow((at + length) * 2);
      this.buffer.copy(larger, 0, 0, at);
      this.buffer = larger;
    }
    this.#length += length;
    return at;
  }

  add(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
  }

  take(): SnapshotBlock {
    const block = { kind: this.#kind, bytes: this.buffer.subarray(0, this.#length) };
    [this.buffer, this.#other] = [this.#other, this.buffer];
    this.#length = 0;
    return block;
  }
}

interface CarriedBlock {
  readonly name: string;
  readonly value: unknown;
  /** Continues the block before it. */
  readonly more?: true;
}

/** A section in pieces, since an inbox has an entry per node; entries themselves are small. */
function* carriedBlocks(name: string, value: unknown): Generator<SnapshotBlock> {
  let isFirst = true;
  for (const piece of piecesOf(value)) {
    const block: CarriedBlock = isFirst ? { name, value: piece } : { name, value: piece, more: true };
    yield { kind: BlockKind.carried, bytes: Buffer.from(JSON.stringify(block)) };
    isFirst = false;
  }
}

function* piecesOf(value: unknown): Generator<unknown> {
  const isList = Array.isArray(value);
  const entries = isList ? value : typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length <= CARRIED_ENTRIES_PER_BLOCK) return yield value;
  for (let from = 0; from < entries.length; from += CARRIED_ENTRIES_PER_BLOCK) {
    const piece = entries.slice(from, from + CARRIED_ENTRIES_PER_BLOCK);
    yield isList ? piece : Object.fromEntries(piece as [string, unknown][]);
  }
}

/** Adds a piece of a section to the ones before it. */
function joined(before: unknown, piece: unknown): unknown {
  if (Array.isArray(before)) before.push(...(piece as unknown[]));
  else {
    for (const [name, value] of Object.entries(piece as object)) {
      // Not an assignment: a member may be called `__proto__`.
      Object.defineProperty(before, name, { value, enumerable: true, writable: true, configurable: true });
    }
  }
  return before;
}

function encodeNode(state: Directory, slot: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(NODE_HEADER_BYTES + state.nodes.profileBytes(slot));
  writeNode(state, slot, bytes, 0);
  return bytes;
}

/** id, flags, last seen, created, rotated, rotations, expires, gone, length of the profile, profile with the key. */
function writeNode(state: Directory, slot: number, target: Buffer, start: number): void {
  const nodes = state.nodes;
  let at = target.writeUInt32BE(nodes.idOf(slot), start);
  at = target.writeUInt16BE((nodes.flags[slot] as number) & STORED_FLAGS, at);
  at = target.writeUInt32BE(nodes.lastSeen[slot] as number, at);
  at = target.writeUInt32BE(nodes.createdAt[slot] as number, at);
  at = target.writeUInt32BE(nodes.rotatedAt[slot] as number, at);
  at = target.writeUInt32BE(nodes.rotateCount[slot] as number, at);
  at = target.writeUInt32BE(nodes.expiresAt[slot] as number, at);
  at = target.writeUInt32BE(nodes.goneAt[slot] as number, at);
  const length = nodes.profileBytes(slot);
  at = target.writeUInt32BE(length, at);
  if (nodes.locateProfile(slot)) {
    nodes.arena.buffer.copy(target, at, nodes.arena.offset, nodes.arena.offset + length);
  }
}

function restoreNodes(state: Directory, bytes: Buffer): void {
  const nodes = state.nodes;
  let at = 0;
  while (at < bytes.length) {
    const id = bytes.readUInt32BE(at);
    const flags = bytes.readUInt16BE(at + 4);
    const numbersAt = at + 10;
    const length = bytes.readUInt32BE(numbersAt + 20);
    const profileAt = numbersAt + 24;
    if (profileAt + length > bytes.length || nodes.slotOf(id) >= 0)
      throw new Error(`snapshot: node ${id} is damaged`);
    const slot = nodes.restore(id, flags, bytes.subarray(profileAt, profileAt + length));
    nodes.lastSeen[slot] = bytes.readUInt32BE(at + 6);
    nodes.createdAt[slot] = bytes.readUInt32BE(numbersAt);
    nodes.rotatedAt[slot] = bytes.readUInt32BE(numbersAt + 4);
    nodes.rotateCount[slot] = bytes.readUInt32BE(numbersAt + 8);
    nodes.expiresAt[slot] = bytes.readUInt32BE(numbersAt + 12);
    nodes.goneAt[slot] = bytes.readUInt32BE(numbersAt + 16);
    at = profileAt + length;
  }
}

function imageOf(network: Network): NetworkImage {
  return {
    profile: network.profile,
    roles: [...network.roles],
    tags: [...network.tags],
    members: network.memberIds(),
  };
}

function restoreNetwork(state: Directory, image: NetworkImage): void {
  const existing = state.networks.get(image.profile.id);
  if (existing !== undefined) state.removeNetwork(existing);
  const network = new Network(image.profile);
  state.addNetwork(network);
  for (const [node, role] of image.roles) network.roles.set(node, role);
  for (const [node, tags] of image.tags) network.tags.set(node, tags);
}

function restoreMembers(state: Directory, bytes: Buffer): void {
  const network = state.networks.get(bytes.readUInt16BE(0));
  if (network === undefined) throw new Error('snapshot: members of a network that it does not hold');
  for (let at = 2; at < bytes.length; at += 4) network.add(bytes.readUInt32BE(at), 'member');
}

function writeTrust(writer: BlockWriter, smaller: number, peers: Iterable<readonly [number, number]>): void {
  for (const [larger, bits] of peers) {
    const at = writer.reserve(9);
    writer.buffer.writeUInt32BE(smaller, at);
    writer.buffer.writeUInt32BE(larger, at + 4);
    writer.buffer[at + 8] = bits;
  }
}

function restoreTrust(state: Directory, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += 9) {
    state.trust.add(bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4), bytes[at + 8] as number, 0);
  }
}

/** Checks what the parts of a restored directory say of one another; answers what is wrong, in words. */
export function* inconsistencies(state: Directory): Generator<string> {
  const nodes = state.nodes;
  for (let slot = 0; slot < nodes.usedSlots; slot++) {
    const id = nodes.idOf(slot);
    if (id === 0) continue;
    nodes.locateProfile(slot);
    for (const network of decodeProfile(nodes.arena.buffer, nodes.arena.offset).networks) {
      if (network === 0) continue;
      if (state.networks.get(network)?.has(id) !== true)
        yield `node ${id}: network ${network} does not list it`;
    }
  }
  for (const network of state.networks.values()) {
    for (const member of network.members()) {
      const slot = nodes.slotOf(member);
      if (slot < 0) continue;
      if (!nodes.profile(slot).networks.includes(network.id)) {
        yield `network ${network.id}: member ${member} does not know of it`;
      }
    }
  }
}
