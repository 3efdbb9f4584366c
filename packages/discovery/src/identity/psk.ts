/**
 * The pre-shared key of the overlay (discovery spec 4.2), in the swarm-key layout:
 *
 *     /key/swarm/psk/1.0.0/
 *     /base16/
 *     <64 hex digits>
 *
 * Fault model: whoever has these 32 bytes is inside. They are held where neither logging nor JSON shows them, errors
 * never quote what was read, and people compare fingerprints, from which nothing can be computed back.
 */

import { createHash } from 'node:crypto';
import type { Random } from '@muster/core';
import { discoveryErrors } from '../errors.ts';

/** Size in bytes of a pre-shared key. */
export const PSK_BYTES = 32;

const HEADER = '/key/swarm/psk/1.0.0/';
const ENCODING = '/base16/';
const HEX = /^[0-9a-fA-F]{64}$/;
const FINGERPRINT_DOMAIN = 'muster/psk-fingerprint/1\n';

/** A pre-shared key. */
export class Psk {
  readonly #bytes: Uint8Array;

  /** Copies; `slice` of a Buffer would not, and would show the pool that it lies in. */
  private constructor(bytes: Uint8Array) {
    this.#bytes = new Uint8Array(bytes);
  }

  /**
   * Reads the text of a key file; the lines may end in LF, CR LF or CR. Throws PSK_INVALID for anything but the layout.
   */
  static parse(text: string): Psk {
    const lines = text.split(/\r\n|\n|\r/);
    while (lines.length > 3 && lines.at(-1) === '') lines.pop();
    const [header, encoding, hex = ''] = lines;
    if (lines.length !== 3 || header !== HEADER || encoding !== ENCODING || !HEX.test(hex)) {
      throw discoveryErrors.create('PSK_INVALID', `not a swarm key: ${faultOf(lines)}`);
    }
    return new Psk(Buffer.from(hex, 'hex'));
  }

  /** A new key; `random` must be fit for keys, as the system's is. */
  static generate(random: Random): Psk {
    return new Psk(random.bytes(PSK_BYTES));
  }

  /** The 32 bytes; a copy. */
  get bytes(): Uint8Array {
    return this.#bytes.slice();
  }

  /** 16 hex digits that are the same for the same key, for people to compare. */
  get fingerprint(): string {
    return createHash('sha256').update(FINGERPRINT_DOMAIN).update(this.#bytes).digest('hex').slice(0, 16);
  }

  /** The text of a key file. Whoever can read it is a member: keep it with mode 0600. */
  toText(): string {
    return `${HEADER}\n${ENCODING}\n${Buffer.from(this.#bytes).toString('hex')}\n`;
  }

  /** What a log may show. */
  toJSON(): { fingerprint: string } {
    return { fingerprint: this.fingerprint };
  }
}

function faultOf([header, encoding, hex]: readonly string[]): string {
  if (header !== HEADER) return `line 1 is not ${HEADER}`;
  if (encoding !== ENCODING) return `line 2 is not ${ENCODING}`;
  if (!HEX.test(hex ?? '')) return 'line 3 is not 64 hex digits';
  return 'there is something after line 3';
}
