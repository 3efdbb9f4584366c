/**
 * Replies of the native binary opcodes (spec section 2.5). The encoders are the reference for the faster ones of the
 * server; the decoders read what the reference client reads, with its error texts.
 */
import { binaryFrame, OPCODE, readU16At, readU32At } from './framing.ts';
import type { Parsed } from './go-text.ts';

/** The client refuses replies with more networks or LAN addresses than this (B-03). */
export const MAX_REPLY_LIST_ENTRIES = 1024;
/** Longest byte string with a length of one byte. */
export const MAX_U8_TEXT_BYTES = 255;
/** Longest byte string with a length of two bytes. */
export const MAX_U16_TEXT_BYTES = 65_535;
/** Flag of a lookup reply: the node is public. */
export const LOOKUP_PUBLIC_FLAG = 0x01;
/** Flag of a lookup reply: the node executes tasks. */
export const LOOKUP_TASK_EXEC_FLAG = 0x02;
/** On the wire: the age of the key is unknown. */
export const UNKNOWN_KEY_AGE = 0xffffffff;

/** Content of a lookup reply. */
export interface LookupOkFields {
  readonly nodeId: number;
  readonly public: boolean;
  readonly taskExec: boolean;
  readonly networks: readonly number[];
  /** 32 bytes, or none when the node has no key. */
  readonly publicKey: Uint8Array;
  readonly hostname: string;
  readonly tags: readonly string[];
  /** Empty unless the node is public. */
  readonly realAddr: string;
  readonly externalId: string;
}

/** Content of a resolve reply. */
export interface ResolveOkFields {
  readonly nodeId: number;
  readonly realAddr: string;
  readonly lanAddrs: readonly string[];
  /** Whole days; -1 when unknown. */
  readonly keyAgeDays: number;
}

/** Content of a heartbeat reply. */
export interface HeartbeatOkFields {
  readonly unixSeconds: number;
  readonly keyExpiryWarning: boolean;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A byte string with a length of one byte, cut at 255 bytes even inside a character. */
function u8Bytes(content: string | Uint8Array): Buffer {
  const cut = Buffer.from(content).subarray(0, MAX_U8_TEXT_BYTES);
  return Buffer.concat([Buffer.from([cut.length]), cut]);
}

/** A byte string with a length of two bytes, cut at 65,535 bytes even inside a character. */
function u16Bytes(content: string): Buffer {
  const cut = Buffer.from(content).subarray(0, MAX_U16_TEXT_BYTES);
  return Buffer.concat([u16(cut.length), cut]);
}

/** The whole frame of a lookup reply. Networks beyond 1024 and tags beyond 255 are left out. */
export function encodeLookupOk(fields: LookupOkFields): Buffer {
  const flags = (fields.public ? LOOKUP_PUBLIC_FLAG : 0) | (fields.taskExec ? LOOKUP_TASK_EXEC_FLAG : 0);
  const networks = fields.networks.slice(0, MAX_REPLY_LIST_ENTRIES);
  const tags = fields.tags.slice(0, MAX_U8_TEXT_BYTES);
  const payload = Buffer.concat([
    u32(fields.nodeId),
    Buffer.from([flags, 0, 0, 0, 0]),
    u16(networks.length),
    ...networks.map(u16),
    u8Bytes(fields.publicKey),
    u8Bytes(fields.hostname),
    Buffer.from([tags.length]),
    ...tags.map(u8Bytes),
    u16Bytes(fields.realAddr),
    u8Bytes(fields.externalId),
  ]);
  return binaryFrame(OPCODE.lookupOk, payload);
}

/** The whole frame of a resolve reply. LAN addresses beyond 1024 are left out. */
export function encodeResolveOk(fields: ResolveOkFields): Buffer {
  const lanAddrs = fields.lanAddrs.slice(0, MAX_REPLY_LIST_ENTRIES);
  const payload = Buffer.concat([
    u32(fields.nodeId),
    u16Bytes(fields.realAddr),
    u16(lanAddrs.length),
    ...lanAddrs.map(u16Bytes),
    u32(fields.keyAgeDays < 0 ? UNKNOWN_KEY_AGE : fields.keyAgeDays),
  ]);
  return binaryFrame(OPCODE.resolveOk, payload);
}

/** Reads one part after the other; a part that is missing sets the error, and what follows reads as empty. */
class PayloadReader {
  readonly #payload: Buffer;
  #position: number;
  error: string | undefined;

  constructor(payload: Uint8Array, position: number) {
    this.#payload = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    this.#position = position;
  }

