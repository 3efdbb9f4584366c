import { createHash } from 'node:crypto';
import { Identity } from '@muster/core/identity';
import { seededRandom } from '@muster/core/testing';
import { SignatureVerifier, type VerificationStatus } from '../../src/auth/index.ts';

/** Something that holds a key: a real {@link Identity}, or a {@link FakeSigner} where speed matters. */
export interface Signer {
  readonly publicKey: Uint8Array;
  readonly publicKeyBase64: string;
  /** Standard base64 of 64 bytes. */
  sign(message: string): string;
}

/** The real key of a small number: always the same one for the same number. */
export function realSigner(number: number): Signer {
  const seed = Buffer.alloc(32, 7);
  seed.writeUInt32BE(number);
  return Identity.fromSeed(seed);
}

function fakeSignature(publicKey: Uint8Array, message: string | Uint8Array): Buffer {
  return createHash('sha512').update(publicKey).update(message).digest();
}

/** A key whose signatures are hashes: distinct for each key and message, and understood by {@link FakeVerifier} only. */
export class FakeSigner implements Signer {
  readonly publicKey: Uint8Array;
  readonly publicKeyBase64: string;

  constructor(number: number) {
    this.publicKey = seededRandom(number).bytes(32);
    this.publicKeyBase64 = Buffer.from(this.publicKey).toString('base64');
  }

  sign(message: string): string {
    return fakeSignature(this.publicKey, message).toString('base64');
  }
}

/** Checks the signatures of {@link FakeSigner}s, at once. */
export class FakeVerifier extends SignatureVerifier {
  checks = 0;

  constructor() {
    super(seededRandom(1));
  }

  override verify(
    publicKey: Uint8Array,
    message: string | Uint8Array,
    signature: Uint8Array,
  ): boolean | Promise<boolean> {
    this.checks++;
    return fakeSignature(publicKey, message).equals(signature);
  }

  override verifyWith(
    publicKey: Uint8Array,
    message: string | Uint8Array,
    signature: Uint8Array,
  ): VerificationStatus {
    this.checks++;
    return fakeSignature(publicKey, message).equals(signature) ? 'valid' : 'invalid';
  }
}

/** As {@link FakeVerifier}, but answers only when the test lets it. */
export class HeldVerifier extends FakeVerifier {
  readonly #waiting: (() => void)[] = [];

  /** Checks that wait for {@link release}. */
  get waiting(): number {
    return this.#waiting.length;
  }

  override verify(
    publicKey: Uint8Array,
    message: string | Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean> {
    const ok = fakeSignature(publicKey, message).equals(signature);
    return new Promise((resolve) => this.#waiting.push(() => resolve(ok)));
  }

  /** Answers every check that waits. */
  release(): void {
    for (const answer of this.#waiting.splice(0)) answer();
  }
}
