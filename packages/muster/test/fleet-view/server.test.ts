import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Page } from '../../src/fleet-view/index.ts';
import type { PeerFact } from '../../src/fleet-view/model/inputs.ts';
import { DELTAS_KEPT, MAX_PAGE_READERS, MAX_PAGE_URL_CHARS } from '../../src/fleet-view/server/limits.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { ask, eventually, PageReader, servedPage } from './support.ts';

const folder = temporaryFolder();

async function withFiles(): Promise<Page> {
  await mkdir(folder.path('page', 'assets'), { recursive: true });
  await writeFile(folder.path('secret.html'), 'secret');
  await writeFile(folder.path('page', 'index.html'), '<!doctype html>page');
  await writeFile(folder.path('page', 'assets', 'app-1a2b3c4d.js'), 'app()');
  await writeFile(folder.path('page', 'assets', 'plain.css'), 'a{}');
  await writeFile(folder.path('page', 'key.pem'), 'not a kind of file that a page has');
  await symlink(folder.path('secret.html'), folder.path('page', 'link.html'));
  return await servedPage({ folder: folder.path('page') });
}

function tell(page: Page, ...facts: readonly PeerFact[]): void {
  page.hub.take({ type: 'source', id: 'test', kind: 'overlay', address: 'x', state: 'ok' });
  page.hub.take({ type: 'peers', source: 'test', facts, isComplete: false });
}

const peer = (id: string, more: Partial<PeerFact> = {}): PeerFact => ({
  key: id,
  peerId: id,
  state: 'online',
  ...more,
});

