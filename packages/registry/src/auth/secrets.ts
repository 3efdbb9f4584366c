/**
 * Secrets that are stored only as salted hashes (B-47, B-48): join tokens, network tokens, admin tokens.
 *
 * Fault model: someone reads the store. A random token of 16 bytes or more cannot be found from its hash; a guessable
 * one can, because the hash is fast, and it is fast because strangers decide how often it is computed.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '@muster/core';

/** Longest secret that is looked at, in bytes of UTF-8 (B-11). */
export const MAX_SECRET_BYTES = 256;

const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** A salt and HMAC-SHA-256(salt, secret), both in standard base64. */
export interface HashedSecret {
  readonly salt: string;
  readonly hash: string;
}

/** Whether two texts are equal, in a time that depends on their lengths alone. */
export function constantTimeEqual(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}

/** The stored form of a secret, with a new salt. */
export function hashSecret(secret: string, random: Random): HashedSecret {
  const salt = Buffer.from(random.bytes(SALT_BYTES));
  return { salt: salt.toString('base64'), hash: mac(salt, secret).toString('base64') };
}

/** Whether this is the secret that was hashed; compared in constant time. An empty or too long one never is. */
export function matchesSecret(secret: string, hashed: HashedSecret): boolean {
  if (secret === '' || Buffer.byteLength(secret) > MAX_SECRET_BYTES) return false;
  const expected = Buffer.from(hashed.hash, 'base64');
  const actual = mac(Buffer.from(hashed.salt, 'base64'), secret);
  return expected.length === HASH_BYTES && timingSafeEqual(actual, expected);
}

/** Whether a value from a file or a log has the form of a hashed secret. */
export function isHashedSecret(value: unknown): value is HashedSecret {
  if (typeof value !== 'object' || value === null || !('salt' in value) || !('hash' in value)) return false;
  return isBase64Of(value.salt, SALT_BYTES) && isBase64Of(value.hash, HASH_BYTES);
}

function isBase64Of(value: unknown, bytes: number): boolean {
  if (typeof value !== 'string') return false;
  const decoded = Buffer.from(value, 'base64');
  return decoded.length === bytes && decoded.toString('base64') === value;
}

function mac(salt: Uint8Array, secret: string): Buffer {
  return createHmac('sha256', salt).update(secret).digest();
}
