import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signWith,
  verify as verifyWith,
} from 'node:crypto';
import { identityErrors } from './errors.ts';
import { didOf, fingerprintOf, KEY_BYTES, peerIdOf, shortFingerprintOf } from './names.ts';

/** Size in bytes of an Ed25519 signature. */
export const SIGNATURE_BYTES = 64;

/** DER of a PKCS#8 Ed25519 private key up to the 32 bytes of the seed (RFC 8410). */
const PKCS8_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex');
/** DER of a SubjectPublicKeyInfo of an Ed25519 key up to the 32 bytes of the key (RFC 8410). */
const SPKI_HEADER = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * An Ed25519 key pair (RFC 8032) and the names derived from it. The private key is held where neither logging, nor
 * `JSON.stringify`, nor `console.log` shows it; it leaves only through {@link Identity.toPem}.
 */
export class Identity {
  readonly #privateKey: KeyObject;
  readonly #publicKey: Uint8Array;
  /** Standard base64 with padding, as the registry's `public_key` field carries it. */
  readonly publicKeyBase64: string;

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    this.#publicKey = Uint8Array.from(der.subarray(SPKI_HEADER.length));
    this.publicKeyBase64 = Buffer.from(this.#publicKey).toString('base64');
  }

  /** A new key from the system's random source. */
  static generate(): Identity {
    return new Identity(generateKeyPairSync('ed25519').privateKey);
  }

  /** The key of a 32-byte seed, the secret of RFC 8032 section 5.1.5. Throws KEY_INVALID. */
  static fromSeed(seed: Uint8Array): Identity {
    if (seed.length !== KEY_BYTES) {
      throw identityErrors.create('KEY_INVALID', `a seed has ${KEY_BYTES} bytes, not ${seed.length}`);
    }
    const key = Buffer.concat([PKCS8_HEADER, seed]);
    return new Identity(createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
  }

  /** Reads a PEM PKCS#8 private key, as {@link Identity.toPem} and `openssl genpkey` write it. Throws KEY_INVALID. */
  static fromPem(pem: string): Identity {
    let key: KeyObject;
    try {
      key = createPrivateKey({ key: pem, format: 'pem' });
    } catch {
      // The cause is dropped on purpose: it might quote what was read.
      throw identityErrors.create('KEY_INVALID', 'not a private key in PEM');
    }
    if (key.asymmetricKeyType !== 'ed25519') {
      throw identityErrors.create('KEY_INVALID', 'the private key is not an Ed25519 key', {
        details: { type: key.asymmetricKeyType ?? 'unknown' },
      });
    }
    return new Identity(key);
  }

  /** The raw public key, 32 bytes; a copy. */
  get publicKey(): Uint8Array {
    return this.#publicKey.slice();
  }

  /** `did:key:z6Mk…` */
  get did(): string {
    return didOf(this.#publicKey);
  }

  /** The libp2p peer id, `12D3KooW…` */
  get peerId(): string {
    return peerIdOf(this.#publicKey);
  }

  /** SHA-256 of the raw public key, lower-case hex. */
  get fingerprint(): string {
    return fingerprintOf(this.#publicKey);
  }

  /** The first 16 characters of {@link Identity.fingerprint}. */
  get shortFingerprint(): string {
    return shortFingerprintOf(this.#publicKey);
  }

  /** Signs the UTF-8 bytes of a text, or bytes; standard base64 with padding (88 characters). */
  sign(message: string | Uint8Array): string {
    return this.signBytes(message).toString('base64');
  }

  /** Signs the UTF-8 bytes of a text, or bytes; 64 bytes. */
  signBytes(message: string | Uint8Array): Buffer {
    return signWith(null, typeof message === 'string' ? Buffer.from(message) : message, this.#privateKey);
  }

  /** The private key as PEM PKCS#8. Whoever holds it is this peer: keep it in a file with mode 0600. */
  toPem(): string {
    return this.#privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  }

  /** What a log may show. */
  toJSON(): { publicKey: string; fingerprint: string } {
    return { publicKey: this.publicKeyBase64, fingerprint: this.shortFingerprint };
  }
}

/**
 * A key that can verify, from its 32 raw bytes. Keep it when one key verifies often: making it costs more than a
 * tenth of a verification. Throws KEY_INVALID for another size; a point that is not on the curve shows only at the
 * first verification, which fails.
 */
export function verificationKey(publicKey: Uint8Array): KeyObject {
  if (publicKey.length !== KEY_BYTES) {
    throw identityErrors.create(
      'KEY_INVALID',
      `a public key has ${KEY_BYTES} bytes, not ${publicKey.length}`,
    );
  }
  return createPublicKey({ key: Buffer.concat([SPKI_HEADER, publicKey]), format: 'der', type: 'spki' });
}

/**
 * Whether `signature` (64 bytes) is one of `message` by `publicKey` (32 bytes, or {@link verificationKey} of them).
 * The scalar must be canonical. Whether a small-order key verifies anything depends on the release of OpenSSL: who
 * admits keys refuses those points itself (registry spec section 1.2, B-01). Never throws for
 * a signature or message of any content; throws KEY_INVALID for a raw key of another size.
 */
export function verifySignature(
  publicKey: Uint8Array | KeyObject,
  message: string | Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  const key = publicKey instanceof Uint8Array ? verificationKey(publicKey) : publicKey;
  try {
    return verifyWith(null, typeof message === 'string' ? Buffer.from(message) : message, key, signature);
  } catch {
    return false;
  }
}
