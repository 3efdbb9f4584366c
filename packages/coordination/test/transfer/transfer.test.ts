import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import { silentLogger } from '@muster/core';
import { afterEach, describe, expect, it } from 'vitest';
import { TransferServer } from '../../src/transfer/server/transfer-server.ts';
import { PeerClient } from '../../src/transfer/outbound/peer-client.ts';
import type { Digest } from '../../src/types.ts';
import { clusterNode } from '../support/election-models.ts';
import { collect, content, published, put, testNode, type NodeParts } from '../support/transfer-harness.ts';
import { testDigest } from '../support/vectors.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function start(
  node: NodeParts,
  options: { token?: string } = {},
): Promise<{ readonly address: AddressInfo; readonly addr: string; readonly server: TransferServer }> {
  const server = new TransferServer(
    { ...node, logger: silentLogger, options: node.settings },
    { host: '127.0.0.1', port: 0, ...options },
  );
  const address = await server.listen();
  cleanups.push(async () => server.close(node.timers, 200));
  return { address, addr: `127.0.0.1:${address.port}`, server };
}

function client(node: NodeParts, nodeId = 'asking', token?: string): PeerClient {
  const result = new PeerClient({
    clock: node.clock,
    timers: node.timers,
    options: { ...node.settings, nodeId, ...(token === undefined ? {} : { token }) },
  });
  cleanups.push(() => result.close());
  return result;
}

async function get(
  addr: string,
  path: string,
  headers: Record<string, string> = { 'gantry-mirrored': '1' },
  method = 'GET',
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  // Not as a URL, which would be normalized.
  const { hostname: host, port } = new URL(`http://${addr}`);
  const outgoing = httpRequest({ host, port, path, method, headers, agent: false });
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    body: await collect(incoming as AsyncIterable<Uint8Array>),
  };
}

const ask = (addr: string, digest: Digest, offset = 0, acceptsPartial = false) => ({
  provider: { nodeId: 'n0', addr },
  digest,
  kind: 'blob' as const,
  repository: 'library/test',
  offset,
  acceptsPartial,
  signal: new AbortController().signal,
});

