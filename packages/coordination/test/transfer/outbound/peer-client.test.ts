import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { systemClock, systemTimers } from '@muster/core';
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_COORDINATION_SETTINGS } from '../../../src/settings.ts';
import { PeerClient } from '../../../src/transfer/outbound/peer-client.ts';
import type { PeerRequest } from '../../../src/transfer/peer-transfer.ts';
import { collect } from '../../support/transfer-harness.ts';
import { testDigest } from '../../support/vectors.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A peer that does with its connections what it is told; `requests` counts heads of requests. */
async function rawPeer(
  answer: (socket: Socket, request: number) => void,
): Promise<{ readonly addr: string; readonly seen: { connections: number; requests: number } }> {
  const seen = { connections: 0, requests: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    seen.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    let head = '';
    socket.on('data', (data) => {
      head += data.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      head = '';
      seen.requests += 1;
      answer(socket, seen.requests);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { addr: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function client(options: Partial<typeof DEFAULT_COORDINATION_SETTINGS> = {}): PeerClient {
  const result = new PeerClient({
    clock: systemClock,
    timers: systemTimers,
    options: { ...DEFAULT_COORDINATION_SETTINGS, nodeId: 'n0', ...options },
  });
  cleanups.push(() => result.close());
  return result;
}

function ask(addr: string, changes: Partial<PeerRequest> = {}): PeerRequest {
  return {
    provider: { nodeId: 'n1', addr },
    digest: testDigest(1),
    kind: 'blob',
    repository: '',
    offset: 0,
    acceptsPartial: false,
    signal: new AbortController().signal,
    ...changes,
  };
}

describe('PeerClient', () => {
  it('waits for headers and for bytes only so long', async () => {
    const silent = await rawPeer(() => {});
    const options = { peerHeaderMs: 100, peerIdleMs: 100 };
    expect(await client(options).open(ask(silent.addr))).toMatchObject({ kind: 'unreachable' });
    const stalling = await rawPeer((socket) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc'),
    );
    const reply = await client(options).open(ask(stalling.addr));
    if (reply.kind !== 'body') throw new Error('no body');
    await expect(collect(reply.body)).rejects.toThrow();
  });

  it('a body that ends too early is an error, and one that goes on is cut to its length', async () => {
    const short = await rawPeer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc'));
    const reply = await client().open(ask(short.addr));
    if (reply.kind !== 'body') throw new Error('no body');
    await expect(collect(reply.body)).rejects.toThrow();
    const long = await rawPeer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcdef'));
    const other = await client().open(ask(long.addr));
    if (other.kind !== 'body') throw new Error('no body');
    expect((await collect(other.body)).toString()).toBe('abc');
  });

  it('keeps connections, and asks once more when a kept one has just been closed', async () => {
    const one = await rawPeer((socket, request) => {
      if (request === 3) socket.resetAndDestroy();
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc');
    });
    const peer = client();
    for (let round = 0; round < 3; round++) {
      const reply = await peer.open(ask(one.addr));
      if (reply.kind !== 'body') throw new Error('no body');
      expect((await collect(reply.body)).toString()).toBe('abc');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(one.seen).toEqual({ connections: 2, requests: 4 });
  });

  it.each([
    ['HTTP/1.1 200 OK\r\nx: ' + 'a'.repeat(70_000) + '\r\n\r\n', 'protocol'],
    ['HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', undefined],
    ['HTTP/1.1 206 Partial\r\ncontent-range: bytes 0-2/9\r\ncontent-length: 3\r\n\r\nabc', 'protocol'],
    ['HTTP/1.1 206 Partial\r\ncontent-range: bytes 5-3/9\r\ncontent-length: 3\r\n\r\nabc', 'protocol'],
    ['HTTP/1.1 418 Teapot\r\ncontent-length: 0\r\n\r\n', 'protocol'],
    ['HTTP/1.1 503 Later\r\ncontent-length: 0\r\n\r\n', 'server'],
    ['\0\0\0\0', 'protocol'],
  ])('%j is no answer', async (text, outcome) => {
    const strange = await rawPeer((socket) => socket.end(text));
    const reply = await client().open(ask(strange.addr, { offset: 5 }));
    expect(reply).toMatchObject(
      outcome === undefined ? { kind: 'unreachable' } : { kind: 'refused', outcome },
    );
  });

  it('goes to no address that is none, and stops when it is told to', async () => {
    expect(await client().open(ask('user@127.0.0.1:1'))).toMatchObject({ kind: 'unreachable' });
    expect(await client().head(ask('127.0.0.1:1/x'))).toBeUndefined();
    const silent = await rawPeer(() => {});
    const abort = new AbortController();
    const opening = client().open(ask(silent.addr, { signal: abort.signal }));
    await expect.poll(() => silent.seen.requests).toBe(1);
    abort.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
  });
});
