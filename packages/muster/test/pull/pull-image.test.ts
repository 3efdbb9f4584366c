import { readFile, writeFile } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { makeImage, multiPlatform, scaled, SMALL } from '../../../../benchmarks/coordination/lab/images.ts';
import { OriginServer } from '../../../../benchmarks/coordination/lab/origin-server.ts';
import { NOWHERE, openLayout } from '../../src/pull/oci-layout.ts';
import { pullImage, type PullProgress } from '../../src/pull/pull-image.ts';
import { resolveTag } from '../../src/pull/resolve-tag.ts';
import { parseReference } from '../../src/pull/reference.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();
const never = new AbortController().signal;
const SIZE = scaled(SMALL, 0.01);

/** A registry answers digests as a mirror does. */
async function serve(image = makeImage(SIZE)) {
  const server = await OriginServer.start();
  onTestFinished(() => server.close());
  for (const object of image.objects) server.addObject(object);
  server.tag('team/app', '1', image.root.digest);
  const progress: PullProgress[] = [];
  const options = {
    mirror: `127.0.0.1:${server.port}`,
    registry: 'a.example',
    repository: 'team/app',
    digest: image.root.digest,
    platform: undefined,
    parallel: 2,
    target: NOWHERE,
    onProgress: (each: PullProgress) => void progress.push(each),
    signal: never,
  };
  return { server, image, options, progress };
}

test('all objects, with progress that ends at all of them', async () => {
  const { image, options, progress } = await serve();
  const { root, objects } = await pullImage(options);
  expect(root.digest).toBe(image.root.digest);
  expect(objects.map(({ digest }) => digest).sort()).toEqual(
    image.objects.map(({ digest }) => digest).sort(),
  );
  const bytes = image.objects.reduce((sum, { size }) => sum + size, 0);
  expect(progress.at(-1)).toEqual({
    objects: image.objects.length,
    objectsDone: image.objects.length,
    bytes,
    totalBytes: bytes,
  });
});

test('a layout is filled once: what is there is not asked for again', async () => {
  const { server, options } = await serve();
  const target = await openLayout(folder.path('layout'));
  await pullImage({ ...options, target });
  server.reset();
  const again = await pullImage({ ...options, target: await openLayout(folder.path('layout')) });
  expect(server.summary().requests).toBe(1);
  expect(again.objects.filter(({ source }) => source === 'present')).toHaveLength(again.objects.length - 1);
  const entry = { digest: options.digest, size: 1, mediaType: 'm', reference: '1' };
  await target.finish(entry);
  await target.finish({ ...entry, reference: '2' });
  await target.finish({ ...entry, size: 2 });
  const index = JSON.parse(await readFile(folder.path('layout/index.json'), 'utf8')) as {
    manifests: { size: number }[];
  };
  expect(index.manifests.map(({ size }) => size)).toEqual([1, 2]);
});

test('a folder with something else in it is left alone', async () => {
  await writeFile(folder.path('oci-layout'), 'mine');
  await expect(openLayout(folder.path(''))).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
});

test('of an image for several platforms one is taken, or all', async () => {
  const image = makeImage(multiPlatform(SIZE));
  const { options } = await serve(image);
  const all = await pullImage(options);
  expect(all.objects).toHaveLength(image.objects.length);
  expect(all.root.digest).toBe(image.root.digest);
  const one = await pullImage({ ...options, platform: 'linux/amd64' });
  expect(one.objects.length).toBeLessThan(image.objects.length);
  expect(one.root.digest).not.toBe(image.root.digest);
  await expect(pullImage({ ...options, platform: 'plan9/mips' })).rejects.toMatchObject({
    code: 'MIRROR_REFUSED',
    hint: expect.stringContaining('linux/amd64') as unknown,
  });
});

test('tags are resolved at the registry, which may say no', async () => {
  const { server, image } = await serve();
  const reference = { ...parseReference('a.example/team/app:1'), tag: '1' };
  const place = { endpoint: server.url };
  expect(await resolveTag(reference, place, never)).toBe(image.root.digest);
  await expect(resolveTag({ ...reference, tag: '2' }, place, never)).rejects.toMatchObject({
    code: 'ORIGIN_FAILED',
    message: expect.stringContaining('a.example/team/app:2 cannot be resolved') as unknown,
    hint: expect.stringContaining('such a tag') as unknown,
  });
  await server.close();
  await expect(resolveTag(reference, place, never)).rejects.toMatchObject({
    code: 'ORIGIN_UNREACHABLE',
    message: expect.stringContaining('ECONNREFUSED') as unknown,
  });
});
