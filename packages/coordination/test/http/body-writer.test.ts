import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { systemTimers } from '@muster/core';
import { afterEach, describe, expect, it } from 'vitest';
import { writeBody, type BodyOutcome, type Response } from '../../src/http/body-writer.ts';
import { collect, content, put, testNode } from '../support/transfer-harness.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A server whose answers have the body; tells how each one ended. */
async function start(
  send: (response: Response) => Promise<BodyOutcome>,
): Promise<{ readonly port: number; readonly outcomes: BodyOutcome[] }> {
  const outcomes: BodyOutcome[] = [];
  const server = createServer((_request, response) => {
    void send(response).then((outcome) => outcomes.push(outcome));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, outcomes };
}

async function get(port: number): Promise<Buffer> {
  const outgoing = httpRequest({ host: '127.0.0.1', port, agent: false });
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  return collect(incoming as AsyncIterable<Uint8Array>);
}

async function* chunks(...sizes: number[]): AsyncGenerator<Uint8Array> {
  for (const size of sizes) yield Buffer.alloc(size, 1);
}

describe('writeBody', () => {
  it('sends all and ends', async () => {
    const { port, outcomes } = await start(async (response) =>
      writeBody(response, chunks(1_000_000, 0, 5), { timers: systemTimers, length: 1_000_005 }),
    );
    expect(await get(port)).toHaveLength(1_000_005);
    await expect.poll(() => outcomes).toEqual([{ isComplete: true, bytes: 1_000_005 }]);
  });

  it.each([[10], [1_000_000, 5]])('never ends cleanly what has another length (%j)', async (...sizes) => {
    const { port, outcomes } = await start(async (response) =>
      writeBody(response, chunks(...sizes), { timers: systemTimers, length: 1_000_000 }),
    );
    await expect(get(port)).rejects.toThrow();
    await expect.poll(() => outcomes.length).toBe(1);
    expect(outcomes[0]?.isComplete).toBe(false);
    expect(outcomes[0]?.error).toBeInstanceOf(Error);
  });

  it('cuts off when the source fails', async () => {
    const { port, outcomes } = await start(async (response) =>
      writeBody(
        response,
        (async function* () {
          yield Buffer.alloc(100);
          throw new Error('broken');
        })(),
        { timers: systemTimers },
      ),
    );
    await expect(get(port)).rejects.toThrow();
    expect(outcomes[0]).toMatchObject({ isComplete: false, bytes: 100 });
  });

  it('takes no more from the source than the client does, and cuts off one that takes nothing', async () => {
    let taken = 0;
    let isLeft = false;
    const { port, outcomes } = await start(async (response) =>
      writeBody(
        response,
        (async function* () {
          try {
            for (;;) {
              taken += 500_000;
              yield Buffer.alloc(500_000);
            }
          } finally {
            isLeft = true;
          }
        })(),
        { timers: systemTimers, stallMs: 150 },
      ),
    );
    const socket = connect(port, '127.0.0.1');
    cleanups.push(() => socket.destroy());
    socket.pause();
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await expect.poll(() => outcomes.length).toBe(1);
    expect(outcomes[0]?.isComplete).toBe(false);
    expect(isLeft).toBe(true);
    // What the kernel buffers, and a chunk.
    expect(taken).toBeLessThan(40_000_000);
  });

  it('leaves a source that is waited for when the client goes away', async () => {
    let isLeft = false;
    const waiting: AsyncIterableIterator<Uint8Array> = {
      [Symbol.asyncIterator]: () => waiting,
      next: async () => released.promise,
      return: async () => {
        isLeft = true;
        released.resolve({ done: true, value: undefined });
        return { done: true, value: undefined };
      },
    };
    const released = Promise.withResolvers<IteratorResult<Uint8Array, undefined>>();
    const { port, outcomes } = await start(async (response) =>
      writeBody(response, waiting, { timers: systemTimers }),
    );
    const socket = connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'connect');
    socket.destroy();
    await expect.poll(() => outcomes.length).toBe(1);
    expect(isLeft).toBe(true);
  });

  it('buffers that are lent are not filled again before the client has their bytes', async () => {
    const node = await testNode();
    const { bytes, digest } = content(9_000_001, 11);
    await put(node, bytes);
    const { port } = await start(async (response) => {
      const { body } = await node.store.open(digest);
      return writeBody(response, body, { timers: systemTimers, length: bytes.length });
    });
    const bodies = await Promise.all([get(port), get(port), get(port)]);
    for (const body of bodies) expect(body.equals(bytes)).toBe(true);
    expect(node.store.stats().openReaders).toBe(0);
  });
});
