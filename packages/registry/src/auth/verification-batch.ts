/**
 * How signature checks travel to a thread and back: one message for many, because waking a thread costs a fifth of
 * checking a signature. A batch is, for each check, its length as u16 BE and its bytes: key, signature, message. The
 * answer is one byte a check, 1 = valid.
 */
import { verify } from 'node:crypto';
import { importPublicKey } from './import-key.ts';

const KEY_BYTES = 32;
const HEAD_BYTES = KEY_BYTES + 64;

/** Longest check that fits into a batch: key, signature and message. */
export const MAX_BATCHED_BYTES = 0xffff;

/** Packs checks, each as key ‖ signature ‖ message, into bytes of their own. */
export function packBatch(checks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const check of checks) length += 2 + check.length;
  const batch = new Uint8Array(length);
  let at = 0;
  for (const check of checks) {
    batch[at] = check.length >>> 8;
    batch[at + 1] = check.length;
    batch.set(check, at + 2);
    at += 2 + check.length;
  }
  return batch;
}

/** Checks all signatures of a batch. Never throws: what can't be checked is not valid. */
export function verifyBatch(batch: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength);
  const results: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 2 + bytes.readUInt16BE(at);
    results.push(isValid(bytes.subarray(at + 2, end)) ? 1 : 0);
    at = end;
  }
  return Uint8Array.from(results);
}

function isValid(check: Buffer): boolean {
  try {
    const key = importPublicKey(check.subarray(0, KEY_BYTES));
    return verify(null, check.subarray(HEAD_BYTES), key, check.subarray(KEY_BYTES, HEAD_BYTES));
  } catch {
    return false;
  }
}
