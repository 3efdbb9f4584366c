import { randomBytes, randomInt } from 'node:crypto';
import type { Random } from '../ports/index.ts';

/** The host's cryptographic random source. */
export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  integer: (limit) => randomInt(limit),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
