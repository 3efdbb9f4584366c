import { readFileSync } from 'node:fs';
import { decodePublicKey, decodeSignature } from '../../src/wire/index.ts';

/** One file of the golden vectors, as parsed JSON of the caller's shape. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/registry/${name}`, import.meta.url), 'utf8')) as T;
}

export interface VerifyCase {
  readonly name: string;
  readonly challenge: string;
  readonly public_key_b64: string;
  readonly signature_b64: string;
  readonly valid?: boolean;
  readonly public_key_error?: string;
  readonly signature_decode_error?: string;
}

export interface SignatureVectors {
  readonly challenges: readonly {
    readonly message_type: string;
    readonly template: string;
    readonly challenge: string;
    readonly signature_b64: string;
  }[];
  readonly keys: Readonly<Record<'A' | 'B' | 'C', { public_key_b64: string; seed_hex: string }>>;
  readonly verify_cases: readonly VerifyCase[];
}

/** The raw form of a valid key. */
export function keyBytes(text: string): Uint8Array {
  const decoded = decodePublicKey(text);
  if (!decoded.ok) throw new Error(decoded.error);
  return decoded.key;
}

/** The raw form of a valid signature. */
export function signatureBytes(text: string): Uint8Array {
  const decoded = decodeSignature(text);
  if (!decoded.ok) throw new Error(decoded.error);
  return decoded.signature;
}
