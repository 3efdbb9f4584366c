import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { silentLogger } from '@muster/core';
import { afterEach, describe, expect, it } from 'vitest';
import { coordinationErrors } from '../../src/errors.ts';
import { isLoopback } from '../../src/mirror/loopback.ts';
import { MirrorServer } from '../../src/mirror/server/mirror-server.ts';
import type { MirrorParts } from '../../src/mirror/server/mirror-handler.ts';
import { originError } from '../../src/origin/failure.ts';
import { RegistryTable } from '../../src/origin/registry-table.ts';
import {
  serving,
  startPeer,
  startSessions,
  type PeerAnswer,
  type SessionHarness,
  type TestPeer,
} from '../support/session-harness.ts';
import { collect, content, digestOf, published, put } from '../support/transfer-harness.ts';
import { testDigest } from '../support/vectors.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Mirror {
  readonly harness: SessionHarness;
  readonly server: MirrorServer;
  readonly port: number;
  readonly manifests: string[];
}

async function start(
  options: {
    readonly isGateClosed?: boolean;
    readonly registries?: readonly string[];
    readonly parts?: Partial<MirrorParts>;
    readonly settings?: Parameters<typeof startSessions>[0];
  } = {},
): Promise<Mirror> {
  const harness = await startSessions(options.settings);
  const manifests: string[] = [];
  const names = options.registries ?? ['hub'];
  const server = new MirrorServer(
    {
      ...harness.node,
      logger: silentLogger,
      sessions: harness.sessions,
      heads: {
        find: async () => {
          throw coordinationErrors.create('WARM_PATH_EXHAUSTED', 'nobody');
        },
      },
      registries: new RegistryTable(
        names.map((name) => ({ name, endpoint: `http://${name}.test`, nsAlias: `${name}.alias` })),
      ),
      onManifest: ({ digest }) => manifests.push(digest),
      options: harness.node.settings,
      ...options.parts,
    },
    { host: '127.0.0.1', port: 0 },
  );
  const { port } = await server.listen();
  if (options.isGateClosed !== true) server.openGate();
  cleanups.push(async () => {
    await harness.close();
    await server.close(100);
  });
  return { harness, server, port, manifests };
}

async function ask(
  { port }: { readonly port: number },
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  const outgoing = httpRequest({ host: '127.0.0.1', port, path, headers, method, agent: false });
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const body = await collect(incoming as AsyncIterable<Uint8Array>);
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body };
}

async function peer(nodeId: string, ...answers: PeerAnswer[]): Promise<TestPeer> {
  const result = await startPeer(nodeId, ...answers);
  cleanups.push(result.close);
  return result;
}

const { bytes, digest } = content(3_000_000);
const blob = `/v2/library/test/blobs/${digest}`;

