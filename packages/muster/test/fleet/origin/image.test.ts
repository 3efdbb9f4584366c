import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import {
  CONFIG_TYPE,
  digestOf,
  LAYER_TYPE,
  makeImage,
  MANIFEST_TYPE,
} from '../../../src/fleet/origin/image.ts';
import { tarOf } from '../../../src/fleet/origin/tar.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
const PLAN = { name: 'demo/app:v1', layers: 3, layerBytes: 10_000, createdAt: 1_780_000_000_000 };

interface Manifest {
  readonly mediaType: string;
  readonly config: { readonly digest: string; readonly size: number; readonly mediaType: string };
  readonly layers: readonly { readonly digest: string; readonly size: number; readonly mediaType: string }[];
}

it('an image names its parts by what they are', () => {
  const { manifest, blobs, totalBytes } = makeImage(PLAN);
  const { mediaType, config, layers } = JSON.parse(manifest.bytes.toString()) as Manifest;
  expect(mediaType).toBe(MANIFEST_TYPE);
  expect(config.mediaType).toBe(CONFIG_TYPE);
  expect(layers.map((layer) => layer.mediaType)).toEqual(Array.from({ length: 3 }, () => LAYER_TYPE));
  for (const { digest, bytes } of [manifest, ...blobs]) expect(digestOf(bytes)).toBe(digest);
  expect([config, ...layers].map(({ digest, size }) => [digest, size])).toEqual(
    blobs.map(({ digest, bytes }) => [digest, bytes.length]),
  );
  const { rootfs } = JSON.parse((blobs[0]?.bytes ?? '').toString()) as { rootfs: { diff_ids: string[] } };
  expect(rootfs.diff_ids).toEqual(blobs.slice(1).map(({ bytes }) => digestOf(gunzipSync(bytes))));
  expect(totalBytes).toBeGreaterThan(30_000);
});

it('the same plan makes the same image, another name another one', () => {
  const digest = (plan: typeof PLAN): string => makeImage(plan).manifest.digest;
  expect(digest(PLAN)).toBe(digest(PLAN));
  expect(digest({ ...PLAN, name: 'demo/app:v2' })).not.toBe(digest(PLAN));
});

it('a layer is an archive that others can read', async () => {
  const [, layer] = makeImage(PLAN).blobs;
  await writeFile(folder.path('layer.tar'), gunzipSync(layer?.bytes ?? Buffer.alloc(0)));
  const names = execFileSync('tar', ['-tf', folder.path('layer.tar')], { encoding: 'utf8' });
  expect(names.trim().split('\n')).toEqual([
    'data/layer-1/README',
    ...[1, 2, 3, 4].map((index) => `data/layer-1/file-${index}`),
  ]);
});

it('an archive takes no path that its form has no room for', () => {
  expect(() => tarOf([{ path: 'x'.repeat(101), bytes: new Uint8Array() }])).toThrow(RangeError);
});
