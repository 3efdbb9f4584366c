import { xsalsa20 } from '@noble/ciphers/salsa.js';
import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NONCE_BYTES, XSalsa20Stream } from '../../../src/overlay/libp2p/xsalsa20.ts';

const random = seededRandom(1);
const KEY = random.bytes(32);
const NONCE = random.bytes(NONCE_BYTES);

/** The whole stream in one call: what every way of cutting it must add up to. */
const reference = (data: Uint8Array): Uint8Array => xsalsa20(KEY, NONCE, data);

const inPieces = (data: Uint8Array, cuts: readonly number[]): Uint8Array => {
  const stream = new XSalsa20Stream(KEY, NONCE);
  const edges = [0, ...cuts, data.length];
  return Buffer.concat(edges.slice(1).map((end, index) => stream.update(data.subarray(edges[index], end))));
};

test('two chunks give the same as one, wherever they are cut', () => {
  const data = random.bytes(300);
  const expected = Buffer.from(reference(data));
  for (let cut = 0; cut <= data.length; cut += 1) {
    expect(Buffer.from(inPieces(data, [cut])).equals(expected), `cut at ${cut}`).toBe(true);
  }
});

test('so do any chunks of any data', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 2_000 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true })),
      (data, shares) => {
        const cuts = shares.map((share) => Math.floor(share * data.length)).toSorted((a, b) => a - b);
        expect(inPieces(data, cuts)).toEqual(Buffer.from(reference(data)));
      },
    ),
  );
});

test('decrypts what it encrypts, and leaves its input alone', () => {
  const data = random.bytes(1_000);
  const copy = data.slice();
  const encrypted = new XSalsa20Stream(KEY, NONCE).update(data);
  expect(data).toEqual(copy);
  expect(new XSalsa20Stream(KEY, NONCE).update(encrypted)).toEqual(data);
});

test('a Buffer is a key like any other, wherever in its pool it lies', () => {
  const data = random.bytes(100);
  const key = Buffer.from(Buffer.from(KEY).toString('hex'), 'hex');
  const nonce = Buffer.from(Buffer.from(NONCE).toString('hex'), 'hex');
  expect(new XSalsa20Stream(key, nonce).update(data)).toEqual(new Uint8Array(reference(data)));
});

test('takes only keys and nonces of the right size', () => {
  expect(() => new XSalsa20Stream(KEY.subarray(1), NONCE)).toThrow(RangeError);
  expect(() => new XSalsa20Stream(KEY, NONCE.subarray(1))).toThrow(RangeError);
});

test('takes key and nonce from a part of a larger buffer', () => {
  const pool = Buffer.concat([random.bytes(7), KEY, random.bytes(5), NONCE]);
  const stream = new XSalsa20Stream(pool.subarray(7, 39), pool.subarray(44));
  expect(stream.update(new Uint8Array(100))).toEqual(new Uint8Array(reference(new Uint8Array(100))));
});
