import type { Random } from '../ports/index.ts';

/** A repeatable random source (mulberry32). Good for tests and simulations; never for keys. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return {
    bytes(length) {
      const out = new Uint8Array(length);
      for (let i = 0; i < length; i++) out[i] = next() & 0xff;
      return out;
    },
    integer: (limit) => Math.floor((next() / 2 ** 32) * limit),
    fraction: () => next() / 2 ** 32,
  };
}
