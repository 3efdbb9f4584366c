import { describe, expect, it } from 'vitest';
import { originFailureOf } from '../../src/origin/failure.ts';
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
import type { Fault } from '../../../../benchmarks/coordination/lab/origin-server.ts';

describe('redirects', () => {
  it('are followed without Authorization and with Range, and nothing of their query is told', async () => {
    const store = await serveOrigin();
    const server = await serveOrigin({ auth: 'bearer', redirectBlobsTo: store.url });
    const { origin } = adapterOf(server);
    const layer = blob(1_000);
    server.add(layer);
    const digest = store.add(layer);
    const opened = await origin.open('r', digest, 'blob', 400, NEVER);
    expect((await readAll(opened.body)).equals(layer.subarray(400))).toBe(true);
    expect(store.seen).toHaveLength(1);
    expect(store.seen[0]?.url).toContain('signature=secret');
    expect(store.seen[0]?.headers).toMatchObject({ range: 'bytes=400-', 'user-agent': 'muster/0.0.0-test' });
    expect(store.seen[0]?.headers.authorization).toBeUndefined();

    store.script(digest, { kind: 'status', status: 403 });
    const error = await origin.open('r', digest, 'blob', 0, NEVER).catch((reason: unknown) => reason);
    expect(originFailureOf(error)).toMatchObject({ failureClass: 'auth', status: 403 });
    expect(JSON.stringify(error) + String(error) + String((error as Error).cause)).not.toContain('secret');
  });

  it('keep Authorization at the same scheme, host and port', async () => {
    const server = await serveOrigin({ auth: 'bearer' });
    const { origin } = adapterOf(server);
    const digest = server.add(blob(10));
    server.script(digest, {
      kind: 'status',
      status: 307,
      headers: { location: `/v2/other/blobs/${digest}` },
    });
    await failure(origin.open('r', digest, 'blob', 0, NEVER));
    const redirected = server.seen.find(({ url }) => url.startsWith('/v2/other'));
    expect(redirected?.headers.authorization).toMatch(/^Bearer /);
  });

  it('bring Authorization to no other place, not by a second redirect either', async () => {
    const evil = await serveOrigin();
    const server = await serveOrigin({ auth: 'bearer' });
    const { origin } = adapterOf(server);
    const digest = server.add(blob(10));
    const to = (url: string): Fault => ({ kind: 'status', status: 307, headers: { location: url } });
    server.script(digest, to(`${evil.url}/v2/r/blobs/${digest}`));
    evil.script(digest, to(`/v2/s/blobs/${digest}`), to(`${server.url}/v2/r/blobs/${digest}`));
    expect(await failure(origin.open('r', digest, 'blob', 0, NEVER))).toMatchObject({ failureClass: 'auth' });
    expect(evil.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    expect(server.seen.at(-1)?.headers.authorization).toBeUndefined();
  });

  it('share the one second try when nobody answers', async () => {
    const store = await serveOrigin();
    const server = await serveOrigin();
    const { origin, timers } = adapterOf(server);
    const digest = store.add(blob(10));
    const away: Fault = {
      kind: 'status',
      status: 307,
      headers: { location: `${store.url}/v2/r/blobs/${digest}` },
    };
    server.script(digest, away, { kind: 'hang-up' }, away);
    store.script(digest, { kind: 'hang-up' }, undefined, { kind: 'hang-up' });
    expect(await readAll((await origin.open('r', digest, 'blob', 0, NEVER)).body)).toHaveLength(10);
    expect(timers.slept).toEqual([500]);
    expect(await failure(origin.open('r', digest, 'blob', 0, NEVER))).toMatchObject({
      failureClass: 'transient',
    });
    expect(timers.slept).toEqual([500, 500]);
  });

  it('a challenge of their target is believed by nobody', async () => {
    const evil = await serveOrigin({ auth: 'basic', credentials: { user: 'u', password: 'p' } });
    const server = await serveOrigin();
    const { origin } = adapterOf(server, { credentials: password('p') });
    const digest = server.add(blob(10));
    server.script(digest, {
      kind: 'status',
      status: 302,
      headers: { location: `${evil.url}/v2/r/blobs/${digest}` },
    });
    expect(await failure(origin.open('r', digest, 'blob', 0, NEVER))).toMatchObject({ failureClass: 'auth' });
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
    const server = await serveOrigin();
    const { origin } = adapterOf(server);
    const digest = server.add(Buffer.from('{}'), MANIFEST_TYPE);
    const fault: Fault = { kind: 'status', status: 302, headers: { location: location(digest) } };
    server.script(digest, ...Array.from({ length: 10 }, () => fault));
    const facts = await failure(origin.open('r', digest, 'manifest', 0, NEVER));
    expect(facts).toMatchObject({ failureClass: 'transient' });
    expect(facts?.status).toBeUndefined();
    expect(server.countsOf(digest).get).toBeLessThanOrEqual(6);
  });
});
