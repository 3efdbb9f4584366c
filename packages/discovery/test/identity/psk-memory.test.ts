import { seededRandom } from '@muster/core/testing';
import { expect, test } from 'vitest';
import { Psk } from '../../src/identity/psk.ts';

/** A Buffer of Node may lie in a pool: a view on it would show, and read, what is not the key. */
test.each([
  ['parsed', () => Psk.parse(`/key/swarm/psk/1.0.0/\n/base16/\n${'5a'.repeat(32)}\n`)],
  [
    'drawn',
    () => Psk.generate({ ...seededRandom(1), bytes: (length) => Buffer.from('5a'.repeat(length), 'hex') }),
  ],
])('a key that was %s hands out memory of its own', (_, make) => {
  const psk = make();
  expect(psk.bytes.buffer.byteLength).toBe(32);
  psk.bytes.fill(0);
  expect(psk.bytes).toEqual(new Uint8Array(32).fill(0x5a));
});
