import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { systemClock, systemTimers } from '@muster/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OriginCounts } from '../../../src/fleet/origin/counts.ts';
import { makeImage } from '../../../src/fleet/origin/image.ts';
import { ImageLayout } from '../../../src/fleet/origin/layout.ts';
import { OriginServer, rangeOf } from '../../../src/fleet/origin/origin-server.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { until } from '../../support/until.ts';

const folder = temporaryFolder();
const TOKEN = 'token';
const IMAGE = makeImage({ name: 'x', layers: 2, layerBytes: 200_000, createdAt: 0 });
const [CONFIG, LAYER] = IMAGE.blobs as [(typeof IMAGE.blobs)[0], (typeof IMAGE.blobs)[0]];
let layout: ImageLayout;
let origin: OriginServer;

async function start(bytesPerSecond = 0): Promise<OriginServer> {
  return await OriginServer.start({
    layout,
    host: '127.0.0.1',
    port: 0,
    token: TOKEN,
    bytesPerSecond,
    clock: systemClock,
    timers: systemTimers,
  });
}

beforeEach(async () => {
  layout = new ImageLayout(folder.path('layout'));
  await layout.add(IMAGE, 'demo/app:v1');
  origin = await start();
});
afterEach(async () => await origin.stop());

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return await fetch(`http://${origin.address}${path}`, init);
}

async function counts(): Promise<OriginCounts> {
  return (await (await ask('/counts')).json()) as OriginCounts;
}