  bytes(count: number, missing: string): Buffer {
    const end = this.#position + count;
    if (this.error === undefined && end > this.#payload.length) this.error = `truncated ${missing}`;
    if (this.error !== undefined) return Buffer.alloc(0);
    const part = this.#payload.subarray(this.#position, end);
    this.#position = end;
    return part;
  }

  /** An unsigned number of 1, 2 or 4 bytes; 0 once there is an error. */
  number(size: 1 | 2 | 4, missing: string): number {
    const part = this.bytes(size, missing);
    return part.length === 0 ? 0 : part.readUIntBE(0, size);
  }

  /** A byte string behind its length. */
  lengthPrefixed(size: 1 | 2, name: string, suffix = ''): Buffer {
    const length = this.number(size, `${name} length${suffix}`);
    return this.bytes(length, `${name} data${suffix}`);
  }

  /** `count` elements, none after an error. */
  list<T>(count: number, read: (index: number) => T): T[] {
    const elements: T[] = [];
    for (let index = 0; index < count && this.error === undefined; index++) elements.push(read(index));
    return elements;
  }

  result<T>(value: T): Parsed<T> {
    return this.error === undefined ? { ok: true, value } : { ok: false, error: this.error };
  }
}

/** Reads the payload of a heartbeat reply. */
export function decodeHeartbeatOk(payload: Uint8Array): Parsed<HeartbeatOkFields> {
  if (payload.length < 9)
    return { ok: false, error: `heartbeat response too short: ${payload.length} bytes` };
  const unixSeconds = readU32At(payload, 0) * 0x1_0000_0000 + readU32At(payload, 4);
  return { ok: true, value: { unixSeconds, keyExpiryWarning: ((payload[8] ?? 0) & 1) === 1 } };
}

/** Reads the payload of a lookup reply; the reserved word is ignored. */
export function decodeLookupOk(payload: Uint8Array): Parsed<LookupOkFields> {
  if (payload.length < 11) return { ok: false, error: `lookup response too short: ${payload.length} bytes` };
  const flags = payload[4] ?? 0;
  const networkCount = readU16At(payload, 9);
  if (networkCount > MAX_REPLY_LIST_ENTRIES) {
    return { ok: false, error: `network count ${networkCount} exceeds cap ${MAX_REPLY_LIST_ENTRIES}` };
  }
  const reader = new PayloadReader(payload, 11);
  const networks = reader.list(networkCount, (index) => reader.number(2, `networks at index ${index}`));
  const publicKey = reader.lengthPrefixed(1, 'pubkey');
  const hostname = reader.lengthPrefixed(1, 'hostname').toString('utf8');
  const tagCount = reader.number(1, 'tags count');
  const tags = reader.list(tagCount, (index) =>
    reader.lengthPrefixed(1, 'tag', ` at index ${index}`).toString('utf8'),
  );
  const realAddr = reader.lengthPrefixed(2, 'real_addr').toString('utf8');
  const externalId = reader.lengthPrefixed(1, 'external_id').toString('utf8');
  return reader.result({
    nodeId: readU32At(payload, 0),
    public: (flags & LOOKUP_PUBLIC_FLAG) !== 0,
    taskExec: (flags & LOOKUP_TASK_EXEC_FLAG) !== 0,
    networks,
    publicKey,
    hostname,
    tags,
    realAddr,
    externalId,
  });
}

/** Reads the payload of a resolve reply. */
export function decodeResolveOk(payload: Uint8Array): Parsed<ResolveOkFields> {
  if (payload.length < 12) return { ok: false, error: `resolve response too short: ${payload.length} bytes` };
  const reader = new PayloadReader(payload, 4);
  const realAddr = reader.lengthPrefixed(2, 'addr').toString('utf8');
  const lanCount = reader.number(2, 'lan_addrs count');
  if (lanCount > MAX_REPLY_LIST_ENTRIES) {
    return { ok: false, error: `lan_addrs count ${lanCount} exceeds cap ${MAX_REPLY_LIST_ENTRIES}` };
  }
  const lanAddrs = reader.list(lanCount, (index) =>
    reader.lengthPrefixed(2, 'lan addr', ` at index ${index}`).toString('utf8'),
  );
  const age = reader.number(4, 'key_age_days');
  const keyAgeDays = age === UNKNOWN_KEY_AGE ? -1 : age;
  return reader.result({ nodeId: readU32At(payload, 0), realAddr, lanAddrs, keyAgeDays });
}

/** The text of an error payload: `unknown error` without a length, and a length beyond the payload is clamped. */
export function decodeErrorPayload(payload: Uint8Array): string {
  if (payload.length < 2) return 'unknown error';
  const end = Math.min(2 + readU16At(payload, 0), payload.length);
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8', 2, end);
}
