/**
 * Keys and signatures for thousands of simulated peers: peer ids and public keys look like those of libp2p, signatures
 * are a fast hash under a secret. Fault model: only the object of a peer can sign for it, since nothing gives the
 * secret away; whoever has a public key can verify. The hash would not withstand cryptanalysis, and nobody here tries.
 */

import { peerIdOf } from '@muster/core/identity';
import type { PeerId, RecordCrypto } from '@muster/discovery';
import { Hash64, type SimRandom } from '../kernel/index.ts';

/** Protobuf of an Ed25519 public key, without the key. */
const KEY_PREFIX = [0x08, 0x01, 0x12, 0x20];
const KEY_BYTES = 32;

interface KeyPair {
  readonly peer: PeerId;
  readonly secret: number;
}

/** Makes keys, and verifies for everybody. */
export class SimKeyring {
  readonly #byPublicKey = new Map<string, KeyPair>();

  /** A new peer. */
  create(random: SimRandom): RecordCrypto {
    const key = random.bytes(KEY_BYTES);
    const publicKey = Buffer.from([...KEY_PREFIX, ...key]).toString('base64');
    const pair: KeyPair = { peer: peerIdOf(key), secret: random.integer(2 ** 32) };
    this.#byPublicKey.set(publicKey, pair);
    return {
      self: pair.peer,
      publicKey,
      sign: (message) => signatureOf(pair.secret, message),
      verify: (key, message, signature) => this.#verify(key, message, signature),
      peerIdOf: (key) => this.#peerIdOf(key),
    };
  }

  #verify(publicKey: string, message: string, signature: string): boolean {
    const pair = this.#byPublicKey.get(publicKey);
    return pair !== undefined && signatureOf(pair.secret, message) === signature;
  }

  #peerIdOf(publicKey: string): PeerId | undefined {
    const known = this.#byPublicKey.get(publicKey);
    if (known !== undefined) return known.peer;
    const bytes = Buffer.from(publicKey, 'base64');
    const isKey =
      bytes.length === KEY_PREFIX.length + KEY_BYTES && KEY_PREFIX.every((byte, i) => bytes[i] === byte);
    return isKey ? peerIdOf(bytes.subarray(KEY_PREFIX.length)) : undefined;
  }
}

/** As long as the base64 of an Ed25519 signature, so that frames have their real sizes. */
function signatureOf(secret: number, message: string): string {
  const hash = new Hash64(secret);
  hash.text(message);
  hash.word(secret);
  return `${hash.toString().repeat(5)}simulA==`;
}
