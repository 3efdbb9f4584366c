import type { MessageStream, StreamMessageEvent } from '@libp2p/interface';
import { multiaddrConnectionPair } from '@libp2p/utils';
import { xsalsa20 } from '@noble/ciphers/salsa.js';
import { systemRandom } from '@muster/core';
import { expect, test } from 'vitest';
import {
  type PskMismatch,
  PSK_MISMATCH_TEXT,
  PSK_MISSING_TEXT,
  pskProtector,
} from '../../../src/overlay/libp2p/protector.ts';
import { collectGarbage } from '../../support/memory.ts';
import { eventually, PSK } from '../../support/libp2p-hosts.ts';

const OTHER_PSK = new Uint8Array(32).fill(9);
const HEADER = Buffer.from('\x13/multistream/1.0.0\n', 'latin1');

interface Received {
  readonly bytes: () => Buffer;
  /** Resolves when this many bytes are there. */
  readonly length: (bytes: number) => Promise<void>;
}

function receive(stream: Pick<MessageStream, 'addEventListener'>): Received {
  const chunks: Uint8Array[] = [];
  let total = 0;
  let check = (): void => undefined;
  stream.addEventListener('message', (event: StreamMessageEvent) => {
    chunks.push(event.data.subarray());
    total += event.data.byteLength;
    check();
  });
  const length = (bytes: number): Promise<void> =>
    new Promise((resolve) => {
      check = () => (total >= bytes ? resolve() : undefined);
      check();
    });
  return { bytes: () => Buffer.concat(chunks), length };
}

/** One protected end, and the bare connection at the other. */
function protectedEnd(direction: 'inbound' | 'outbound' = 'inbound', psk = PSK) {
  const [outbound, inbound] = multiaddrConnectionPair();
  const [own, peer] = direction === 'inbound' ? [inbound!, outbound!] : [outbound!, inbound!];
  const mismatches: PskMismatch[] = [];
  const protector = pskProtector(psk, systemRandom, (mismatch) => mismatches.push(mismatch));
  return { protecting: protector.protect(own, {}), own, peer, received: receive(peer), mismatches };
}

test('speaks the format of libp2p private networks with an independent implementation, cut at any byte', async () => {
  const nonce = systemRandom.bytes(24);
  const plain = Buffer.concat([HEADER, systemRandom.bytes(200)]);
  const wire = Buffer.concat([nonce, xsalsa20(PSK, nonce, plain)]);
  for (let cut = 1; cut < wire.length; cut += 1) {
    const { protecting, peer, received } = protectedEnd();
    peer.send(wire.subarray(0, cut));
    peer.send(wire.subarray(cut));
    const stream = await protecting;
    const inbound = receive(stream);
    await inbound.length(plain.length);
    expect(inbound.bytes()).toEqual(plain);
    stream.send(plain.subarray(0, cut));
    stream.send(plain.subarray(cut));
    await received.length(24 + plain.length);
    const [theirNonce, theirs] = [received.bytes().subarray(0, 24), received.bytes().subarray(24)];
    expect(Buffer.from(xsalsa20(PSK, theirNonce, theirs))).toEqual(plain);
  }
}, 20_000);

test('two ends with one key understand each other; nonces are never the same', async () => {
  const nonces = new Set<string>();
  for (let round = 0; round < 20; round += 1) {
    const [outbound, inbound] = multiaddrConnectionPair();
    const random = {
      ...systemRandom,
      bytes: (length: number): Uint8Array => {
        const bytes = systemRandom.bytes(length);
        nonces.add(Buffer.from(bytes).toString('hex'));
        return bytes;
      },
    };
    const protector = pskProtector(PSK, random, () => undefined);
    const [a, b] = await Promise.all([protector.protect(outbound!, {}), protector.protect(inbound!, {})]);
    const received = receive(b!);
    a!.send(HEADER);
    a!.send(Buffer.alloc(100_000, round));
    await received.length(HEADER.length + 100_000);
    expect(received.bytes().subarray(HEADER.length).equals(Buffer.alloc(100_000, round))).toBe(true);
  }
  expect([...nonces].filter((nonce) => nonce.length === 48)).toHaveLength(40);
});

test('another key is noticed at the first byte that differs, and the dialler learns why', async () => {
  const { protecting, own, peer, mismatches } = protectedEnd();
  const theirs = pskProtector(OTHER_PSK, systemRandom, (mismatch) => mismatches.push(mismatch));
  const [mine, dialler] = await Promise.all([protecting, theirs.protect(peer, {})]);
  dialler.send(HEADER);
  await eventually(() => mismatches.length === 2);
  expect(mismatches.map(({ direction, reason }) => [direction, reason])).toEqual([
    ['inbound', PSK_MISMATCH_TEXT],
    ['outbound', PSK_MISMATCH_TEXT],
  ]);
  expect(mine.status).toBe('aborted');
  await eventually(() => own.status !== 'open' && peer.status !== 'open');
});

test('a peer without a key is told from noise and gets nothing but a nonce', async () => {
  const { protecting, peer, received, mismatches } = protectedEnd();
  peer.send(Buffer.concat([HEADER, Buffer.from('\x07/noise\n')]));
  await expect(protecting).rejects.toThrow(PSK_MISSING_TEXT);
  expect(mismatches).toHaveLength(1);
  await eventually(() => peer.status !== 'open');
  expect(received.bytes().length).toBeLessThanOrEqual(24);
});

test('a silent peer is waited for as long as the signal allows', async () => {
  const [, inbound] = multiaddrConnectionPair();
  const controller = new AbortController();
  const protecting = pskProtector(PSK, systemRandom, () => undefined).protect(inbound!, {
    signal: controller.signal,
  });
  controller.abort(new Error('over'));
  await expect(protecting).rejects.toThrow('over');
  expect(inbound!.status).toBe('aborted');
});

test('a connection that ends during the exchange of nonces is an error', async () => {
  const { protecting, peer } = protectedEnd();
  peer.send(systemRandom.bytes(10));
  peer.abort(new Error('gone'));
  await expect(protecting).rejects.toThrow(/reset/i);
});

test('two thousand connections leave no memory behind', async () => {
  const protector = pskProtector(PSK, systemRandom, () => undefined);
  const useOne = async (): Promise<void> => {
    const [outbound, inbound] = multiaddrConnectionPair();
    const [a, b] = await Promise.all([protector.protect(outbound!, {}), protector.protect(inbound!, {})]);
    const received = receive(b!);
    a!.send(HEADER);
    a!.send(new Uint8Array(8_192));
    await received.length(HEADER.length + 8_192);
    a!.abort(new Error('done'));
    b!.abort(new Error('done'));
  };
  for (let index = 0; index < 200; index += 1) await useOne();
  const before = await collectGarbage();
  for (let index = 0; index < 2_000; index += 1) await useOne();
  const after = await collectGarbage();
  // A pair's two cipher states of the replaced package were 128 KiB of native memory: 250 MB here.
  expect(after - before).toBeLessThan(16 * 1_048_576);
}, 60_000);
