/**
 * The encoding below the messages: protobuf wire format, as much of it as the protocol needs (4.5).
 *
 * Fault model: input is up to 1 MiB of a stranger's choosing. Reading ends with a value or with MESSAGE_MALFORMED; it
 * neither recurses with the depth of groups nor takes memory for lengths that are only claimed.
 */

import { malformed } from './frame.ts';

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const START_GROUP = 3;
export const END_GROUP = 4;
export const FIXED32 = 5;

const MAX_FIELD_NUMBER = 2 ** 29 - 1;
const MAX_VARINT_BYTES = 10;
/** As many as the reference's decoder follows. */
const MAX_GROUP_DEPTH = 10_000;
const TWO_POW_32 = 2 ** 32;

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function broken(what: string): Error {
  return malformed('malformed_protobuf', `the message cannot be decoded: ${what}`);
}

/** Reads the fields of one message. */
export class ProtoReader {
  readonly #bytes: Uint8Array;
  #position = 0;
  /** The last varint, in two halves of 32 bits. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Number and wire type of the next field, or undefined at the end. */
  next(): { readonly field: number; readonly type: number } | undefined {
    if (this.#position === this.#bytes.length) return undefined;
    const tag = this.#unsigned();
    const field = Math.floor(tag / 8);
    if (field < 1 || field > MAX_FIELD_NUMBER) throw broken('a field number that does not exist');
    return { field, type: tag % 8 };
  }

  /** A varint as int32: more bits are cut off, as all implementations do. */
  int32(): number {
    this.#varint();
    return this.#low;
  }

  /** True when any of the 64 bits is set. */
  bool(): boolean {
    this.#varint();
    return this.#low !== 0 || this.#high !== 0;
  }

  /** A varint as int64; exact up to 2^53, near enough beyond. */
  int64(): number {
    this.#varint();
    return this.#high * TWO_POW_32 + (this.#low >>> 0);
  }

  /** A varint as uint64; exact up to 2^53, near enough beyond. */
  uint64(): number {
    return this.#unsigned();
  }

  /** A length-delimited value, without copying. */
  bytes(): Uint8Array {
    const length = this.#unsigned();
    if (length > this.#bytes.length - this.#position) throw broken('a value that is longer than its message');
    const start = this.#position;
    this.#position += length;
    return this.#bytes.subarray(start, this.#position);
  }

  string(): string {
    const bytes = this.bytes();
    try {
      return text.decode(bytes);
    } catch {
      throw broken('a text that is not UTF-8');
    }
  }

  /** Passes over the value of a field, whole groups included. */
  skip(field: number, type: number): void {
    if (type !== START_GROUP) {
      this.#skipScalar(type);
      return;
    }
    const groups = [field];
    while (groups.length > 0) {
      const inner = this.next();
      if (inner === undefined) throw broken('a group without its end');
      if (inner.type === START_GROUP) {
        if (groups.length >= MAX_GROUP_DEPTH) throw broken('groups nested too deep');
        groups.push(inner.field);
      } else if (inner.type === END_GROUP) {
        if (groups.pop() !== inner.field) throw broken('the end of another group');
      } else this.#skipScalar(inner.type);
    }
  }

  #skipScalar(type: number): void {
    switch (type) {
      case VARINT:
        this.#varint();
        return;
      case FIXED64:
        this.#advance(8);
        return;
      case BYTES:
        this.bytes();
        return;
      case FIXED32:
        this.#advance(4);
        return;
      case END_GROUP:
        throw broken('the end of a group that has not begun');
      default:
        throw broken('a wire type that does not exist');
    }
  }

  #advance(count: number): void {
    if (count > this.#bytes.length - this.#position) throw broken('a value that is cut off');
    this.#position += count;
  }

  #unsigned(): number {
    this.#varint();
    return (this.#high >>> 0) * TWO_POW_32 + (this.#low >>> 0);
  }

  #varint(): void {
    let low = 0;
    let high = 0;
    for (let index = 0; index < MAX_VARINT_BYTES; index += 1) {
      const byte = this.#bytes[this.#position];
      if (byte === undefined) throw broken('a number that is cut off');
      this.#position += 1;
      const shift = 7 * index;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift > 25) high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32);
      if (index === MAX_VARINT_BYTES - 1 && byte > 1) break;
      if (byte < 0x80) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw broken('a number of more than 64 bits');
  }
}

/** Builds one message. Callers write fields in ascending order and leave defaults out (4.5). */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];

  /** A number that is not the default. Negative numbers are extended to 64 bits. */
  varint(field: number, value: number): this {
    if (value !== 0) this.#parts.push(varint(field * 8 + VARINT), varint(value));
    return this;
  }

  bool(field: number, value: boolean): this {
    return this.varint(field, value ? 1 : 0);
  }

  /** A text that is not empty. */
  string(field: number, value: string): this {
    return value === '' ? this : this.element(field, value);
  }

  /** A text of a repeated field: written also when it is empty. */
  element(field: number, value: string): this {
    return this.message(field, Buffer.from(value));
  }

  /** A sub-message: written also when it is empty. */
  message(field: number, value: Uint8Array): this {
    this.#parts.push(varint(field * 8 + BYTES), varint(value.length), value);
    return this;
  }

  finish(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#parts));
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
