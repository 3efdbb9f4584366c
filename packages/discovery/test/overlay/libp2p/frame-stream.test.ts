import { expect, test } from 'vitest';
import type { FrameStream, StreamHandler } from '../../../src/overlay/overlay.ts';
import { eventually, SOON, startHosts } from '../../support/libp2p-hosts.ts';

const P = '/test/1.0';
const READ = { ...SOON, maxBytes: 4_096 };
const BRIEF = { timeoutMs: 50 };

/** A client's stream, and the server's end of it once the handler has it. */
async function openPair(handler?: StreamHandler) {
  const [server, client] = await startHosts(2);
  const served = Promise.withResolvers<FrameStream>();
  const held = Promise.withResolvers<void>();
  server!.overlay.handle(P, async (stream) => {
    served.resolve(stream);
    return handler === undefined ? held.promise : handler(stream);
  });
  const stream = await client!.overlay.open(server!.info, P, SOON);
  return { server: server!, client: client!, stream, served: served.promise, letGo: () => held.resolve() };
}

test('a thousand requests, one stream each', async () => {
  const { server, client, stream } = await openPair(async (inbound) => {
    const request = await inbound.read(READ);
    if (request !== undefined) await inbound.write({ request }, SOON);
    await inbound.close();
  });
  await stream.close();
  for (let index = 0; index < 1_000; index += 1) {
    const request = await client.overlay.open(server.info, P, SOON);
    await request.write({ index }, SOON);
    await request.closeWrite();
    expect(await request.read(READ)).toEqual({ request: { index } });
    expect(await request.read(READ)).toBeUndefined();
    await request.ended;
  }
  expect(client.overlay.connections()).toHaveLength(1);
}, 40_000);

test('who writes waits while nobody reads, and everything arrives', async () => {
  const { stream, served } = await openPair();
  const inbound = await served;
  const filler = 'x'.repeat(16_000);
  let written = 0;
  await expect(
    (async () => {
      for (; written < 200; written += 1) await stream.write({ written, filler }, BRIEF);
    })(),
  ).rejects.toMatchObject({ code: 'STREAM_TIMEOUT' });
  // The window is 256 KiB, the read-ahead 64 KiB, and one frame waits here.
  expect(written).toBeGreaterThan(16);
  expect(written).toBeLessThan(28);
  for (let index = 0; index < written; index += 1) {
    expect(await inbound.read({ ...SOON, maxBytes: 65_536 })).toMatchObject({ written: index });
  }
  // What timed out was not sent.
  await stream.write({ next: true }, SOON);
  expect(await inbound.read(READ)).toEqual({ next: true });
});

test('a frame longer than the read-ahead is read when the reader allows it, and refused when not', async () => {
  const { stream, served } = await openPair();
  const inbound = await served;
  const filler = 'y'.repeat(1_000_000);
  const writing = stream.write({ filler }, SOON);
  expect(await inbound.read({ ...SOON, maxBytes: 2_000_000 })).toEqual({ filler });
  await writing;
  await stream.write({ filler: 'z'.repeat(5_000) }, SOON);
  await expect(inbound.read(READ)).rejects.toMatchObject({ code: 'FRAME_TOO_LARGE' });
});

test('a silent peer costs a deadline and not the stream', async () => {
  const { stream, served } = await openPair();
  const inbound = await served;
  await expect(stream.read({ ...BRIEF, maxBytes: 10 })).rejects.toMatchObject({ code: 'STREAM_TIMEOUT' });
  await inbound.write({ late: 1 }, SOON);
  expect(await stream.read(READ)).toEqual({ late: 1 });
});

test('a read ends with the signal of its caller', async () => {
  const { stream } = await openPair();
  const controller = new AbortController();
  const reading = stream.read({ ...READ, signal: controller.signal });
  controller.abort(new Error('the daemon stops'));
  await expect(reading).rejects.toThrow('the daemon stops');
  await expect(stream.read({ ...READ, signal: controller.signal })).rejects.toThrow('the daemon stops');
});

