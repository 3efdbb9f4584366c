import { createHash } from 'node:crypto';

/** Enough for the trailing checksum member and some white space that an editor may have added. */
const tailBytes = 256;

const trailingMember = /,"checksum":"([0-9a-f]{64})"\}[ \t\r\n]*$/;

/**
 * Verifies the checksum of a snapshot on its raw bytes while they stream by: the trailing checksum member is cut off,
 * the brace put back, and the rest hashed (spec §10.1).
 */
export class RawChecksum {
  readonly #hash = createHash('sha256');
  #tail: Uint8Array = new Uint8Array(0);

  /** Takes the next bytes. The chunk may be reused after the call. */
  push(chunk: Uint8Array): void {
    if (chunk.length >= tailBytes) {
      this.#hash.update(this.#tail);
      this.#hash.update(chunk.subarray(0, chunk.length - tailBytes));
      this.#tail = new Uint8Array(chunk.subarray(chunk.length - tailBytes));
      return;
    }
    const joined = Buffer.concat([this.#tail, chunk]);
    const surplus = Math.max(0, joined.length - tailBytes);
    this.#hash.update(joined.subarray(0, surplus));
    this.#tail = joined.subarray(surplus);
  }

  /** Whether the file ends in a checksum member that its bytes match. */
  matches(): boolean {
    const tail = Buffer.from(this.#tail).toString('latin1');
    const member = trailingMember.exec(tail);
    if (member === null) return false;
    this.#hash.update(this.#tail.subarray(0, member.index));
    return this.#hash.update('}').digest('hex') === member[1];
  }
}
