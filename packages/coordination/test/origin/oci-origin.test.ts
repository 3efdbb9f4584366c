import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { originFailureOf } from '../../src/origin/failure.ts';
import { MANIFEST_ACCEPT } from '../../src/origin/oci-origin.ts';
import type { CredentialsSource } from '../../src/origin/credentials.ts';
import type { Digest } from '../../src/types.ts';
import { originFixture, type OriginFixtureOptions, readAll } from '../support/origin-fixture.ts';
import {
  type Fault,
  OriginServer,
  type OriginServerOptions,
} from '../../../../benchmarks/coordination/lab/origin-server.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(options: OriginServerOptions = {}): Promise<OriginServer> {
  const server = await OriginServer.start(options);
  closers.push(async () => server.close());
  return server;
}

function fixture(server: OriginServer, options: OriginFixtureOptions = {}) {
  const made = originFixture(server.url, options);
  closers.unshift(() => made.close());
  return made;
}

const never = new AbortController().signal;
const blob = (bytes: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, index) => (index * 31 + seed * 7 + (index >> 8)) & 0xff);
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const password = (value: string): CredentialsSource => ({
  current: async () => ({ user: 'u', password: value }),
  refused: async () => false,
});

async function failure(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return originFailureOf(error);
}

describe('OciOrigin', () => {
  it('reads blobs and manifests with their sizes and types, and with the headers of a registry client', async () => {
    const server = await serve();
    const { origin, published } = fixture(server);
    const layer = blob(200_000);
    const digest = server.add(layer);
    const manifest = server.add(Buffer.from('{"layers":[]}'), `${manifestType}; charset=utf-8`);

    const opened = await origin.open('lib/n', digest, 'blob', 0, never);
    expect([opened.size, opened.offset, opened.mediaType]).toEqual([200_000, 0, 'application/octet-stream']);
    expect((await readAll(opened.body)).equals(layer)).toBe(true);
    const other = await origin.open('lib/n', manifest, 'manifest', 0, never);
    expect([other.size, other.mediaType]).toEqual([13, manifestType]);
    expect((await readAll(other.body)).toString()).toBe('{"layers":[]}');

    const [first, second] = server.seen;
    expect(first).toMatchObject({ method: 'GET', url: `/v2/lib/n/blobs/${digest}` });
    expect(first?.headers).toMatchObject({ accept: '*/*', 'user-agent': 'muster/0.0.0-test' });
    expect(second).toMatchObject({
      url: `/v2/lib/n/manifests/${manifest}`,
      headers: { accept: MANIFEST_ACCEPT },
    });
    expect(bytesOf(published, 'blob')).toBe(200_000);
    expect(bytesOf(published, 'manifest')).toBe(13);
  });

  it('opens at an offset, whether the registry knows ranges or not', async () => {
    for (const hasRanges of [true, false]) {
      const server = await serve({ hasRanges });
      const { origin, published } = fixture(server);
      const layer = blob(150_000);
      const opened = await origin.open('r', server.add(layer), 'blob', 100_000, never);
      expect([opened.size, opened.offset]).toEqual([150_000, 100_000]);
      expect((await readAll(opened.body)).equals(layer.subarray(100_000))).toBe(true);
      expect(bytesOf(published, 'blob')).toBe(hasRanges ? 50_000 : 150_000);
    }
  });

  it('tells size and type by HEAD, which counts as HEAD only', async () => {
    const server = await serve();
    const { origin, published } = fixture(server);
    const digest = server.add(Buffer.from('{}'), manifestType);
    expect(await origin.head('r', digest, 'manifest', never)).toEqual({ size: 2, mediaType: manifestType });
    expect(server.countsOf(digest)).toEqual({ get: 0, head: 1, bytes: 0 });
    expect(published.map(({ topic }) => topic)).toEqual(['origin.head']);
  });

  it.each([
    [401, 'auth'],
    [403, 'auth'],
    [404, 'not_found'],
    [500, 'transient'],
    [418, 'transient'],
    [204, 'transient'],
    [304, 'transient'],
  ])('classifies %d as %s, after one request', async (status, failureClass) => {
    const server = await serve();
    const { origin } = fixture(server);
    const digest = server.add(Buffer.from('{}'), manifestType);
    server.script(digest, { kind: 'status', status });
    expect(await failure(origin.open('r', digest, 'manifest', 0, never))).toEqual({
      registry: 'hub',
      repository: 'r',
      digest,
      kind: 'manifest',
      failureClass,
      status,
    });
    expect(server.countsOf(digest).get).toBe(1);
  });

  it('keeps Retry-After of a 429', async () => {
    const server = await serve();
    const { origin } = fixture(server);
    const digest = server.add(blob(10));
    server.script(digest, { kind: 'status', status: 429, headers: { 'retry-after': '17' } });
    expect(await failure(origin.open('r', digest, 'blob', 0, never))).toMatchObject({
      failureClass: 'rate_limited',
      retryAfterMs: 17_000,
    });
  });

  it('asks once for a missing blob as a manifest, and reports the first answer', async () => {
    const server = await serve();
    const { origin } = fixture(server);
    const child = server.add(Buffer.from('{"a":1}'), manifestType);
    const opened = await origin.open('r', child, 'blob', 0, never);
    expect((await readAll(opened.body)).toString()).toBe('{"a":1}');
    expect(server.seen.map(({ url }) => url.split('/')[3])).toEqual(['blobs', 'manifests']);

    const missing: Digest = `sha256:${'0'.repeat(64)}`;
    server.reset();
    server.script(missing, undefined, { kind: 'status', status: 500 });
    expect(await failure(origin.open('r', missing, 'blob', 0, never))).toMatchObject({ status: 404 });
    expect(server.countsOf(missing).get).toBe(2);
    expect(await failure(origin.open('r', missing, 'manifest', 0, never))).toMatchObject({ status: 404 });
    expect(server.countsOf(missing).get).toBe(3);
  });

  it('begins with the manifest URL when the digest is known to be a manifest', async () => {
    const server = await serve();
    const child = server.add(Buffer.from('{"a":1}'), manifestType);
    const wrongly = server.add(blob(5));
    const { origin } = fixture(server, { kindOf: () => 'manifest' });
    await readAll((await origin.open('r', child, 'blob', 0, never)).body);
    expect(server.countsOf(child).get).toBe(1);
    expect(await readAll((await origin.open('r', wrongly, 'blob', 0, never)).body)).toHaveLength(5);
  });

  it('waits for its turn at a registry with a limit, and fails with its own class when that is too long', async () => {
    const server = await serve();
    const { origin, timers } = fixture(server, { maxRequestsPerSecond: 1 });
    const digest = server.add(blob(3));
    await readAll((await origin.open('r', digest, 'blob', 0, never)).body);
    expect(timers.slept).toEqual([]);
    const results = await Promise.all(
      Array.from({ length: 14 }, async () => failure(origin.open('r', digest, 'blob', 0, never))),
    );
    const local = results.filter((facts) => facts?.isLocal === true);
    expect(local.length).toBeGreaterThanOrEqual(3);
    expect(local[0]).toMatchObject({ failureClass: 'rate_limited' });
    expect(Math.max(...timers.slept)).toBeLessThanOrEqual(10_000);
    expect(timers.slept.length + local.length).toBe(14);
  });
});

