import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeDirectories } from '../src/index.ts';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'muster-make-folder-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('makes what is missing, with the mode, and tells the topmost', async () => {
  const root = await folder();
  const path = join(root, 'a', 'b', 'c');
  expect(await makeDirectories(path, { mode: 0o700 })).toBe(join(root, 'a'));
  for (const made of [join(root, 'a'), join(root, 'a', 'b'), path]) {
    expect((await stat(made)).mode & 0o777).toBe(0o700);
  }
  expect(await makeDirectories(path)).toBeUndefined();
  expect(await makeDirectories(join(path, '..', 'd'))).toBe(join(root, 'a', 'b', 'd'));
});

test('several at once make it once', async () => {
  const path = join(await folder(), 'a', 'b');
  await Promise.all(Array.from({ length: 20 }, () => makeDirectories(path)));
  expect((await stat(path)).isDirectory()).toBe(true);
});

test('a file in the way is an error, at the end and above', async () => {
  const root = await folder();
  await writeFile(join(root, 'file'), '');
  await expect(makeDirectories(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeDirectories(join(root, 'file', 'a'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test('a folder that takes no others is an error, not a wait', async () => {
  await expect(makeDirectories('/proc/self/muster')).rejects.toThrow('/proc');
  await expect(makeDirectories('/proc/self/muster/a')).rejects.toThrow('/proc');
});

test('a folder that may be entered but not written to is there', async () => {
  const root = await folder();
  await mkdir(join(root, 'a'));
  expect(await makeDirectories(join(root, 'a'))).toBeUndefined();
  expect(await makeDirectories('/')).toBeUndefined();
});
