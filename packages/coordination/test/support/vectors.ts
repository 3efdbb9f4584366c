import { readFileSync } from 'node:fs';

/** A file of golden vectors of the coordination spec, section 29. */
export function loadVectors<T>(name: string): T {
  const url = new URL(`../vectors/coordination/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as T;
}

/** A digest for tests: the number in hex, padded on the left. */
export function testDigest(number: number): `sha256:${string}` {
  return `sha256:${number.toString(16).padStart(64, '0')}`;
}