describe('files of the page', () => {
  it('have their types, and are kept by browsers as long as their names say so', async () => {
    const page = await withFiles();
    const index = await ask(page, '/');
    expect(index).toMatchObject({ status: 200, body: '<!doctype html>page' });
    expect(index.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy': expect.stringMatching(
        /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;/,
      ),
      'x-content-type-options': 'nosniff',
    });
    expect(index.headers).not.toHaveProperty('access-control-allow-origin');
    const script = await ask(page, '/assets/app-1a2b3c4d.js');
    expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(script.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect((await ask(page, '/assets/plain.css')).headers['cache-control']).toBe('no-cache');
    const again = await ask(page, '/', { headers: { 'if-none-match': index.headers.etag as string } });
    expect(again).toMatchObject({ status: 304, body: '' });
    expect(await ask(page, '/', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  it.each([
    '/../secret.html',
    '/..%2fsecret.html',
    '/%2e%2e/secret.html',
    '/assets/../../secret.html',
    '/assets/..%5c..%5csecret.html',
    '//secret.html',
    '/link.html',
    '/key.pem',
    '/assets/',
    '/assets',
    '/index.html%00.js',
  ])('are the only ones: not %s', async (path) => {
    const answer = await ask(await withFiles(), path);
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain('secret');
  });

  it('may be missing: what they would show is served', async () => {
    const page = await servedPage({ folder: folder.path('nothing') });
    expect(await ask(page, '/')).toMatchObject({ status: 503 });
    expect((await ask(page, '/')).body).toContain('PAGE_NOT_BUILT');
    expect((await ask(page, '/api/fleet')).status).toBe(200);
  });
});

describe('requests', () => {
  it.each([
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['127.0.0.1@evil.example', 403],
    [':80', 403],
    ['localhost:1', 200],
    ['[::1]:80', 200],
    ['127.0.0.9', 200],
    ['fleet.example', 200],
  ])('to the host %j answer %d', async (host, status) => {
    const page = await servedPage({ allowedHosts: ['Fleet.example'] });
    expect((await ask(page, '/healthz', { headers: { host } })).status).toBe(status);
  });

  it.each([
    [{ origin: 'http://evil.example' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 200],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }, 200],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }, 403],
  ])('with %j answer %d', async (headers, status) => {
    const page = await servedPage();
    expect((await ask(page, '/healthz', { headers })).status).toBe(status);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('with %s are refused', async (method) => {
    const answer = await ask(await servedPage(), '/api/fleet', { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('GET, HEAD');
  });

  it('that are not properly made are refused', async () => {
    const page = await servedPage();
    expect((await ask(page, '/%')).status).toBe(400);
    expect((await ask(page, `/${'x'.repeat(MAX_PAGE_URL_CHARS)}`)).status).toBe(400);
    const withBody = await ask(page, '/healthz', { headers: { 'content-length': '1' }, body: 'x' });
    expect(withBody.status).toBe(400);
  });

  it('for one peer answer what is known of it', async () => {
    const page = await servedPage();
    tell(page, peer('P/1', { name: 'alpha' }));
    const reader = await PageReader.open(page);
    await reader.until('the peer is there', ({ peers }) => peers.has('P/1'));
    const answer = await ask(page, `/api/peers/${encodeURIComponent('P/1')}`);
    expect(JSON.parse(answer.body)).toMatchObject({ peer: { name: 'alpha' }, scores: [], pulls: [] });
    expect((await ask(page, '/api/peers/nobody')).status).toBe(404);
    const health = JSON.parse((await ask(page, '/healthz')).body) as object;
    expect(health).toMatchObject({ status: 'ok', page: false, readers: 1, peers: 1 });
  });
});

describe('readers', () => {
  it('get a snapshot, then what changes', async () => {
    const page = await servedPage();
    tell(page, peer('P'));
    const reader = await PageReader.open(page);
    await reader.until('the first peer is there', ({ peers }) => peers.has('P'));
    tell(page, peer('Q'));
    const state = await reader.until('the second peer is there', ({ peers }) => peers.has('Q'));
    expect(reader.events[0]).toBe('snapshot');
    expect(reader.events.slice(1).every((name) => name === 'delta')).toBe(true);
    expect(state.title).toBe('a fleet');
    const { peers } = JSON.parse((await ask(page, '/api/fleet')).body) as { peers: { id: string }[] };
    expect(peers.map(({ id }) => id)).toEqual(['P', 'Q']);
  });

  it('that come back get what they missed', async () => {
    const page = await servedPage();
    const first = await PageReader.open(page);
    tell(page, peer('P'));
    await first.until('the first peer is there', ({ peers }) => peers.has('P'));
    const last = first.lastEventId as string;
    first.leave();
    tell(page, peer('Q'));
    await eventually(() => page.hub.model.seq > Number(last), 'the next delta was made');
    const second = await PageReader.open(page, last);
    await eventually(() => second.events.length > 0, 'what was missed has come');
    expect(second.events).toEqual(['delta']);
  });

  it.each([
    ['too old', (seq: number) => String(seq - 2 * DELTAS_KEPT)],
    ['of the future', (seq: number) => String(seq + 10)],
    ['of another kind', () => 'x'],
    ['too long', () => '9'.repeat(400)],
  ])('that come back with a number that is %s get a snapshot', async (_what, made) => {
    const page = await servedPage();
    tell(page, peer('P'));
    const reader = await PageReader.open(page, made(page.hub.model.seq));
    await reader.until('the snapshot is there', () => true);
    expect(reader.events[0]).toBe('snapshot');
  });

  it('that are too slow are cut off, and others are not', async () => {
    const page = await servedPage();
    const slow = await PageReader.open(page);
    const quick = await PageReader.open(page);
    await slow.until('the slow one has its snapshot', () => true);
    slow.stall();
    const tags = Array.from({ length: 32 }, (_, index) => `${index}`.padStart(200, 'x'));
    for (let round = 0; page.hub.cutOffReaders === 0; round++) {
      expect(round).toBeLessThan(200);
      tell(
        page,
        ...Array.from({ length: 200 }, (_, index) =>
          peer(`P${index}`, { tags: [...tags, `${round}`].slice(1) }),
        ),
      );
      const { seq } = page.hub.model;
      await eventually(() => page.hub.model.seq > seq, 'the next delta was made');
    }
    expect(page.hub.readerCount).toBe(1);
    tell(page, peer('last'));
    await quick.until('the quick one has it', ({ peers }) => peers.has('last'));
    expect(quick.isOver).toBe(false);
  });

  it('are bounded in number', async () => {
    const page = await servedPage();
    for (let index = 0; index < MAX_PAGE_READERS; index++) await PageReader.open(page);
    const answer = await ask(page, '/api/events');
    expect(answer.status).toBe(503);
    expect(answer.body).toContain('PAGE_FULL');
    expect((await ask(page, '/api/events', { method: 'HEAD' })).status).toBe(200);
  });
});

it('says that it cannot listen, and holds nothing then', async () => {
  const page = await servedPage();
  const port = Number(new URL(page.url).port);
  await expect(servedPage({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