function withToken(method: string, body?: object): RequestInit {
  return {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

describe('an origin', () => {
  it('serves an image whole, and counts what it sent', async () => {
    expect((await ask('/v2/')).status).toBe(200);
    const manifest = await ask('/v2/demo/app/manifests/v1');
    expect(manifest.headers.get('content-type')).toBe('application/vnd.oci.image.manifest.v1+json');
    expect(manifest.headers.get('docker-content-digest')).toBe(IMAGE.manifest.digest);
    expect(Buffer.from(await manifest.arrayBuffer())).toEqual(IMAGE.manifest.bytes);
    for (const { digest } of IMAGE.blobs) {
      const bytes = Buffer.from(await (await ask(`/v2/demo/app/blobs/${digest}`)).arrayBuffer());
      expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(digest);
    }
    expect((await ask(`/v2/demo/app/blobs/${LAYER.digest}`, { method: 'HEAD' })).status).toBe(200);
    const all = await counts();
    expect(all.requests).toBe(5);
    expect(all.digests[LAYER.digest]).toMatchObject({ get: 1, head: 1, bytes: LAYER.bytes.length });
    expect(all.bytes).toBe(IMAGE.totalBytes);
    expect(await (await ask('/v2/demo/app/tags/list')).json()).toEqual({ name: 'demo/app', tags: ['v1'] });
  });

  it('serves parts', async () => {
    const path = `/v2/demo/app/blobs/${LAYER.digest}`;
    const part = await ask(path, { headers: { range: 'bytes=10-19' } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 10-19/${LAYER.bytes.length}`);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(LAYER.bytes.subarray(10, 20));
    const beyond = await ask(path, { headers: { range: `bytes=${LAYER.bytes.length}-` } });
    expect(beyond.status).toBe(416);
  });

  it.each([
    ['/v2/demo/app/manifests/v2', 404],
    [`/v2/demo/app/manifests/${CONFIG.digest}`, 404],
    [`/v2/demo/app/blobs/sha256:${'0'.repeat(64)}`, 404],
    ['/v2/demo/app/blobs/..%2f..%2findex.json', 404],
    ['/v2/demo/app/blobs/sha256:../../../index.json', 404],
    ['/v2/Demo/blobs/x', 404],
    ['/v2/other/tags/list', 404],
    ['/nowhere', 404],
  ])('has nothing at %s', async (path, status) => {
    expect((await ask(path)).status).toBe(status);
  });

  it('can only be pulled from', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect((await ask('/v2/demo/app/blobs/uploads/', { method })).status).toBe(405);
    }
  });

  it('makes other images, and forgets counts, for who has the token', async () => {
    const wish = { repository: 'demo/other', tag: 'v9', layers: 1, layerBytes: 1_000 };
    const made = (await (await ask('/images', withToken('POST', wish))).json()) as { digest: string };
    const again = (await (await ask('/images', withToken('POST', wish))).json()) as { digest: string };
    expect(made.digest).toMatch(/^sha256:/);
    expect((await ask('/v2/demo/other/manifests/v9')).headers.get('docker-content-digest')).toBe(
      again.digest,
    );
    expect((await ask('/v2/demo/app/manifests/v1')).status).toBe(200);
    expect((await ask('/counts', withToken('DELETE'))).status).toBe(200);
    expect((await counts()).requests).toBe(0);
    for (const path of ['/images', '/counts']) {
      const refused = await ask(path, { method: path === '/images' ? 'POST' : 'DELETE' });
      expect(refused.status).toBe(401);
    }
  });

  it.each([
    { layers: 0 },
    { layers: 17 },
    { layerBytes: 1e12 },
    { layers: 16, layerBytes: 64 * 1024 * 1024 },
    { repository: '../x' },
    { repository: 'x'.repeat(200) },
    { tag: 'a b' },
  ])('makes no image of %j', async (wish) => {
    const answer = await ask('/images', withToken('POST', wish));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'CONTROL_REQUEST' } });
  });

  it('sends no faster than it is told, and lets go of who leaves', async () => {
    await origin.stop();
    origin = await start(50_000);
    const leaving = new AbortController();
    const answer = await ask(`/v2/demo/app/blobs/${LAYER.digest}`, { signal: leaving.signal });
    expect(answer.status).toBe(200);
    // Of more than 200 kB a piece has come; the next waits for its time.
    const sent = (await counts()).digests[LAYER.digest]?.bytes ?? 0;
    expect(sent).toBeLessThan(LAYER.bytes.length);
    leaving.abort();
    await answer.body?.cancel().catch(() => {});
    await until('an answer', async () => (await ask('/healthz')).ok);
  });

  it('does not serve a layout that is damaged', async () => {
    await writeFile(folder.path('layout', 'index.json'), '{"manifests":[{"digest":"../x"}]}');
    await expect(start()).rejects.toMatchObject({ code: 'ORIGIN_LAYOUT_INVALID' });
  });
});

describe('a layout', () => {
  it('is one that others can read', async () => {
    const read = async (name: string): Promise<unknown> =>
      JSON.parse(await readFile(folder.path('layout', name), 'utf8')) as unknown;
    expect(await read('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(await read('index.json')).toMatchObject({
      schemaVersion: 2,
      manifests: [{ digest: IMAGE.manifest.digest, size: IMAGE.manifest.bytes.length }],
    });
  });

  it('tells what its image weighs, and when a part of it is gone', async () => {
    const [image] = await layout.images();
    if (image === undefined) throw new Error('no image');
    expect(await layout.totalBytes(image)).toBe(IMAGE.totalBytes);
    await rm(layout.pathOf(LAYER.digest) ?? '');
    await expect(layout.totalBytes(image)).rejects.toMatchObject({ code: 'ORIGIN_LAYOUT_INVALID' });
  });

  it('has no path for what is no digest', () => {
    for (const text of ['', 'sha256:', 'sha256:../x', `sha512:${'0'.repeat(64)}`]) {
      expect(layout.pathOf(text)).toBeUndefined();
    }
  });
});

describe('ranges', () => {
  it.each([
    [undefined, undefined],
    ['bytes=0-0', { from: 0, to: 0 }],
    ['bytes=5-', { from: 5, to: 9 }],
    ['bytes=5-99', { from: 5, to: 9 }],
    ['bytes=-3', { from: 7, to: 9 }],
    ['bytes=-99', { from: 0, to: 9 }],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=5-4', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,3-4', undefined],
    ['lines=0-1', undefined],
  ])('%s of ten bytes is %j', (header, expected) => {
    expect(rangeOf(header, 10)).toEqual(expected);
  });
});
