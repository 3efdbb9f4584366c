import type { Random } from '@muster/core';
import { Arena } from './arena.ts';
import { HashIndex, KeyedHash } from './hash-index.ts';
import {
  decodeNames,
  locateNames,
  names,
  decodeProfile,
  emptyProfile,
  encodeProfile,
  keyOffset,
  type NodeProfile,
  profileLength,
} from './node-profile.ts';
import { U32Map } from './u32-map.ts';

/** Bits of a node's flags; {@link STORED_FLAGS} says which ones a snapshot keeps. */
export const NodeFlag = {
  live: 1,
  public: 2,
  taskExec: 4,
  relayOnly: 8,
  /** The key has registered with a signature: unsigned changes are refused from then on (B-14). */
  signatureVerified: 16,
  hasKey: 32,
  /** The key has used v2 signatures: v1 ones are refused from then on (B-10). */
  requiresV2: 64,
  hasBadge: 128,
  /** The slot waits in the expiry wheel. */
  inWheel: 256,
  /** The hostname index points at this slot. */
  ownsHostname: 512,
} as const;

/** Flags that a snapshot keeps. */
export const STORED_FLAGS = 0xff | NodeFlag.ownsHostname;

export const KEY_BYTES = 32;

/**
 * All nodes that are known: the live ones, and the remembered identities of those that are gone (tombstones, B-16).
 *
 * A node occupies a slot. What changes or is asked often lives in typed arrays indexed by slot; the rest is a
 * {@link NodeProfile} in an {@link Arena}. The arrays are as long as the limits allow, but the host gives memory only
 * to pages that are touched. Public keys, hostnames and owners are indexed with seeded hashes.
 *
 * Every change of stored state goes through a method that first calls `beforeChange`, so that a snapshot in progress
 * can keep the state as of its beginning (see snapshot.ts). `lastSeen` is not stored state.
 */
export class NodeTable {
  readonly capacity: number;
  readonly ids: Uint32Array;
  readonly flags: Uint16Array;
  /** Unix seconds of the last sign of life; 0 = never. */
  readonly lastSeen: Uint32Array;
  readonly createdAt: Uint32Array;
  /** Unix seconds; 0 = never rotated. */
  readonly rotatedAt: Uint32Array;
  readonly rotateCount: Uint32Array;
  /** Unix seconds; 0 = the key does not expire. */
  readonly expiresAt: Uint32Array;
  /** Unix seconds at which a live node became a tombstone; 0 while live. */
  readonly goneAt: Uint32Array;
  /** Sequence number of the last event that changed the slot: readers wait until it is durable. */
  readonly changedBy: Float64Array;
  /** Grows with each change of the slot's key; a connection's proof of possession names it. Memory only. */
  readonly keyVersion: Uint32Array;
  /** Links of the expiry wheel. */
  readonly wheelNext: Int32Array;
  readonly arena = new Arena();

  /** Called with a slot before its stored state changes. */
  beforeChange: ((slot: number) => void) | undefined;

  readonly #profiles: Uint32Array;
  readonly #byId = new U32Map();
  readonly #byKey = new HashIndex();
  readonly #byHostname = new HashIndex();
  readonly #byOwner = new HashIndex();
  readonly #hash: KeyedHash;
  readonly #freeSlots: number[] = [];
  #usedSlots = 0;
  #liveCount = 0;
  #tombstones = 0;

  constructor(capacity: number, random: Random) {
    this.capacity = capacity;
    this.#hash = new KeyedHash(random.integer(2 ** 32));
    this.ids = new Uint32Array(capacity);
    this.flags = new Uint16Array(capacity);
    this.lastSeen = new Uint32Array(capacity);
    this.createdAt = new Uint32Array(capacity);
    this.rotatedAt = new Uint32Array(capacity);
    this.rotateCount = new Uint32Array(capacity);
    this.expiresAt = new Uint32Array(capacity);
    this.goneAt = new Uint32Array(capacity);
    this.changedBy = new Float64Array(capacity);
    this.keyVersion = new Uint32Array(capacity);
    this.wheelNext = new Int32Array(capacity);
    this.#profiles = new Uint32Array(capacity);
  }

  /** Slots below this number have been used at least once. */
  get usedSlots(): number {
    return this.#usedSlots;
  }