test('one half may be closed and the other used on', async () => {
  const { stream, served } = await openPair();
  const inbound = await served;
  await stream.write({ last: true }, SOON);
  await stream.closeWrite();
  await expect(stream.write({ more: true }, SOON)).rejects.toMatchObject({ code: 'STREAM_CLOSED' });
  expect(await inbound.read(READ)).toEqual({ last: true });
  expect(await inbound.read(READ)).toBeUndefined();
  for (let index = 0; index < 50; index += 1) await inbound.write({ index }, SOON);
  await inbound.close();
  for (let index = 0; index < 50; index += 1) expect(await stream.read(READ)).toEqual({ index });
  expect(await stream.read(READ)).toBeUndefined();
  await Promise.all([stream.ended, inbound.ended]);
});

test('what was sent before the end is read even when the reader had been stopped', async () => {
  const { stream, served } = await openPair();
  const inbound = await served;
  for (let index = 0; index < 8; index += 1) await stream.write({ index, filler: 'f'.repeat(16_000) }, SOON);
  await Promise.all([stream.close(), inbound.closeWrite()]);
  for (let index = 0; index < 8; index += 1) {
    expect(await inbound.read({ ...SOON, maxBytes: 20_000 })).toMatchObject({ index });
  }
  expect(await inbound.read(READ)).toBeUndefined();
});

test('a reset ends reads and writes of the other side', async () => {
  const { stream, served } = await openPair();
  const inbound = await served;
  await stream.write({ a: 1 }, SOON);
  expect(await inbound.read(READ)).toEqual({ a: 1 });
  const reading = inbound.read(READ);
  stream.reset();
  await expect(reading).rejects.toMatchObject({ code: 'STREAM_RESET' });
  await expect(inbound.write({ b: 2 }, SOON)).rejects.toMatchObject({ code: 'STREAM_RESET' });
  await Promise.all([stream.ended, inbound.ended]);
});

test('only one read at a time', async () => {
  const { stream, served } = await openPair();
  const reading = stream.read(READ);
  await expect(stream.read(READ)).rejects.toMatchObject({ code: 'STREAM_CLOSED' });
  await (await served).write({ one: 1 }, SOON);
  expect(await reading).toEqual({ one: 1 });
});

test('a handler that fails or leaves its stream open has it reset; one that closes it does not', async () => {
  const failing = await openPair(() => Promise.reject(new Error('bad')));
  await expect(failing.stream.read(READ)).rejects.toMatchObject({ code: 'STREAM_RESET' });
  const leaving = await openPair(() => Promise.resolve());
  await expect(leaving.stream.read(READ)).rejects.toMatchObject({ code: 'STREAM_RESET' });
  const closing = await openPair(async (stream) => {
    await stream.write({ bye: true }, SOON);
    await stream.closeWrite();
  });
  expect(await closing.stream.read(READ)).toEqual({ bye: true });
  expect(await closing.stream.read(READ)).toBeUndefined();
});

test('streams above the limit of a peer are refusals, and the others go on', async () => {
  const { server, client, stream } = await openPair();
  const more = await Promise.all(
    Array.from({ length: 70 }, () =>
      client.overlay.open(server.info, P, SOON).catch((error: unknown) => error),
    ),
  );
  const outcomes = await Promise.all(
    more.map(async (opened) => {
      if (opened instanceof Error) return opened;
      return (opened as FrameStream)
        .read({ timeoutMs: 1_000, maxBytes: 10 })
        .catch((error: unknown) => error);
    }),
  );
  const refused = outcomes.filter((error) => (error as { code?: string }).code === 'STREAM_RESET');
  expect(refused).toHaveLength(7);
  expect(refused[0]).toMatchObject({ details: { isRefusal: true } });
  await stream.write({ still: 'here' }, SOON);
});

test('protocols that a peer does not serve, or no longer', async () => {
  const { server, client } = await openPair();
  await expect(client.overlay.open(server.info, '/test/none/1.0', SOON)).rejects.toMatchObject({
    code: 'PROTOCOL_UNSUPPORTED',
  });
  server.overlay.unhandle(P);
  await expect(client.overlay.open(server.info, P, SOON)).rejects.toMatchObject({
    code: 'PROTOCOL_UNSUPPORTED',
  });
  await eventually(() => client.overlay.protocols(server.overlay.self)?.includes(P) === false);
});
