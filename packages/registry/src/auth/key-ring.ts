/** Keys that sign statements, by name (spec section 12.5). */
import { decodePublicKey } from '../wire/index.ts';
import { authErrors } from './errors.ts';
import { isWeakPublicKey } from './public-keys.ts';

/** Keys a ring may hold. */
export const MAX_KEY_RING_ENTRIES = 64;

/** The badge issuers that the original pins. */
export const DEFAULT_BADGE_KEY_RING = 'bdg-v1=Y2jjSAS+J6LVXAguY4P51vMGhHl7qgy5qBJZGS0Cmms=';
/** The recovery authority that the original pins. */
export const DEFAULT_RECOVERY_KEY_RING = 'rec-v1=EGQ7F/NGzCIPekBo1jx+eUQUfOBFQU/hyhiZd3xumTY=';

/** An unchangeable set of raw Ed25519 keys, each with its `kid`. */
export class KeyRing {
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  constructor(keys: ReadonlyMap<string, Uint8Array>) {
    this.#keys = new Map(keys);
  }

  /**
   * Reads `kid=base64` entries joined by commas; white space around an entry is ignored, and so is an empty entry.
   *
   * @throws `invalid_key_ring`: an entry without `=`, a repeated or unusable kid, a key that is not 32 bytes of
   * base64, a key that is all zero or of small order, more than {@link MAX_KEY_RING_ENTRIES} entries.
   */
  static parse(text: string): KeyRing {
    const keys = new Map<string, Uint8Array>();
    for (const entry of text.split(',').map((part) => part.trim())) {
      if (entry === '') continue;
      const [kid, key] = parseEntry(entry);
      if (keys.has(kid)) throw invalid(`key ring: ${kid} occurs twice`);
      if (keys.size === MAX_KEY_RING_ENTRIES)
        throw invalid(`key ring: more than ${MAX_KEY_RING_ENTRIES} keys`);
      keys.set(kid, key);
    }
    return new KeyRing(keys);
  }

  /** The raw key of this name. */
  get(kid: string): Uint8Array | undefined {
    return this.#keys.get(kid);
  }

  /** The names, in the order of the text. */
  get kids(): readonly string[] {
    return [...this.#keys.keys()];
  }
}

function parseEntry(entry: string): [string, Uint8Array] {
  const split = entry.indexOf('=');
  const kid = entry.slice(0, Math.max(0, split));
  if (kid === '' || kid.includes(':'))
    throw invalid('key ring: expected kid=base64, and no colon in the kid');
  const decoded = decodePublicKey(entry.slice(split + 1));
  if (!decoded.ok) throw invalid(`key ring: ${kid}: ${decoded.error}`);
  if (isWeakPublicKey(decoded.key)) throw invalid(`key ring: ${kid}: weak key`);
  return [kid, decoded.key];
}

function invalid(message: string): Error {
  return authErrors.create('invalid_key_ring', message);
}