describe('MirrorServer: routing', () => {
  it('answers by the routing table', async () => {
    const mirror = await start();
    expect(await ask(mirror, '/healthz')).toMatchObject({ status: 200, body: Buffer.from('ok') });
    const root = await ask(mirror, '/v2/');
    expect(root).toMatchObject({ status: 200, body: Buffer.from('{}') });
    expect(root.headers).toMatchObject({
      'content-type': 'application/json',
      'docker-distribution-api-version': 'registry/2.0',
    });
    expect(await ask(mirror, blob, {}, 'DELETE')).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' },
    });
    expect((await ask(mirror, '/v2/_catalog')).status).toBe(404);
    expect((await ask(mirror, `${blob}?ns=other`)).status).toBe(404);
    const tag = await ask(mirror, '/v2/library/test/manifests/latest');
    expect(tag).toMatchObject({ status: 503, body: Buffer.alloc(0) });
    const bad = await ask(mirror, '/v2/library/test/blobs/sha256:abc');
    expect(bad.status).toBe(400);
    expect(JSON.parse(bad.body.toString())).toEqual({
      errors: [{ code: 'DIGEST_INVALID', message: 'invalid digest' }],
    });
  });

  it.each([
    '..',
    '../etc',
    'a/../b',
    'a//b',
    'a%2fb',
    'a%00',
    'A',
    'a b'.replace(' ', '%20'),
    'x'.repeat(256),
    'a/',
    '',
    'ä',
  ])('takes no repository %j', async (name) => {
    const mirror = await start();
    expect((await ask(mirror, `/v2/${encodeURI(name)}/blobs/${digest}`)).status).toBe(404);
    expect(mirror.harness.cascades).toHaveLength(0);
  });

  it('resolves ns by name and alias, and without it only when there is one registry', async () => {
    const two = await start({ registries: ['hub', 'quay'] });
    await put(two.harness.node, bytes);
    expect((await ask(two, blob)).status).toBe(404);
    expect((await ask(two, `${blob}?ns=quay`)).status).toBe(200);
    expect((await ask(two, `${blob}?ns=quay.alias`)).status).toBe(200);
    expect((await ask(two, `${blob}?ns=unknown`)).status).toBe(404);
  });

  it('is closed until the gate opens, and says so when it drains, which goes first', async () => {
    const mirror = await start({ isGateClosed: true });
    await put(mirror.harness.node, bytes);
    const early = await ask(mirror, blob);
    expect(early).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(early.body.toString()).toContain('agent starting up');
    expect((await ask(mirror, '/healthz')).status).toBe(200);
    mirror.server.openGate();
    expect((await ask(mirror, blob)).status).toBe(200);
    mirror.server.drain();
    const late = await ask(mirror, blob);
    expect(late.status).toBe(503);
    expect(late.body.toString()).toContain('agent shutting down');
  });

  it('a running answer outlives the draining', async () => {
    const mirror = await start();
    await put(mirror.harness.node, content(30_000_000, 2).bytes);
    const big = content(30_000_000, 2);
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port: mirror.port,
      path: `/v2/a/blobs/${big.digest}`,
      agent: false,
    });
    outgoing.end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const closed = mirror.server.close(20_000);
    expect((await collect(incoming as AsyncIterable<Uint8Array>)).equals(big.bytes)).toBe(true);
    await closed;
  });

  it('listens on loopback only, unless it is told to', async () => {
    for (const host of ['127.0.0.1', '127.1.2.3', '::1', '[::1]', 'localhost', '::ffff:127.0.0.1']) {
      expect(isLoopback(host), host).toBe(true);
    }
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.example.com', '', '128.0.0.1']) {
      expect(isLoopback(host), host).toBe(false);
    }
    const parts = {} as MirrorParts;
    expect(() => new MirrorServer(parts, { host: '0.0.0.0', port: 0 })).toThrow(/other machines/);
  });
});

