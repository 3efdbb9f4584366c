import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { MANIFEST_ACCEPT } from '../../src/origin/oci-origin.ts';
import type { CredentialsSource } from '../../src/origin/credentials.ts';
import {
  adapterOf,
  blob,
  failure,
  MANIFEST_TYPE,
  NEVER,
  password,
  readAll,
  serveOrigin,
} from '../support/origin-fixture.ts';

describe('authentication', () => {
  it('gets one token for a scope however many ask, and another one for another repository', async () => {
    const server = await serveOrigin({ auth: 'bearer' });
    const { origin } = adapterOf(server);
    const digest = server.add(blob(100));
    const read = async (repository: string) =>
      readAll((await origin.open(repository, digest, 'blob', 0, NEVER)).body);
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
    const server = await serveOrigin({ auth: 'bearer' });
    const { origin } = adapterOf(server);
    const digest = server.add(blob(100));
    await readAll((await origin.open('r', digest, 'blob', 0, NEVER)).body);
    server.revokeTokens();
    await readAll((await origin.open('r', digest, 'blob', 0, NEVER)).body);
    expect(server.tokenRequests).toBe(2);
  });

  it('drops the tokens of all scopes when the credentials have changed', async () => {
    const server = await serveOrigin({ auth: 'bearer' });
    let isChanged = false;
    const { origin } = adapterOf(server, {
      credentials: { ...password('p'), refused: async () => isChanged },
    });
    const digest = server.add(blob(100));
    const read = async (repository: string) =>
      readAll((await origin.open(repository, digest, 'blob', 0, NEVER)).body);
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
    const server = await serveOrigin({ auth: 'bearer' });
    server.tokenAnswer = (_request, response) => response.end('{"token":"worthless"}');
    const { origin } = adapterOf(server);
    const digest = server.add(blob(100));
    expect(await failure(origin.open('r', digest, 'blob', 0, NEVER))).toMatchObject({
      failureClass: 'auth',
      status: 401,
    });
    expect(server.seen.map(({ url }) => url.split('?')[0])).toEqual([
      `/v2/r/blobs/${digest}`,
      '/token',
      `/v2/r/blobs/${digest}`,
    ]);
    server.tokenAnswer = undefined;
    expect(await readAll((await origin.open('r', digest, 'blob', 0, NEVER)).body)).toHaveLength(100);
  });

  it('gives credentials to the token service, and reads changed ones after a refusal', async () => {
    const server = await serveOrigin({ auth: 'bearer', credentials: { user: 'u', password: 'new' } });
    let current = 'old';
    const credentials: CredentialsSource = {
      current: async () => ({ user: 'u', password: current }),
      refused: async () => {
        const isOther = server.tokenRequests > 0 && current === 'old';
        if (isOther) current = 'new';
        return isOther;
      },
    };
    const { origin } = adapterOf(server, { credentials });
    const digest = server.add(blob(100));
    expect(await readAll((await origin.open('r', digest, 'blob', 0, NEVER)).body)).toHaveLength(100);
    expect(server.tokenRequests).toBe(2);
    const bad = adapterOf(server, { credentials: password('wrong') });
    expect(await failure(bad.origin.open('r', digest, 'blob', 0, NEVER))).toMatchObject({
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
    const server = await serveOrigin({ auth: 'bearer' });
    server.tokenAnswer = (_request, response) => answer(response);
    const { origin } = adapterOf(server);
    const facts = await failure(origin.open('r', server.add(blob(9)), 'blob', 0, NEVER));
    expect(facts?.failureClass).toBe(failureClass);
    expect(facts?.retryAfterMs).toBe(failureClass === 'rate_limited' ? 9_000 : undefined);
  });

  it('reads no more of a token answer than it has to', async () => {
    const server = await serveOrigin({ auth: 'bearer' });
    let sent = 0;
    server.tokenAnswer = (_request, response) => {
      const more = (): void => {
        let isTaken = true;
        while (isTaken && !response.destroyed) {
          isTaken = response.write(' '.repeat(65_536));
          sent += 65_536;
        }
      };
      response.on('drain', more);
      more();
    };
    const { origin } = adapterOf(server);
    const facts = await failure(origin.open('r', server.add(blob(9)), 'blob', 0, NEVER));
    expect(facts?.failureClass).toBe('transient');
    expect(sent).toBeLessThan(32 * 1_048_576);
  });

  it('answers a Basic challenge with the same headers, and knows the next time', async () => {
    const server = await serveOrigin({ auth: 'basic', credentials: { user: 'u', password: 'p' } });
    const { origin } = adapterOf(server, { credentials: password('p') });
    const digest = server.add(Buffer.from('{}'), MANIFEST_TYPE);
    await readAll((await origin.open('r', digest, 'manifest', 0, NEVER)).body);
    await readAll((await origin.open('r', digest, 'manifest', 0, NEVER)).body);
    expect(server.seen.map(({ headers }) => [headers.accept, headers.authorization !== undefined])).toEqual([
      [MANIFEST_ACCEPT, false],
      [MANIFEST_ACCEPT, true],
      [MANIFEST_ACCEPT, true],
    ]);
  });

  it('does not repeat the password that was refused just now', async () => {
    const server = await serveOrigin({ auth: 'basic', credentials: { user: 'u', password: 'p' } });
    const { origin } = adapterOf(server, { credentials: password('p') });
    const digest = server.add(blob(3));
    await readAll((await origin.open('r', digest, 'blob', 0, NEVER)).body);
    server.reset();
    server.options = { ...server.options, credentials: { user: 'u', password: 'changed' } };
    expect(await failure(origin.open('r', digest, 'blob', 0, NEVER))).toMatchObject({ failureClass: 'auth' });
    expect(server.seen).toHaveLength(1);
  });

  it('is refused for good with wrong or no credentials', async () => {
    const server = await serveOrigin({ auth: 'basic', credentials: { user: 'u', password: 'p' } });
    const digest = server.add(blob(3));
    const wrong = adapterOf(server, { credentials: password('q') });
    expect(await failure(wrong.origin.open('r', digest, 'blob', 0, NEVER))).toMatchObject({
      failureClass: 'auth',
    });
    expect(server.seen).toHaveLength(2);
    const none = adapterOf(server);
    expect(await failure(none.origin.open('r', digest, 'blob', 0, NEVER))).toMatchObject({
      failureClass: 'auth',
    });
    expect(server.seen).toHaveLength(3);
  });

  it('prepares a token without asking for content, once the registry has named its token service', async () => {
    const server = await serveOrigin({ auth: 'bearer' });
    const { origin } = adapterOf(server);
    const digest = server.add(blob(3));
    await origin.prepare('r', NEVER);
    expect(server.seen).toHaveLength(0);
    await readAll((await origin.open('r', digest, 'blob', 0, NEVER)).body);
    server.reset();
    await origin.prepare('other', NEVER);
    expect(server.tokenRequests).toBe(1);
    await readAll((await origin.open('other', digest, 'blob', 0, NEVER)).body);
    expect(server.seen).toHaveLength(2);
  });

  it('stops waiting for a token when the caller gives up, and others get it', async () => {
    const server = await serveOrigin({ auth: 'bearer' });
    const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>();
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
    server.tokenAnswer = (_request, response) => {
      server.tokenAnswer = undefined;
      asked();
      void mayAnswer.then(() => response.end('{"token":"t"}'));
    };
    const { origin } = adapterOf(server);
    const controller = new AbortController();
    const digest = server.add(blob(3));
    const first = failure(origin.open('r', digest, 'blob', 0, controller.signal));
    await isAsked;
    const second = failure(origin.open('r', digest, 'blob', 0, NEVER));
    controller.abort(new Error('gone'));
    expect(await first).toBeUndefined();
    answer();
    expect(await second).toMatchObject({ failureClass: 'auth' });
    expect(server.tokenRequests).toBe(1);
  });
});