  get liveCount(): number {
    return this.#liveCount;
  }

  get tombstoneCount(): number {
    return this.#tombstones;
  }

  /** Whether live nodes and tombstones have taken every slot. */
  get isFull(): boolean {
    return this.#liveCount + this.#tombstones >= this.capacity;
  }

  /** Indexed public keys, of live nodes and tombstones. */
  get keyCount(): number {
    return this.#byKey.size;
  }

  /** Slot of a known id, live or gone; -1 when unknown. */
  slotOf(id: number): number {
    return id === 0 ? -1 : this.#byId.get(id);
  }

  /** Slot of a live node; -1 when there is none. */
  liveSlotOf(id: number): number {
    const slot = this.slotOf(id);
    return slot >= 0 && ((this.flags[slot] as number) & NodeFlag.live) !== 0 ? slot : -1;
  }

  has(slot: number, flag: number): boolean {
    return ((this.flags[slot] as number) & flag) !== 0;
  }

  idOf(slot: number): number {
    return this.ids[slot] as number;
  }

  /** Slot that this public key belongs to, live or gone; -1 when unknown. */
  slotOfKey(key: Uint8Array): number {
    return this.#byKey.find(this.#hash.bytes(key, 0, KEY_BYTES), (slot) => this.keyEquals(slot, key));
  }

