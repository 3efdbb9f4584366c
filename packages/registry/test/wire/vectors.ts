/** Loads the golden vectors of the registry protocol. */
import { readFileSync } from 'node:fs';

/** The parsed content of a file below `test/vectors/registry`. */
export function loadVectors<T>(file: string): T {
  const url = new URL(`../vectors/registry/${file}`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as T;
}

/** Bytes from hexadecimal text. */
export function fromHex(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

/** Every way to cut bytes into two pieces, empty ones included. */
export function* splits(bytes: Buffer): Generator<readonly [Buffer, Buffer]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}
