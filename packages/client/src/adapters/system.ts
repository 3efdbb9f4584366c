import { randomBytes } from 'node:crypto';
import type { Environment } from '../environment.ts';

/** The host's clock, timers and randomness. */
export const systemEnvironment: Environment = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  fraction: () => Math.random(),
  nonce: () => randomBytes(18).toString('base64url'),
};