describe('authentication', () => {
  it('gets one token for a scope however many ask, and another one for another repository', async () => {
    const server = await serve({ auth: 'bearer' });
    const { origin } = fixture(server);
    const digest = server.add(blob(100));
    const read = async (repository: string) =>
      readAll((await origin.open(repository, digest, 'blob', 0, never)).body);
    await Promise.all(Array.from({ length: 8 }, async () => read('a/b')));
    expect(server.tokenRequests).toBe(1);
    await read('c');
    await read('a/b');
    await read('c');
    expect(server.tokenRequests).toBe(2);
    const [url] = server.seen.filter(({ url }) => url.startsWith('/token')).map(({ url }) => url);
    expect(url).toBe('/token?tenant=a&service=origin&scope=repository%3Aa%2Fb%3Apull');
    expect(server.seen.find(({ url }) => url.startsWith('/token'))?.headers.authorization).toBeUndefined();
  });

  it('takes a new token when the old one is refused, once', async () => {
    const server = await serve({ auth: 'bearer' });
    const { origin } = fixture(server);
    const digest = server.add(blob(100));
    await readAll((await origin.open('r', digest, 'blob', 0, never)).body);
    server.revokeTokens();
    await readAll((await origin.open('r', digest, 'blob', 0, never)).body);
    expect(server.tokenRequests).toBe(2);
  });

  it('drops the tokens of all scopes when the credentials have changed', async () => {
    const server = await serve({ auth: 'bearer' });
    let isChanged = false;
    const { origin } = fixture(server, { credentials: { ...password('p'), refused: async () => isChanged } });
    const digest = server.add(blob(100));
    const read = async (repository: string) =>
      readAll((await origin.open(repository, digest, 'blob', 0, never)).body);
    await read('a');
    await read('b');
    expect(server.tokenRequests).toBe(2);
    isChanged = true;
    await read('c');
    isChanged = false;
    await read('a');
    expect(server.tokenRequests).toBe(4);
  });

  it('does not loop when every token is refused', async () => {
    const server = await serve({ auth: 'bearer' });
    server.tokenAnswer = (_request, response) => response.end('{"token":"worthless"}');
    const { origin } = fixture(server);
    const digest = server.add(blob(100));
    expect(await failure(origin.open('r', digest, 'blob', 0, never))).toMatchObject({
      failureClass: 'auth',
      status: 401,
    });
    expect(server.seen.map(({ url }) => url.split('?')[0])).toEqual([
      `/v2/r/blobs/${digest}`,
      '/token',
      `/v2/r/blobs/${digest}`,
    ]);
    server.tokenAnswer = undefined;
    expect(await readAll((await origin.open('r', digest, 'blob', 0, never)).body)).toHaveLength(100);
  });

  it('gives credentials to the token service, and reads changed ones after a refusal', async () => {
    const server = await serve({ auth: 'bearer', credentials: { user: 'u', password: 'new' } });
    let current = 'old';
    const credentials: CredentialsSource = {
      current: async () => ({ user: 'u', password: current }),
      refused: async () => {
        const isOther = server.tokenRequests > 0 && current === 'old';
        if (isOther) current = 'new';
        return isOther;
      },
    };
    const { origin } = fixture(server, { credentials });
    const digest = server.add(blob(100));
    expect(await readAll((await origin.open('r', digest, 'blob', 0, never)).body)).toHaveLength(100);
    expect(server.tokenRequests).toBe(2);
    const bad = fixture(server, { credentials: password('wrong') });
    expect(await failure(bad.origin.open('r', digest, 'blob', 0, never))).toMatchObject({
      failureClass: 'auth',
    });
  });

  it.each<[string, (response: ServerResponse) => void, string]>([
    ['403', (response) => response.writeHead(403).end(), 'auth'],
    ['429', (response) => response.writeHead(429, { 'retry-after': '9' }).end(), 'rate_limited'],
    ['404', (response) => response.writeHead(404).end(), 'transient'],
    ['500', (response) => response.writeHead(500).end(), 'transient'],
    ['no JSON', (response) => response.end('<html>'), 'transient'],
    ['no token', (response) => response.end('{"expires_in":60}'), 'transient'],
    ['a token that breaks headers', (response) => response.end('{"token":"a\\r\\nx-evil: 1"}'), 'transient'],
    [
      'a redirect without end',
      (response) => response.writeHead(302, { location: '/token' }).end(),
      'transient',
    ],
  ])('classifies a token service that answers %s', async (_name, answer, failureClass) => {
    const server = await serve({ auth: 'bearer' });
    server.tokenAnswer = (_request, response) => answer(response);
    const { origin } = fixture(server);
    const facts = await failure(origin.open('r', server.add(blob(9)), 'blob', 0, never));
    expect(facts?.failureClass).toBe(failureClass);
    expect(facts?.retryAfterMs).toBe(failureClass === 'rate_limited' ? 9_000 : undefined);
  });

  it('reads no more of a token answer than it has to', async () => {
    const server = await serve({ auth: 'bearer' });
    let sent = 0;
    server.tokenAnswer = (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(' '.repeat(65_536))) sent += 65_536;
      };
      response.on('drain', more);
      more();
    };
    const { origin } = fixture(server);
    const facts = await failure(origin.open('r', server.add(blob(9)), 'blob', 0, never));
    expect(facts?.failureClass).toBe('transient');
    expect(sent).toBeLessThan(64 * 1_048_576);
  });

  it('answers a Basic challenge with the same headers, and knows the next time', async () => {
    const server = await serve({ auth: 'basic', credentials: { user: 'u', password: 'p' } });
    const { origin } = fixture(server, { credentials: password('p') });
    const digest = server.add(Buffer.from('{}'), manifestType);
    await readAll((await origin.open('r', digest, 'manifest', 0, never)).body);
    await readAll((await origin.open('r', digest, 'manifest', 0, never)).body);
    expect(server.seen.map(({ headers }) => [headers.accept, headers.authorization !== undefined])).toEqual([
      [MANIFEST_ACCEPT, false],
      [MANIFEST_ACCEPT, true],
      [MANIFEST_ACCEPT, true],
    ]);
  });

  it('does not repeat the password that was refused just now', async () => {
    const server = await serve({ auth: 'basic', credentials: { user: 'u', password: 'p' } });
    const { origin } = fixture(server, { credentials: password('p') });
    const digest = server.add(blob(3));
    await readAll((await origin.open('r', digest, 'blob', 0, never)).body);
    server.reset();
    server.options = { ...server.options, credentials: { user: 'u', password: 'changed' } };
    expect(await failure(origin.open('r', digest, 'blob', 0, never))).toMatchObject({ failureClass: 'auth' });
    expect(server.seen).toHaveLength(1);
  });

  it('is refused for good with wrong or no credentials', async () => {
    const server = await serve({ auth: 'basic', credentials: { user: 'u', password: 'p' } });
    const digest = server.add(blob(3));
    const wrong = fixture(server, { credentials: password('q') });
    expect(await failure(wrong.origin.open('r', digest, 'blob', 0, never))).toMatchObject({
      failureClass: 'auth',
    });
    expect(server.seen).toHaveLength(2);
    const none = fixture(server);
    expect(await failure(none.origin.open('r', digest, 'blob', 0, never))).toMatchObject({
      failureClass: 'auth',
    });
    expect(server.seen).toHaveLength(3);
  });

  it('prepares a token without asking for content, once the registry has named its token service', async () => {
    const server = await serve({ auth: 'bearer' });
    const { origin } = fixture(server);
    const digest = server.add(blob(3));
    await origin.prepare('r', never);
    expect(server.seen).toHaveLength(0);
    await readAll((await origin.open('r', digest, 'blob', 0, never)).body);
    server.reset();
    await origin.prepare('other', never);
    expect(server.tokenRequests).toBe(1);
    await readAll((await origin.open('other', digest, 'blob', 0, never)).body);
    expect(server.seen).toHaveLength(2);
  });

  it('stops waiting for a token when the caller gives up, and others get it', async () => {
    const server = await serve({ auth: 'bearer' });
    const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>();
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
    server.tokenAnswer = (_request, response) => {
      server.tokenAnswer = undefined;
      asked();
      void mayAnswer.then(() => response.end('{"token":"t"}'));
    };
    const { origin } = fixture(server);
    const controller = new AbortController();
    const digest = server.add(blob(3));
    const first = failure(origin.open('r', digest, 'blob', 0, controller.signal));
    await isAsked;
    const second = failure(origin.open('r', digest, 'blob', 0, never));
    controller.abort(new Error('gone'));
    expect(await first).toBeUndefined();
    answer();
    expect(await second).toMatchObject({ failureClass: 'auth' });
    expect(server.tokenRequests).toBe(1);
  });
});