describe('TransferServer', () => {
  it('answers by the status table', async () => {
    const node = await testNode();
    const { addr } = await start(node);
    const { bytes } = content(1000);
    const digest = await put(node, bytes);
    const path = `/v2/any/blobs/${digest}`;
    expect(await get(addr, '/healthz', {})).toMatchObject({ status: 200, body: Buffer.from('ok') });
    expect(await get(addr, '/v2/', {})).toMatchObject({ status: 200, body: Buffer.from('{}') });
    const posted = await get(addr, path, {}, 'POST');
    expect(posted).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    expect((await get(addr, path, {})).body.toString()).toBe('missing Gantry-Mirrored header');
    expect((await get(addr, path, { 'gantry-mirrored': 'true' })).status).toBe(400);
    expect((await get(addr, '/v2/any/tags/list')).status).toBe(404);
    expect((await get(addr, '/v2/any/manifests/latest')).status).toBe(404);
    expect((await get(addr, '/v2/any/blobs/sha256:../../etc/passwd')).status).toBe(400);
    expect((await get(addr, `/v2/any/blobs/${testDigest(9)}`)).status).toBe(404);
    expect(published(node, 'transfer.missed')).toHaveLength(1);
    const whole = await get(addr, path);
    expect(whole.status).toBe(200);
    expect(whole.body.equals(bytes)).toBe(true);
    expect(whole.headers).toMatchObject({
      'docker-content-digest': digest,
      'content-length': '1000',
      'accept-ranges': 'bytes',
      'docker-distribution-api-version': 'registry/2.0',
      'content-type': 'application/octet-stream',
    });
    // Repository and kind do not count, only the digest.
    expect((await get(addr, `/v2/..%2f../manifests/${digest}`)).status).toBe(200);
    const part = await get(addr, path, { 'gantry-mirrored': '1', range: 'bytes=-10' });
    expect(part).toMatchObject({ status: 206, headers: { 'content-range': 'bytes 990-999/1000' } });
    expect(part.body.equals(bytes.subarray(990))).toBe(true);
    const beyond = await get(addr, path, { 'gantry-mirrored': '1', range: 'bytes=1000-' });
    expect(beyond).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */1000' } });
    const head = await get(addr, path, { 'gantry-mirrored': '1', range: 'bytes=0-1' }, 'HEAD');
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '1000' }, body: Buffer.alloc(0) });
    expect(published(node, 'transfer.served').filter(({ isComplete }) => isComplete)).toHaveLength(4);
  });

  it('speaks HTTP/2 with prior knowledge on the same port, with large windows', async () => {
    const node = await testNode();
    const { addr } = await start(node);
    const { bytes } = content(3_000_000);
    const digest = await put(node, bytes);
    const session = connectHttp2(`http://${addr}`);
    cleanups.push(() => session.destroy());
    await once(session, 'remoteSettings');
    expect(session.remoteSettings).toMatchObject({ initialWindowSize: 8_388_608, maxConcurrentStreams: 250 });
    const streams = [undefined, 'bytes=1000000-'].map(async (range) => {
      const stream = session.request({
        ':path': `/v2/x/blobs/${digest}`,
        'gantry-mirrored': '1',
        ...(range === undefined ? {} : { range }),
      });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      return { status: headers[':status'], body: await collect(stream as AsyncIterable<Uint8Array>) };
    });
    const [whole, part] = await Promise.all(streams);
    expect(whole?.status).toBe(200);
    expect(whole?.body.equals(bytes)).toBe(true);
    expect(part?.status).toBe(206);
    expect(part?.body.equals(bytes.subarray(1_000_000))).toBe(true);
  });

  it('tells the two apart however the first bytes are split', async () => {
    const node = await testNode();
    const { address } = await start(node);
    for (const [text, expected] of [
      ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', '\0\0'],
      ['PRI * HTTP/1.1\r\nhost: x\r\n\r\n', 'HTTP/1.1 4'],
      ['GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n', 'HTTP/1.1 200'],
    ] as const) {
      const socket = connect(address.port, '127.0.0.1');
      socket.setNoDelay(true);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      let received = '';
      socket.on('data', (data: Buffer) => (received += data.toString('latin1')));
      socket.on('error', () => {});
      for (const byte of Buffer.from(text, 'latin1')) {
        socket.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (text.startsWith('PRI * HTTP/1.1')) await closed;
      else await expect.poll(() => received.startsWith(expected)).toBe(true);
      socket.destroy();
    }
  });

  it('asks for the token when it has one', async () => {
    const node = await testNode();
    const { addr } = await start(node, { token: 'secret' });
    const digest = await put(node, content(100).bytes);
    expect((await get(addr, `/v2/x/blobs/${digest}`)).status).toBe(401);
    const wrong = await client(node, 'n1', 'secret2').open(ask(addr, digest));
    expect(wrong).toMatchObject({ kind: 'refused', outcome: 'auth' });
    expect((await client(node, 'n1', 'secret').open(ask(addr, digest))).kind).toBe('body');
  });

  it('refuses readers beyond the limit and names those that copy; small objects do not count', async () => {
    const node = await testNode({
      nodes: ['n1', 'n2', 'n3'].map((id) => ({ ...clusterNode(id), addr: `10.0.0.${id.slice(1)}:5001` })),
      settings: { transferFanoutPerDigest: 2 },
    });
    const { addr, server } = await start(node);
    const big = await put(node, content(20_000_000).bytes);
    const small = await put(node, content(100, 2).bytes);
    const held = await Promise.all(['n1', 'n2'].map(async (id) => client(node, id).open(ask(addr, big))));
    expect(server.activeServes).toBe(2);
    const third = await client(node, 'n3').open(ask(addr, big));
    expect(third).toEqual({
      kind: 'refused',
      outcome: 'busy',
      retryAfterMs: 1_000,
      alternates: ['10.0.0.2:5001', '10.0.0.1:5001'],
    });
    expect(published(node, 'transfer.busy')).toHaveLength(1);
    expect((await client(node, 'n3').open(ask(addr, small))).kind).toBe('body');
    for (const reply of held) {
      if (reply.kind !== 'body') throw new Error('refused');
      for await (const _ of reply.body) break;
    }
    await expect.poll(() => server.activeServes).toBe(0);
    expect((await client(node, 'n3').open(ask(addr, big))).kind).toBe('body');
  });

  it('serves an object in progress to who accepts that, but not to its source', async () => {
    const node = await testNode();
    const { addr } = await start(node);
    const { bytes, digest } = content(3_000_000);
    const download = await node.downloads.open(digest, { kind: 'blob' });
    const feeder = download.feed();
    if (feeder === undefined) throw new Error('taken');
    feeder.setSource({ kind: 'peer', nodeId: 'source' });
    feeder.setSize(bytes.length);
    const early = client(node).open(ask(addr, digest, 0, true));
    await feeder.write(bytes.subarray(0, 2_000_000));
    const reply = await early;
    expect(reply).toMatchObject({ kind: 'body', size: 3_000_000, isPartial: true });
    expect(await client(node).open(ask(addr, digest))).toMatchObject({ outcome: 'notfound' });
    expect(await client(node, 'source').open(ask(addr, digest, 0, true))).toMatchObject({
      outcome: 'notfound',
    });
    const tail = await client(node, 'other').open(ask(addr, digest, 2_500_000, true));
    if (reply.kind !== 'body' || tail.kind !== 'body') throw new Error('refused');
    const bodies = Promise.all([collect(reply.body), collect(tail.body)]);
    await feeder.write(bytes.subarray(2_000_000));
    await feeder.complete();
    const [whole, rest] = await bodies;
    expect(whole.equals(bytes)).toBe(true);
    expect(rest.equals(bytes.subarray(2_500_000))).toBe(true);
    expect(tail.offset).toBe(2_500_000);
  });

  it('lets nobody wait for a session that only looks for a source itself', async () => {
    const node = await testNode();
    const { addr, server } = await start(node);
    const { bytes, digest } = content(3_000_000);
    const download = await node.downloads.open(digest, { kind: 'blob' });
    const asked = async (): Promise<unknown> => client(node).open(ask(addr, digest, 0, true));
    expect(await asked()).toMatchObject({ outcome: 'notfound' });
    const feeder = download.feed();
    const waiting = asked();
    await expect.poll(() => server.activeServes).toBe(1);
    feeder?.release();
    expect(await waiting).toMatchObject({ outcome: 'notfound' });
    const next = download.feed();
    await next?.write(bytes.subarray(0, 2_000_000));
    next?.release();
    expect(await asked()).toMatchObject({ kind: 'body' });
  });

  it('cuts off the readers of an object in progress that turns out wrong', async () => {
    const node = await testNode();
    const { addr } = await start(node);
    const { bytes, digest } = content(3_000_000);
    const download = await node.downloads.open(digest, { kind: 'blob' });
    const feeder = download.feed();
    feeder?.setSize(bytes.length);
    await feeder?.write(bytes.subarray(0, 2_000_000));
    const reply = await client(node).open(ask(addr, digest, 0, true));
    if (reply.kind !== 'body') throw new Error('refused');
    let received = 0;
    const reading = (async (): Promise<void> => {
      for await (const chunk of reply.body) received += chunk.length;
    })();
    const wrong = Buffer.from(bytes.subarray(2_000_000));
    wrong[5] = (wrong[5] ?? 0) ^ 1;
    await feeder?.write(wrong);
    await expect(feeder?.complete()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await expect(reading).rejects.toThrow();
    expect(received).toBeLessThan(bytes.length);
  });

  it('closes a connection that says nothing, and one whose headers have no end', async () => {
    const node = await testNode();
    const { address } = await start({ ...node, timers: { ...node.timers, after: soon(node) } });
    const silent = connect(address.port, '127.0.0.1');
    silent.on('error', () => {});
    await new Promise((resolve) => silent.once('close', resolve));
    const endless = connect(address.port, '127.0.0.1');
    endless.on('error', () => {});
    endless.write(`GET / HTTP/1.1\r\nx: ${'a'.repeat(100_000)}`);
    await new Promise((resolve) => endless.once('close', resolve));
  });

  it('closes a connection whose headers take too long', async () => {
    const node = await testNode();
    const { address } = await start(node);
    const slow = connect(address.port, '127.0.0.1');
    slow.on('error', () => {});
    slow.resume();
    slow.write('GET /healthz HTTP/1.1\r\nx:');
    await new Promise((resolve) => slow.once('close', resolve));
  });

  it('a reader that takes nothing is cut off', async () => {
    const node = await testNode();
    const { address, server } = await start({ ...node, timers: { ...node.timers, after: soon(node) } });
    const digest = await put(node, content(60_000_000).bytes);
    const socket = connect(address.port, '127.0.0.1');
    socket.pause();
    socket.on('error', () => {});
    socket.write(`GET /v2/x/blobs/${digest} HTTP/1.1\r\nhost: x\r\ngantry-mirrored: 1\r\n\r\n`);
    await expect.poll(() => server.activeServes).toBe(1);
    await expect.poll(() => server.activeServes).toBe(0);
    expect(published(node, 'transfer.served')).toMatchObject([{ isComplete: false }]);
    socket.destroy();
  });
});

/** Timers whose long waits are short. */
function soon(node: NodeParts): NodeParts['timers']['after'] {
  return (ms, callback) => node.timers.after(Math.min(ms, 200), callback);
}
