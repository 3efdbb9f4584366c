import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadIdentity } from '../../../src/identity/adapters/load-identity.ts';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'muster-identity-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('a missing file is made, for its owner only, and read again', async () => {
  const path = join(await folder(), 'new', 'libp2p.key');
  const made = await loadIdentity(path);
  expect(made.isNew).toBe(true);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await readFile(path)).length).toBe(68);
  const again = await loadIdentity(path);
  expect(again.isNew).toBe(false);
  expect(again.identity.peerId).toBe(made.identity.peerId);
});

test('without a path there is a new identity each time', async () => {
  const [first, second] = [await loadIdentity(''), await loadIdentity('')];
  expect(first.identity.peerId).not.toBe(second.identity.peerId);
});

test('a file that cannot be used ends it, and stays as it is', async () => {
  const path = join(await folder(), 'libp2p.key');
  await writeFile(path, 'something else');
  await expect(loadIdentity(path)).rejects.toMatchObject({ code: 'IDENTITY_INVALID' });
  expect(await readFile(path, 'utf8')).toBe('something else');
  await expect(loadIdentity(join(path, 'below-a-file'))).rejects.toMatchObject({ code: 'IDENTITY_INVALID' });
});