describe('redirects', () => {
  it('are followed without Authorization and with Range, and nothing of their query is told', async () => {
    const store = await serve();
    const server = await serve({ auth: 'bearer', redirectBlobsTo: store.url });
    const { origin } = fixture(server);
    const layer = blob(1_000);
    server.add(layer);
    const digest = store.add(layer);
    const opened = await origin.open('r', digest, 'blob', 400, never);
    expect((await readAll(opened.body)).equals(layer.subarray(400))).toBe(true);
    expect(store.seen).toHaveLength(1);
    expect(store.seen[0]?.url).toContain('signature=secret');
    expect(store.seen[0]?.headers).toMatchObject({ range: 'bytes=400-', 'user-agent': 'muster/0.0.0-test' });
    expect(store.seen[0]?.headers.authorization).toBeUndefined();

    store.script(digest, { kind: 'status', status: 403 });
    const error = await origin.open('r', digest, 'blob', 0, never).catch((reason: unknown) => reason);
    expect(originFailureOf(error)).toMatchObject({ failureClass: 'auth', status: 403 });
    expect(JSON.stringify(error) + String(error) + String((error as Error).cause)).not.toContain('secret');
  });

  it('keep Authorization at the same scheme, host and port', async () => {
    const server = await serve({ auth: 'bearer' });
    const { origin } = fixture(server);
    const digest = server.add(blob(10));
    server.script(digest, {
      kind: 'status',
      status: 307,
      headers: { location: `/v2/other/blobs/${digest}` },
    });
    await failure(origin.open('r', digest, 'blob', 0, never));
    const redirected = server.seen.find(({ url }) => url.startsWith('/v2/other'));
    expect(redirected?.headers.authorization).toMatch(/^Bearer /);
  });

  it('bring Authorization to no other place, not by a second redirect either', async () => {
    const evil = await serve();
    const server = await serve({ auth: 'bearer' });
    const { origin } = fixture(server);
    const digest = server.add(blob(10));
    const to = (url: string): Fault => ({ kind: 'status', status: 307, headers: { location: url } });
    server.script(digest, to(`${evil.url}/v2/r/blobs/${digest}`));
    evil.script(digest, to(`/v2/s/blobs/${digest}`), to(`${server.url}/v2/r/blobs/${digest}`));
    expect(await failure(origin.open('r', digest, 'blob', 0, never))).toMatchObject({ failureClass: 'auth' });
    expect(evil.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    expect(server.seen.at(-1)?.headers.authorization).toBeUndefined();
  });

  it('share the one second try when nobody answers', async () => {
    const store = await serve();
    const server = await serve({ redirectBlobsTo: store.url });
    const { origin, timers } = fixture(server);
    const digest = store.add(blob(10));
    store.script(digest, { kind: 'hang-up' });
    expect(await readAll((await origin.open('r', digest, 'blob', 0, never)).body)).toHaveLength(10);
    expect(timers.slept).toEqual([500]);
    store.script(digest, { kind: 'hang-up' }, { kind: 'hang-up' });
    expect(await failure(origin.open('r', digest, 'blob', 0, never))).toMatchObject({
      failureClass: 'transient',
    });
    expect(timers.slept).toEqual([500, 500]);
  });

  it('a challenge of their target is believed by nobody', async () => {
    const evil = await serve({ auth: 'basic', credentials: { user: 'u', password: 'p' } });
    const server = await serve();
    const { origin } = fixture(server, { credentials: password('p') });
    const digest = server.add(blob(10));
    server.script(digest, {
      kind: 'status',
      status: 302,
      headers: { location: `${evil.url}/v2/r/blobs/${digest}` },
    });
    expect(await failure(origin.open('r', digest, 'blob', 0, never))).toMatchObject({ failureClass: 'auth' });
    expect(evil.seen).toHaveLength(1);
    expect(server.seen).toHaveLength(1);
  });

  it.each([
    ['in a circle', (digest: string) => `/v2/r/blobs/${digest}`],
    ['to a file', () => 'file:///etc/passwd'],
    ['with a user', () => 'http://user:secret@127.0.0.1/'],
    ['to nowhere', () => 'http://['],
    ['to a private address', () => 'http://10.0.0.1/'],
    ['to a link-local address', () => 'http://169.254.169.254/latest/meta-data'],
    ['to a link-local address in disguise', () => 'http://[::ffff:169.254.169.254]/'],
    ['to a number that is a private address', () => 'http://167772161/'],
  ])('%s fail', async (_name, location) => {
    const server = await serve();
    const { origin } = fixture(server);
    const digest = server.add(Buffer.from('{}'), manifestType);
    const fault: Fault = { kind: 'status', status: 302, headers: { location: location(digest) } };
    server.script(digest, ...Array.from({ length: 10 }, () => fault));
    const facts = await failure(origin.open('r', digest, 'manifest', 0, never));
    expect(facts).toMatchObject({ failureClass: 'transient' });
    expect(facts?.status).toBeUndefined();
    expect(server.countsOf(digest).get).toBeLessThanOrEqual(6);
  });
});

describe('bodies that break off', () => {
  it('are continued where they ended, after pauses of the table', async () => {
    const server = await serve();
    const { origin, published, timers } = fixture(server);
    const layer = blob(500_000);
    const digest = server.add(layer);
    server.script(
      digest,
      { kind: 'cut', afterBytes: 100_000 },
      { kind: 'cut', afterBytes: 100_000 },
      { kind: 'hang-up' },
      { kind: 'hang-up' },
    );
    const opened = await origin.open('r', digest, 'blob', 0, never);
    expect((await readAll(opened.body)).equals(layer)).toBe(true);
    expect(published.filter(({ topic }) => topic === 'origin.resumed')).toHaveLength(2);
    const ranges = server.seen.map(({ headers }) => headers.range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=\d+-$/);
    const pauses = timers.slept.filter((ms) => ms !== 500);
    for (const [index, nominal] of [500, 2_000, 5_000].entries()) {
      expect(pauses[index]).toBeGreaterThanOrEqual(nominal * 0.8);
      expect(pauses[index]).toBeLessThanOrEqual(nominal * 1.2);
    }
  });

  it('skip what they have when the registry begins anew', async () => {
    const server = await serve({ hasRanges: false });
    const { origin } = fixture(server);
    const layer = blob(300_000);
    const digest = server.add(layer);
    server.script(digest, { kind: 'cut', afterBytes: 100_001 });
    const opened = await origin.open('r', digest, 'blob', 0, never);
    expect((await readAll(opened.body)).equals(layer)).toBe(true);
  });

  it('are given up after three continuations', async () => {
    const server = await serve();
    const { origin } = fixture(server);
    const digest = server.add(blob(500_000));
    server.script(digest, ...Array.from({ length: 9 }, (): Fault => ({ kind: 'cut', afterBytes: 10_000 })));
    const opened = await origin.open('r', digest, 'blob', 0, never);
    expect(await failure(readAll(opened.body))).toMatchObject({ failureClass: 'transient' });
    expect(server.countsOf(digest).get).toBe(4);
  });

  it('are not continued before the first byte, nor against a status', async () => {
    const server = await serve();
    const { origin } = fixture(server);
    const digest = server.add(blob(500_000));
    server.script(digest, { kind: 'cut', afterBytes: 0 });
    const opened = await origin.open('r', digest, 'blob', 0, never);
    expect(await failure(readAll(opened.body))).toMatchObject({ failureClass: 'transient' });
    expect(server.countsOf(digest).get).toBe(1);

    server.reset();
    server.script(digest, { kind: 'cut', afterBytes: 10_000 }, { kind: 'status', status: 403 });
    const again = await origin.open('r', digest, 'blob', 0, never);
    expect(await failure(readAll(again.body))).toMatchObject({ status: 403 });
    expect(server.countsOf(digest).get).toBe(2);
  });

  it('are not begun by a part that nobody asked for', async () => {
    const server = await serve();
    const { origin } = fixture(server);
    const digest = server.add(blob(10));
    server.script(digest, {
      kind: 'custom',
      answer: (_request, response) =>
        response.writeHead(206, { 'content-range': 'bytes 0-4/10' }).end('12345'),
    });
    expect(await failure(origin.open('r', digest, 'blob', 0, never))).toMatchObject({ status: 206 });
  });

  it.each<[string, Record<string, string>, number]>([
    ['another range', { 'content-range': 'bytes 50000-99999/100000' }, 206],
    ['no range', {}, 206],
    ['a range that contradicts itself', { 'content-range': 'bytes 9-3/2' }, 206],
    ['another size', { 'content-range': 'bytes 10000-99999/200000' }, 206],
    ['the unsatisfiable', { 'content-range': 'bytes */10' }, 416],
  ])('are not continued with %s', async (_name, headers, status) => {
    const server = await serve();
    const { origin } = fixture(server);
    const digest = server.add(blob(100_000));
    const lie: Fault = {
      kind: 'custom',
      answer: (_request, response) => response.writeHead(status, headers).end(Buffer.alloc(90_000)),
    };
    server.script(digest, { kind: 'cut', afterBytes: 10_000 }, lie, lie, lie);
    const opened = await origin.open('r', digest, 'blob', 0, never);
    expect(await failure(readAll(opened.body))).toMatchObject({ failureClass: 'transient' });
  });

  it('stand still for no longer than allowed', async () => {
    const server = await serve();
    const { origin } = fixture(server, { limits: { idleMs: 50 } });
    const layer = blob(300_000);
    const digest = server.add(layer);
    server.script(digest, { kind: 'stall', afterBytes: 100_000 });
    const opened = await origin.open('r', digest, 'blob', 0, never);
    expect((await readAll(opened.body)).equals(layer)).toBe(true);
    expect(server.countsOf(digest).get).toBe(2);
  });

  it('end at once when the reader gives up', async () => {
    const server = await serve();
    const { origin } = fixture(server);
    const digest = server.add(blob(300_000));
    server.script(digest, { kind: 'stall', afterBytes: 100_000 });
    const controller = new AbortController();
    const opened = await origin.open('r', digest, 'blob', 0, controller.signal);
    const reason = new Error('gone');
    const reading = (async () => {
      let bytes = 0;
      for await (const chunk of opened.body) {
        bytes += chunk.length;
        if (bytes === 100_000) controller.abort(reason);
      }
    })();
    await expect(reading).rejects.toBe(reason);
  });
});

function bytesOf(published: readonly { topic: string; payload: unknown }[], kind: string): number {
  let bytes = 0;
  for (const { topic, payload } of published) {
    const event = payload as { kind: string; bytes: number };
    if (topic === 'origin.bytes' && event.kind === kind) bytes += event.bytes;
  }
  return bytes;
}