  /** Slot that holds this hostname, live or gone; -1 when the name is free. */
  slotOfHostname(hostname: string): number {
    if (hostname === '') return -1;
    return this.#byHostname.find(
      this.#hash.text(hostname),
      (slot) => this.#names(slot).hostname === hostname,
    );
  }

  /** Slot that this owner label is bound to, live or gone; -1 when unbound. */
  slotOfOwner(owner: string): number {
    if (owner === '') return -1;
    return this.#byOwner.find(this.#hash.text(owner), (slot) => this.#names(slot).owner === owner);
  }

  keyEquals(slot: number, key: Uint8Array): boolean {
    if (!this.has(slot, NodeFlag.hasKey)) return false;
    const start = this.#locateKey(slot);
    return this.arena.buffer.compare(key, 0, KEY_BYTES, start, start + KEY_BYTES) === 0;
  }

  /** The public key, or undefined for an imported node without one. The bytes are a view: copy to keep. */
  key(slot: number): Buffer | undefined {
    if (!this.has(slot, NodeFlag.hasKey)) return undefined;
    const start = this.#locateKey(slot);
    return this.arena.buffer.subarray(start, start + KEY_BYTES);
  }

  profile(slot: number): NodeProfile {
    const reference = this.#profiles[slot] as number;
    if (reference === 0) return emptyProfile;
    this.arena.locate(reference);
    return decodeProfile(this.arena.buffer, this.arena.offset);
  }

  /** Points the arena's `buffer` and `offset` at the profile's bytes; false when the slot has none. No allocation. */
  locateProfile(slot: number): boolean {
    const reference = this.#profiles[slot] as number;
    if (reference === 0) return false;
    this.arena.locate(reference);
    return true;
  }

  /** Where the arena keeps the profile; 0 when the slot has none. */
  profileReference(slot: number): number {
    return this.#profiles[slot] as number;
  }

  /**
   * Takes a slot for a new node; the caller fills it with the setters below.
   *
   * @throws RangeError when the table is full or the key has another length: callers check both first.
   */
  insert(id: number, key: Uint8Array | undefined): number {
    if (key !== undefined && key.length !== KEY_BYTES)
      throw new RangeError(`node table: key of ${key.length} bytes`);
    const slot = this.#freeSlots.pop() ?? this.#usedSlots;
    if (slot >= this.capacity) throw new RangeError('node table: full');
    this.beforeChange?.(slot);
    if (slot === this.#usedSlots) this.#usedSlots++;
    this.ids[slot] = id;
    this.#byId.set(id, slot);
    this.flags[slot] = (this.flags[slot] as number) & NodeFlag.inWheel;
    this.#tombstones++;
    if (key !== undefined) this.#storeKey(slot, emptyProfile, key);
    return slot;
  }

  /** Forgets a tombstone altogether and frees its slot. */
  erase(slot: number): void {
    this.beforeChange?.(slot);
    this.setProfile(slot, emptyProfile);
    this.#unindexKey(slot);
    this.#byId.delete(this.idOf(slot));
    if (this.has(slot, NodeFlag.live)) this.#liveCount--;
    else this.#tombstones--;
    this.#freeProfile(slot);
    this.flags[slot] = (this.flags[slot] as number) & NodeFlag.inWheel;
    this.ids[slot] = 0;
    for (const column of [
      this.lastSeen,
      this.createdAt,
      this.rotatedAt,
      this.rotateCount,
      this.expiresAt,
      this.goneAt,
    ]) {
      column[slot] = 0;
    }
    this.keyVersion[slot] = (this.keyVersion[slot] as number) + 1;
    this.#freeSlots.push(slot);
  }

  /** Sets or clears a stored flag other than `live`, `hasKey` and `hasBadge`, which follow from other changes. */
  setFlag(slot: number, flag: number, on: boolean): void {
    if (this.has(slot, flag) === on) return;
    this.beforeChange?.(slot);
    const flags = this.flags[slot] as number;
    this.flags[slot] = on ? flags | flag : flags & ~flag;
  }

  /** Makes a slot live, or a tombstone as of `goneAt` (unix seconds). */
  setLive(slot: number, live: boolean, goneAt: number): void {
    this.beforeChange?.(slot);
    if (this.has(slot, NodeFlag.live) !== live) {
      this.#liveCount += live ? 1 : -1;
      this.#tombstones += live ? -1 : 1;
    }
    const flags = this.flags[slot] as number;
    this.flags[slot] = live ? flags | NodeFlag.live : flags & ~NodeFlag.live;
    this.goneAt[slot] = live ? 0 : goneAt;
  }

  setKey(slot: number, key: Uint8Array): void {
    this.beforeChange?.(slot);
    this.#unindexKey(slot);
    this.#storeKey(slot, this.profile(slot), key);
    this.keyVersion[slot] = (this.keyVersion[slot] as number) + 1;
  }

  /** Sets the times and the counter of a key, in unix seconds. */
  setKeyMeta(
    slot: number,
    meta: { createdAt: number; rotatedAt: number; rotateCount: number; expiresAt: number },
  ): void {
    this.beforeChange?.(slot);
    this.createdAt[slot] = meta.createdAt;
    this.rotatedAt[slot] = meta.rotatedAt;
    this.rotateCount[slot] = meta.rotateCount;
    this.expiresAt[slot] = meta.expiresAt;
  }

  /**
   * Replaces the profile and keeps the owner index and the hostname index in step: a new hostname is taken (from whoever
   * holds it: callers decide beforehand whether that is allowed), an unchanged one stays held or not held as it was.
   */
  setProfile(slot: number, profile: NodeProfile): void {
    this.beforeChange?.(slot);
    const before = this.profile(slot);
    const takes = this.has(slot, NodeFlag.ownsHostname) || profile.hostname !== before.hostname;
    if (before.owner !== profile.owner && before.owner !== '')
      this.#byOwner.remove(this.#hash.text(before.owner), slot);
    if (profile.hostname !== before.hostname) this.releaseHostname(slot);
    this.#storeProfile(slot, encodeProfile(profile, this.key(slot)));
    this.#setBadgeFlag(slot, profile.rare.badge !== undefined);
    if (profile.owner !== '' && profile.owner !== before.owner) this.#takeOwner(slot, profile.owner);
    if (takes) this.takeHostname(slot);
  }

  /** Frees the hostname for others; the profile keeps it as a wish for the node's return. */
  releaseHostname(slot: number): void {
    if (!this.has(slot, NodeFlag.ownsHostname)) return;
    this.beforeChange?.(slot);
    this.#byHostname.remove(this.#hash.text(this.#names(slot).hostname), slot);
    this.flags[slot] = (this.flags[slot] as number) & ~NodeFlag.ownsHostname;
  }

  /** Stored length of the profile in bytes. */
  profileBytes(slot: number): number {
    return this.locateProfile(slot) ? profileLength(this.arena.buffer, this.arena.offset) : 0;
  }

  /** Makes the slot the holder of the hostname in its profile, if it has one. */
  takeHostname(slot: number): void {
    const { hostname } = this.#names(slot);
    const holder = this.slotOfHostname(hostname);
    if (hostname === '' || holder === slot) return;
    this.beforeChange?.(slot);
    if (holder >= 0) {
      this.beforeChange?.(holder);
      this.releaseHostname(holder);
    }
    this.#byHostname.add(this.#hash.text(hostname), slot);
    this.flags[slot] = (this.flags[slot] as number) | NodeFlag.ownsHostname;
  }

  /**
   * Puts back a slot as a snapshot describes it: flags and encoded profile with the key; the number columns are the
   * caller's. Answers the slot.
   */
  restore(id: number, flags: number, profile: Uint8Array): number {
    const slot = this.insert(id, undefined);
    this.#storeProfile(slot, profile);
    const isLive = (flags & NodeFlag.live) !== 0;
    this.flags[slot] = flags & ~NodeFlag.ownsHostname;
    this.#liveCount += isLive ? 1 : 0;
    this.#tombstones -= isLive ? 1 : 0;
    if ((flags & NodeFlag.hasKey) !== 0) this.#indexKey(slot);
    this.#indexNames(slot, (flags & NodeFlag.ownsHostname) !== 0);
    return slot;
  }

  #names(slot: number): { hostname: string; owner: string } {
    this.locateProfile(slot);
    return decodeNames(this.arena.buffer, this.arena.offset);
  }

  /** Indexes the names of a restored profile from its bytes, without making texts of them. */
  #indexNames(slot: number, holdsHostname: boolean): void {
    this.locateProfile(slot);
    const { buffer } = this.arena;
    locateNames(buffer, this.arena.offset);
    const { hostnameAt, hostnameBytes, ownerAt, ownerBytes } = names;
    if (ownerBytes > 0) {
      const hash = this.#hash.bytes(buffer, ownerAt, ownerBytes);
      this.#byOwner.addIfAbsent(hash, slot, (other) => this.#names(other).owner === this.#names(slot).owner);
    }
    if (hostnameBytes === 0 || !holdsHostname) return;
    const hash = this.#hash.bytes(buffer, hostnameAt, hostnameBytes);
    const sameName = (other: number): boolean => this.#names(other).hostname === this.#names(slot).hostname;
    if (this.#byHostname.addIfAbsent(hash, slot, sameName) >= 0) return;
    this.flags[slot] = (this.flags[slot] as number) | NodeFlag.ownsHostname;
  }

  #takeOwner(slot: number, owner: string): void {
    this.#byOwner.addIfAbsent(this.#hash.text(owner), slot, (other) => this.#names(other).owner === owner);
  }

  #storeProfile(slot: number, encoded: Uint8Array): void {
    this.#freeProfile(slot);
    const reference = this.arena.allocate(encoded.length);
    this.arena.locate(reference);
    this.arena.buffer.set(encoded, this.arena.offset);
    this.#profiles[slot] = reference;
  }

  #freeProfile(slot: number): void {
    const length = this.profileBytes(slot);
    this.arena.release(this.#profiles[slot] as number, length);
    this.#profiles[slot] = 0;
  }

  #setBadgeFlag(slot: number, on: boolean): void {
    const flags = this.flags[slot] as number;
    this.flags[slot] = on ? flags | NodeFlag.hasBadge : flags & ~NodeFlag.hasBadge;
  }

  #locateKey(slot: number): number {
    this.locateProfile(slot);
    return keyOffset(this.arena.buffer, this.arena.offset) + 1;
  }

  #storeKey(slot: number, profile: NodeProfile, key: Uint8Array): void {
    this.#storeProfile(slot, encodeProfile(profile, key));
    this.flags[slot] = (this.flags[slot] as number) | NodeFlag.hasKey;
    this.#indexKey(slot);
  }

  #indexKey(slot: number): void {
    const key = this.key(slot) as Buffer;
    this.#byKey.addIfAbsent(this.#hash.bytes(key, 0, KEY_BYTES), slot, (other) => this.keyEquals(other, key));
  }

  #unindexKey(slot: number): void {
    const key = this.key(slot);
    if (key === undefined) return;
    this.#byKey.remove(this.#hash.bytes(key, 0, KEY_BYTES), slot);
    this.flags[slot] = (this.flags[slot] as number) & ~NodeFlag.hasKey;
  }
}
