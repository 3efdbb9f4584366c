import { afterEach, describe, expect, it } from 'vitest';
import { download } from '../../../coordination/lab/download.ts';
import { factsOf, makeImage, multiPlatform, scaled, SMALL } from '../../../coordination/lab/images.ts';
import { OriginServer, type OriginServerOptions } from '../../../coordination/lab/origin-server.ts';
import { ReverseProxy } from '../../../coordination/lab/reverse-proxy.ts';
import { type DrivePlan, drive } from '../../../coordination/lab/runtimes.ts';

const IMAGE = makeImage(scaled(SMALL, 0.01));
const FACTS = factsOf(IMAGE);
const [, , LAYER = ''] = FACTS.digests;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function origin(options: OriginServerOptions = {}): Promise<OriginServer> {
  const server = await OriginServer.start(options);
  closers.push(() => server.close());
  for (const object of IMAGE.objects) server.addObject(object);
  return server;
}

function planFor(bases: readonly string[], more: Partial<DrivePlan> = {}): DrivePlan {
  const runtimes = bases.map((base, index) => ({ name: `r${index}`, base }));
  return { runtimes, repository: 'lab/s', root: FACTS.root, retries: 0, ...more };
}

describe('virtual runtimes', () => {
  it('get everything once each, verified', async () => {
    const server = await origin();
    const rows = await drive(planFor([server.url, server.url, server.url]));
    for (const row of rows) {
      expect(row).toMatchObject({ bytes: FACTS.bytes, wrong: 0, fallbacks: 0, failures: [] });
      expect(row.objects.map(({ digest }) => digest).sort()).toEqual([...FACTS.digests].sort());
    }
    for (const digest of FACTS.digests) expect(server.countsOf(digest).get).toBe(3);
    expect(server.summary()).toMatchObject({
      bytes: 3 * FACTS.bytes,
      classes: { manifest_by_digest: 6, blob: 12, ping: 0 },
    });
    expect(server.countsOf(FACTS.root)).toMatchObject({ get: 3, head: 3 });
  });

  it('take the first image of an index', async () => {
    const server = await origin();
    const image = makeImage(multiPlatform(scaled(SMALL, 0.001)));
    for (const object of image.objects) server.addObject(object);
    const [row] = await drive(planFor([server.url], { root: image.root.digest }));
    expect(row?.error).toBeUndefined();
    expect(row?.objects).toHaveLength(1 + 1 + 1 + 3);
  });

  it('notice wrong and short bodies', async () => {
    const server = await origin();
    server.script(LAYER, { kind: 'corrupt', byte: 1_000 });
    const [wrong] = await drive(planFor([server.url]));
    expect(wrong).toMatchObject({ wrong: 1, error: 'a complete body is not what its digest says' });
    server.script(LAYER, { kind: 'cut', afterBytes: 1_000 });
    const [short] = await drive(planFor([server.url]));
    expect(short?.wrong).toBe(0);
    expect(short?.error).toBeDefined();
  });

  it('go to the fallback only after a 5xx', async () => {
    const server = await origin();
    const direct = await origin();
    server.script(LAYER, { kind: 'status', status: 503 });
    const [row] = await drive(planFor([server.url], { fallback: direct.url }));
    expect(row).toMatchObject({ fallbacks: 1, failures: ['503 for GET'], bytes: FACTS.bytes });
    expect(direct.summary().requests).toBe(1);
  });

  it('ask for the head alone', async () => {
    const server = await origin();
    await drive(planFor([server.url], { headOnly: true }));
    expect(server.summary()).toMatchObject({ requests: 1, bytes: 0 });
  });
});

describe('the origin of the laboratory', () => {
  it('counts requests by their path, and refuses beyond its cap', async () => {
    const server = await origin({ maxBlobReads: 0, retryAfterS: 7 });
    const base = `${server.url}/v2/`;
    await fetch(base);
    await fetch(`${base}lab/s/manifests/latest`);
    await fetch(`${server.url}/favicon.ico`);
    const refused = await fetch(`${base}lab/s/blobs/${LAYER}`);
    expect(refused.headers.get('retry-after')).toBe('7');
    const { classes, statuses } = server.summary();
    expect(classes).toEqual({
      ping: 1,
      manifest_by_tag: 1,
      manifest_by_digest: 0,
      blob: 1,
      token: 0,
      other: 1,
    });
    expect(statuses).toMatchObject({ 200: 1, 404: 2, 429: 1 });
    server.reset();
    expect(server.summary()).toMatchObject({ requests: 0, bytes: 0, digests: {} });
  });

  it('is gone while it is down', async () => {
    const server = await origin();
    server.setDown(true);
    await expect(fetch(`${server.url}/v2/`)).rejects.toThrow('fetch failed');
    server.setDown(false);
    expect((await fetch(`${server.url}/v2/`)).status).toBe(200);
  });
});

describe('the counting proxy', () => {
  it('passes on what it counts', async () => {
    const server = await origin();
    const proxy = await ReverseProxy.start({ target: server.url });
    closers.push(() => proxy.close());
    const [row] = await drive(planFor([proxy.url]));
    expect(row).toMatchObject({ bytes: FACTS.bytes, failures: [] });
    expect(proxy.summary()).toMatchObject({
      bytes: FACTS.bytes,
      classes: { manifest_by_digest: 2, blob: 4 },
    });
    expect(proxy.countsOf(FACTS.root)).toEqual(server.countsOf(FACTS.root));
    proxy.setDown(true);
    await expect(fetch(`${proxy.url}/v2/`)).rejects.toThrow('fetch failed');
  });
});

describe('a download', () => {
  it('has all bytes, or fails', async () => {
    const server = await origin();
    const url = `${server.url}/v2/lab/s/blobs/${FACTS.largest.digest}`;
    expect((await download(url)).bytes).toBe(FACTS.largest.size);
    await expect(download(`${server.url}/v2/lab/s/blobs/none`)).rejects.toThrow('404');
    server.script(FACTS.largest.digest, { kind: 'cut', afterBytes: 1_000 });
    await expect(download(url)).rejects.toThrow('ended after 1000');
  });
});