describe('MirrorServer: content', () => {
  it('serves what the store has, whole and in parts', async () => {
    const mirror = await start();
    await put(mirror.harness.node, bytes);
    const whole = await ask(mirror, blob);
    expect(whole.body.equals(bytes)).toBe(true);
    expect(whole.headers).toMatchObject({
      'docker-content-digest': digest,
      'content-length': '3000000',
      'content-type': 'application/octet-stream',
      'gantry-source': 'cache',
      'accept-ranges': 'bytes',
      etag: `"${digest}"`,
    });
    const part = await ask(mirror, blob, { range: 'bytes=10-19', 'if-range': `"${digest}"` });
    expect(part).toMatchObject({ status: 206, headers: { 'content-range': 'bytes 10-19/3000000' } });
    expect(part.body.equals(bytes.subarray(10, 20))).toBe(true);
    expect((await ask(mirror, blob, { range: 'bytes=10-19', 'if-range': '"x"' })).status).toBe(200);
    expect((await ask(mirror, blob, { range: 'bytes=3000000-' })).status).toBe(416);
    const head = await ask(mirror, blob, { range: 'bytes=0-1' }, 'HEAD');
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '3000000' } });
    expect(published(mirror.harness.node, 'mirror.looked-up').every(({ isHit }) => isHit)).toBe(true);
    expect(published(mirror.harness.node, 'mirror.served')[0]).toMatchObject({
      method: 'GET',
      kind: 'blob',
      source: 'cache',
      code: 200,
      bytes: 3_000_000,
      isComplete: true,
    });
  });

  it('gets a manifest from a peer, shows it only when it is verified, and offers its children', async () => {
    const mirror = await start();
    const manifest = Buffer.from('{"schemaVersion":2,"config":{}}');
    const one = await peer('n1', serving(manifest));
    mirror.harness.lookups = [[one.provider]];
    const path = `/v2/library/test/manifests/${digestOf(manifest)}`;
    const answer = await ask(mirror, path);
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'gantry-source': 'peer',
        'content-type': 'application/vnd.oci.image.manifest.v1+json',
        'content-length': String(manifest.length),
      },
    });
    expect(answer.body.equals(manifest)).toBe(true);
    await expect.poll(() => mirror.manifests).toEqual([digestOf(manifest)]);
    expect((await ask(mirror, path)).headers['gantry-source']).toBe('cache');
  });

  it('a part of what comes from a peer', async () => {
    const mirror = await start();
    const one = await peer('n1', serving(bytes));
    mirror.harness.lookups = [[one.provider]];
    const part = await ask(mirror, blob, { range: 'bytes=-100' });
    expect(part).toMatchObject({
      status: 206,
      headers: { 'content-range': 'bytes 2999900-2999999/3000000' },
    });
    expect(part.body.equals(bytes.subarray(2_999_900))).toBe(true);
  });

  it('513 clients of one object cause one copy', async () => {
    const mirror = await start();
    const small = content(200_000, 3);
    const one = await peer('n1', serving(small.bytes));
    mirror.harness.lookups = [[one.provider]];
    const answers = await Promise.all(
      Array.from({ length: 513 }, async () => ask(mirror, `/v2/a/blobs/${small.digest}`)),
    );
    expect(answers.every(({ body }) => body.equals(small.bytes))).toBe(true);
    expect(one.requests).toHaveLength(1);
  });

  it.each([true, false])('no client gets a whole wrong body (length announced: %s)', async (isAnnounced) => {
    const mirror = await start();
    const wrong = Buffer.from(bytes);
    wrong[2_000_000] = (wrong[2_000_000] ?? 0) ^ 1;
    const liar = await peer('n1', serving(wrong, { isChunked: !isAnnounced }));
    mirror.harness.lookups = [[liar.provider], []];
    for (const headers of [{}, { range: 'bytes=0-' }]) {
      const outcome = await ask(mirror, blob, headers as Record<string, string>).catch(
        (error: unknown) => error,
      );
      if (outcome instanceof Error) continue;
      expect(outcome).toMatchObject({ status: 503 });
    }
    expect(await mirror.harness.node.store.has(digest)).toBe(false);
  });

  it('HEAD of a manifest gets it; HEAD of a blob starts nothing', async () => {
    const mirror = await start();
    const manifest = Buffer.from('{"schemaVersion":2}');
    const one = await peer('n1', serving(manifest));
    mirror.harness.lookups = [[one.provider]];
    const path = `/v2/library/test/manifests/${digestOf(manifest)}`;
    const head = await ask(mirror, path, {}, 'HEAD');
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': String(manifest.length) } });
    expect(await mirror.harness.node.store.has(digestOf(manifest))).toBe(true);
    expect((await ask(mirror, blob, {}, 'HEAD')).status).toBe(503);
    expect(mirror.harness.cascades).toHaveLength(0);
    expect(one.requests).toHaveLength(1);
  });
});

