/** Payloads of the three native binary operations and of errors (registry spec section 2.5). */
import { SIGNATURE_BYTES } from '@muster/core/identity';
import { clientErrors } from '../errors.ts';

/** Most networks, and most LAN addresses, that a reply may list. */
const MAX_LISTED = 1024;
const KEY_AGE_UNKNOWN = 0xffff_ffff;

/** Payload of a heartbeat. A signature that is too short is padded with zero bytes. */
export function encodeHeartbeat(nodeId: number, signature: Uint8Array): Buffer {
  const payload = Buffer.alloc(4 + SIGNATURE_BYTES);
  payload.writeUInt32BE(nodeId, 0);
  payload.set(signature.subarray(0, SIGNATURE_BYTES), 4);
  return payload;
}

/** Payload of a lookup. */
export function encodeLookup(nodeId: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(nodeId, 0);
  return payload;
}

/** Payload of a resolve: the node that is asked for comes first. */
export function encodeResolve(nodeId: number, requesterId: number, signature: Uint8Array): Buffer {
  const payload = Buffer.alloc(8 + SIGNATURE_BYTES);
  payload.writeUInt32BE(nodeId, 0);
  payload.writeUInt32BE(requesterId, 4);
  payload.set(signature.subarray(0, SIGNATURE_BYTES), 8);
  return payload;
}

/** A heartbeat reply. */
export interface NativeHeartbeat {
  readonly unixSeconds: number;
  readonly keyExpiryWarning: boolean;
}

/** A lookup reply. */
export interface NativeLookup {
  readonly nodeId: number;
  readonly public: boolean;
  readonly taskExec: boolean;
  readonly networks: readonly number[];
  /** Empty when the node has none. */
  readonly publicKey: Uint8Array;
  readonly hostname: string;
  readonly tags: readonly string[];
  readonly realAddress: string;
  readonly externalId: string;
}

/** A resolve reply. */
export interface NativeResolve {
  readonly nodeId: number;
  readonly realAddress: string;
  readonly lanAddresses: readonly string[];
  readonly keyAgeDays: number | undefined;
}

/** Throws PROTOCOL. */
export function decodeHeartbeatOk(payload: Buffer): NativeHeartbeat {
  requireBytes('heartbeat', payload, 9);
  return {
    unixSeconds: Number(payload.readBigUInt64BE(0)),
    keyExpiryWarning: ((payload[8] ?? 0) & 1) === 1,
  };
}

/** Throws PROTOCOL. */
export function decodeLookupOk(payload: Buffer): NativeLookup {
  requireBytes('lookup', payload, 11);
  const cursor = new Cursor(payload);
  const nodeId = cursor.u32('node_id');
  const flags = cursor.u8('flags');
  cursor.u32('reserved');
  const count = checkedCount('network', cursor.u16('network count'));
  const networks = Array.from({ length: count }, (_, index) => cursor.u16(`networks at index ${index}`));
  const publicKey = Uint8Array.from(cursor.bytes(cursor.u8('pubkey length'), 'pubkey data'));
  const hostname = cursor.text(cursor.u8('hostname length'), 'hostname data');
  const tags = Array.from({ length: cursor.u8('tags count') }, (_, index) =>
    cursor.text(cursor.u8(`tag length at index ${index}`), `tag data at index ${index}`),
  );
  const realAddress = cursor.text(cursor.u16('real_addr length'), 'real_addr data');
  const externalId = cursor.text(cursor.u8('external_id length'), 'external_id data');
  return {
    nodeId,
    public: (flags & 1) !== 0,
    taskExec: (flags & 2) !== 0,
    networks,
    publicKey,
    hostname,
    tags,
    realAddress,
    externalId,
  };
}

/** Throws PROTOCOL. */
export function decodeResolveOk(payload: Buffer): NativeResolve {
  requireBytes('resolve', payload, 12);
  const cursor = new Cursor(payload);
  const nodeId = cursor.u32('node_id');
  const realAddress = cursor.text(cursor.u16('addr length'), 'addr data');
  const count = checkedCount('lan_addrs', cursor.u16('lan_addrs count'));
  const lanAddresses = Array.from({ length: count }, (_, index) =>
    cursor.text(cursor.u16(`lan addr length at index ${index}`), `lan addr data at index ${index}`),
  );
  const keyAgeDays = cursor.u32('key_age_days');
  return {
    nodeId,
    realAddress,
    lanAddresses,
    keyAgeDays: keyAgeDays === KEY_AGE_UNKNOWN ? undefined : keyAgeDays,
  };
}

/** The text of an error frame; a length beyond the payload is clamped. */
export function decodeError(payload: Buffer): string {
  if (payload.length < 2) return 'unknown error';
  return payload.toString('utf8', 2, Math.min(payload.length, 2 + payload.readUInt16BE(0)));
}

function requireBytes(what: string, payload: Buffer, bytes: number): void {
  if (payload.length < bytes) {
    throw clientErrors.create('PROTOCOL', `${what} response too short: ${payload.length} bytes`);
  }
}

function checkedCount(what: string, count: number): number {
  if (count > MAX_LISTED) {
    throw clientErrors.create('PROTOCOL', `${what} count ${count} exceeds cap ${MAX_LISTED}`);
  }
  return count;
}

/** Reads a payload from front to back; each read names what it reads, for the error. */
class Cursor {
  readonly #payload: Buffer;
  #at = 0;

  constructor(payload: Buffer) {
    this.#payload = payload;
  }

  u8(what: string): number {
    return this.bytes(1, what).readUInt8(0);
  }

  u16(what: string): number {
    return this.bytes(2, what).readUInt16BE(0);
  }

  u32(what: string): number {
    return this.bytes(4, what).readUInt32BE(0);
  }

  text(length: number, what: string): string {
    return this.bytes(length, what).toString('utf8');
  }

  bytes(length: number, what: string): Buffer {
    if (this.#payload.length - this.#at < length) throw clientErrors.create('PROTOCOL', `truncated ${what}`);
    const slice = this.#payload.subarray(this.#at, this.#at + length);
    this.#at += length;
    return slice;
  }
}
