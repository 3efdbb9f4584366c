import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { examineDocker } from '../../src/doctor/docker.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();
const MIRROR = '127.0.0.1:5000';
const MIRRORS = { 'registry-mirrors': ['http://127.0.0.1:5000'] };
const CONTAINERD = { features: { 'containerd-snapshotter': true } };

async function examine(daemon: unknown, registries: readonly string[] = ['docker.io']) {
  const path = folder.path('daemon.json');
  await writeFile(path, typeof daemon === 'string' ? daemon : JSON.stringify(daemon));
  return (await examineDocker({ path, mirror: MIRROR, registries })) ?? [];
}

const statuses = async (daemon: unknown, registries?: readonly string[]): Promise<readonly string[]> =>
  (await examine(daemon, registries)).map(({ status }) => status);

test('a machine without daemon.json is none', async () => {
  const places = { path: folder.path('nowhere.json'), mirror: MIRROR, registries: ['docker.io'] };
  expect(await examineDocker(places)).toBeUndefined();
});

test('the mirror and images in containerd are right', async () => {
  expect(await statuses({ ...MIRRORS, ...CONTAINERD })).toEqual(['ok', 'ok']);
  expect(await statuses({ 'registry-mirrors': ['http://localhost:5000/'], ...CONTAINERD })).toEqual([
    'ok',
    'ok',
  ]);
  expect(await statuses({ ...MIRRORS, ...CONTAINERD }, ['docker.io', 'a.example'])).toEqual(['ok', 'ok']);
});

test.each<[string, unknown, string]>([
  ['no mirror', {}, '"registry-mirrors": ["http://127.0.0.1:5000"]'],
  ['another mirror', { 'registry-mirrors': ['http://127.0.0.1:5999'] }, '"registry-mirrors"'],
  ['TLS', { 'registry-mirrors': ['https://127.0.0.1:5000'] }, 'Write "registry-mirrors"'],
  ['nonsense for a list', { 'registry-mirrors': 'http://127.0.0.1:5000' }, '"registry-mirrors"'],
  ['nonsense in it', { 'registry-mirrors': [7, null] }, '"registry-mirrors"'],
  ['a list for the whole', [], '"registry-mirrors"'],
])('%s is a problem with a fix', async (_, daemon, fix) => {
  const [mirror] = await examine(daemon);
  expect(mirror).toMatchObject({ status: 'problem', fix: expect.stringContaining(fix) as unknown });
});

test('what leaves the mirror half used is told', async () => {
  const second = { 'registry-mirrors': ['http://10.0.0.1:5000', 'http://127.0.0.1:5000'], ...CONTAINERD };
  expect(await examine(second)).toMatchObject([
    { status: 'warning', fix: expect.stringContaining('first') as unknown },
    { status: 'ok' },
  ]);
  expect(await examine(MIRRORS)).toMatchObject([
    { status: 'ok' },
    { status: 'warning', fix: expect.stringContaining('containerd-snapshotter') as unknown },
  ]);
  const several = await examine(MIRRORS, ['docker.io', 'a.example']);
  expect(several.at(-1)).toMatchObject({
    status: 'warning',
    found: expect.stringContaining('2') as unknown,
  });
  expect(await examine(MIRRORS, ['a.example'])).toMatchObject([
    { status: 'warning', found: expect.stringContaining('docker.io') as unknown },
  ]);
  expect(await examine('{')).toMatchObject([{ status: 'warning', fix: 'Check the file by hand.' }]);
});
