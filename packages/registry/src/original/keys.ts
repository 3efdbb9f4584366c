/** Bytes of an Ed25519 public key. */
const keyBytes = 32;

const keyText = /^[A-Za-z0-9+/]{43}=$/;

/**
 * The 32 bytes of a public key in standard base64 with padding; line breaks inside are skipped (spec §1.2).
 * `undefined` when it is not that.
 */
export function decodeOriginalKey(text: string): Uint8Array | undefined {
  const joined = text.length === 44 ? text : text.replace(/[\r\n]/g, '');
  if (!keyText.test(joined)) return undefined;
  const bytes = Buffer.from(joined, 'base64');
  return new Uint8Array(bytes.buffer, bytes.byteOffset, keyBytes);
}

/** A public key in standard base64 with padding. */
export function encodeOriginalKey(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('base64');
}

/** Whether two keys are the same bytes. */
export function sameKey(left: Uint8Array | undefined, right: Uint8Array | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}
