import type { Random } from '@muster/core';
import { Hash64 } from './hash.ts';

/**
 * A repeatable random source (sfc32) that can be split by name: a child draws the same numbers however much its parent
 * or its siblings have drawn, so that one process more or less does not change what the others do.
 */
export class SimRandom implements Random {
  readonly seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    const hash = new Hash64(this.seed);
    hash.word(1);
    this.#a = hash.low;
    this.#b = hash.high;
    hash.word(2);
    this.#c = hash.low;
    for (let i = 0; i < 12; i++) this.#next();
  }

  /** The source of this name. */
  fork(name: string): SimRandom {
    const hash = new Hash64(this.seed);
    hash.text(name);
    return new SimRandom(hash.low);
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i++) out[i] = this.#next() & 0xff;
    return out;
  }

  integer(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  fraction(): number {
    return this.#next() / 4294967296;
  }

  /** Uniform in [min, max). */
  between(min: number, max: number): number {
    return min + this.fraction() * (max - min);
  }

  /** Exponentially distributed. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.fraction());
  }

  /** True with this probability; draws nothing when it is 0. */
  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** One of them; there must be at least one. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.integer(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  /** A shuffled copy. */
  shuffled<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [out[i], out[j]] = [out[j] as T, out[i] as T];
    }
    return out;
  }

  #next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    this.#c |= 0;
    return t >>> 0;
  }
}
