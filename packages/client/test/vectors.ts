import { readFileSync } from 'node:fs';
import { Identity } from '@muster/core/identity';

/** A golden vector file. */
export function vectors<Shape>(name: string): Shape {
  return JSON.parse(readFileSync(new URL(`./vectors/registry/${name}`, import.meta.url), 'utf8')) as Shape;
}

const seed = (first: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, index) => first + index);

/** Test key A of the vectors. */
export const keyA = Identity.fromSeed(seed(0));
/** Test key B of the vectors. */
export const keyB = Identity.fromSeed(seed(32));
