import { streamPair } from '@libp2p/utils';
import type { Stream, StreamMessageEvent } from '@libp2p/interface';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { expect, test } from 'vitest';
import { discoveryConstants } from '../../../src/constants.ts';
import { EchoServer, echoOver } from '../../../src/overlay/libp2p/echo.ts';
import { eventually, SOON, startHosts } from '../../support/libp2p-hosts.ts';

const random = seededRandom(3);
const LIMITS = discoveryConstants();
const never = new AbortController().signal;

/** A stream to a server on the clock, and what comes back. */
async function openEcho(server: EchoServer, caller = 'caller') {
  const [outbound, inbound] = (await streamPair()) as [Stream, Stream];
  server.serve(inbound, caller);
  return outbound;
}

function countBytes(stream: Stream): () => number {
  let total = 0;
  stream.addEventListener('message', ({ data }: StreamMessageEvent) => (total += data.byteLength));
  return () => total;
}

test('every byte comes back', async () => {
  const server = new EchoServer(new ManualClock(), LIMITS);
  for (const size of [1, 512, 2_048, 65_536, 131_072]) {
    await echoOver(await openEcho(server), random.bytes(size), never);
  }
});

test('over real connections, one after the other and at once', async () => {
  const [server, ...clients] = await startHosts(4);
  await Promise.all(
    clients.map(async ({ overlay }) => {
      for (const size of [1_000, 65_536, 131_072]) {
        expect(await overlay.echo(server!.info, size, SOON)).toBeGreaterThan(0);
      }
    }),
  );
});

test('the server stops after 128 KiB', async () => {
  const stream = await openEcho(new EchoServer(new ManualClock(), LIMITS));
  const received = countBytes(stream);
  stream.send(new Uint8Array(150_000));
  await eventually(() => stream.remoteWriteStatus === 'closed');
  expect(received()).toBe(131_072);
});

test('the server stops after 10 s', async () => {
  const clock = new ManualClock();
  const stream = await openEcho(new EchoServer(clock, LIMITS));
  stream.send(Buffer.from('a'));
  const received = countBytes(stream);
  await eventually(() => received() === 1);
  clock.advance(9_999);
  expect(stream.status).toBe('open');
  clock.advance(1);
  await eventually(() => stream.status === 'reset');
});

test('one probe at a time for one caller', async () => {
  const server = new EchoServer(new ManualClock(), LIMITS);
  const first = await openEcho(server);
  await expect(echoOver(await openEcho(server), random.bytes(10), never)).rejects.toMatchObject({
    code: 'STREAM_RESET',
  });
  await echoOver(await openEcho(server, 'another'), random.bytes(10), never);
  await echoOver(first, random.bytes(10), never);
  await eventually(() => first.status === 'closed');
  await echoOver(await openEcho(server), random.bytes(10), never);
});

test('what comes back changed or short is no echo', async () => {
  const [changed, changer] = (await streamPair()) as [Stream, Stream];
  changer.addEventListener('message', ({ data }: StreamMessageEvent) => {
    changer.send(data.subarray().map((byte) => byte ^ 1));
  });
  await expect(echoOver(changed, random.bytes(10), never)).rejects.toThrow('differs');
  const [short, closer] = (await streamPair()) as [Stream, Stream];
  closer.addEventListener('message', () => void closer.close());
  await expect(echoOver(short, random.bytes(10), never)).rejects.toThrow('too short');
});

test('a client stops waiting when its signal says so', async () => {
  const [silent] = (await streamPair()) as [Stream, Stream];
  const controller = new AbortController();
  const probing = echoOver(silent, random.bytes(10), controller.signal);
  controller.abort(new Error('over'));
  await expect(probing).rejects.toThrow('over');
  expect(silent.status).toBe('aborted');
});