describe('MirrorServer: failures', () => {
  const subject = { digest: testDigest(1), kind: 'blob', registry: 'hub', repository: 'a' } as const;
  it.each([
    [originError(subject, { failureClass: 'auth' }, ''), 503, 401, 'UNAUTHORIZED', undefined],
    [originError(subject, { failureClass: 'not_found' }, ''), 503, 404, 'BLOB_UNKNOWN', undefined],
    [
      originError(subject, { failureClass: 'rate_limited', retryAfterMs: 4_200 }, ''),
      503,
      429,
      'TOOMANYREQUESTS',
      '5',
    ],
    [
      coordinationErrors.create('COOLDOWN_ACTIVE', '', {
        details: { cooldownUntil: Number.MAX_SAFE_INTEGER },
      }),
      503,
      503,
      'UNAVAILABLE',
      '60',
    ],
    [coordinationErrors.create('FALLBACK_DECLINED', ''), 503, 503, 'UNAVAILABLE', undefined],
    [new Error('x'), 502, 502, 'UNAVAILABLE', undefined],
  ])('%s: %d, or %d where the truth is wanted', async (error, usual, truthful, code, retryAfter) => {
    for (const [errorMode, status] of [
      ['fallthrough', usual],
      ['truthful', truthful],
    ] as const) {
      const mirror = await start({ settings: { settings: { errorMode } } });
      mirror.harness.cascade = [
        async () => {
          throw error;
        },
      ];
      const answer = await ask(mirror, blob);
      expect(answer.status).toBe(status);
      expect(answer.headers['retry-after']).toBe(retryAfter);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ errors: [{ code }] });
    }
  });

  it('a store that cannot be read is as good as an empty one', async () => {
    const unavailable = coordinationErrors.create('STORAGE_UNAVAILABLE', 'broken');
    const mirror = await start({
      parts: {
        store: {
          size: async () => {
            throw unavailable;
          },
          open: async () => {
            throw unavailable;
          },
        },
      },
    });
    const one = await peer('n1', serving(bytes));
    mirror.harness.lookups = [[one.provider]];
    expect((await ask(mirror, blob)).body.equals(bytes)).toBe(true);
  });

  it('a disk that takes nothing answers 503', async () => {
    const mirror = await start();
    await mirror.harness.node.store.close();
    expect((await ask(mirror, blob)).status).toBe(503);
  });
});

describe('MirrorServer: hostile clients', () => {
  it('ends what is no HTTP, and headers without end', async () => {
    const { port } = await start();
    for (const text of [
      'nonsense\r\n\r\n',
      `GET / HTTP/1.1\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`,
      'GET /v2/ HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n',
    ]) {
      const socket = connect(port, '127.0.0.1');
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.on('error', () => {});
      socket.resume();
      socket.write(text);
      await closed;
    }
  });

  it('clients that never read hold no copies of the body, and leave the session to others', async () => {
    const mirror = await start();
    const big = content(40_000_000, 6);
    const one = await peer('n1', serving(big.bytes));
    mirror.harness.lookups = [[one.provider]];
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(mirror.port, '127.0.0.1');
      socket.pause();
      socket.on('error', () => {});
      socket.write(`GET /v2/a/blobs/${big.digest} HTTP/1.1\r\nhost: x\r\n\r\n`);
      return socket;
    });
    const answer = await ask(mirror, `/v2/a/blobs/${big.digest}`);
    expect(answer.body.equals(big.bytes)).toBe(true);
    expect(one.requests).toHaveLength(1);
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => published(mirror.harness.node, 'mirror.served').length).toBe(21);
    expect(mirror.harness.node.store.stats().openReaders).toBe(0);
  });

  it('a client that goes away while it waits ends nothing for others', async () => {
    const mirror = await start();
    let answer: (() => void) | undefined;
    const one = await peer('n1', (request, response) => {
      answer = () => serving(bytes)(request, response);
    });
    mirror.harness.lookups = [[one.provider]];
    const impatient = connect(mirror.port, '127.0.0.1');
    impatient.write(`GET ${blob} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await expect.poll(() => answer !== undefined).toBe(true);
    impatient.destroy();
    const patient = ask(mirror, blob);
    await expect.poll(() => published(mirror.harness.node, 'mirror.served').length).toBe(1);
    answer?.();
    expect((await patient).body.equals(bytes)).toBe(true);
  });
});
