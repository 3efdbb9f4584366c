import type { Random } from '@muster/core';

/** A random DID: a UUID of version 4. `random` decides how hard it is to guess; nothing depends on that. */
export function randomDid(random: Random): string {
  const bytes = random.bytes(16).slice();
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => hex.slice(from, to))
    .join('-');
}
