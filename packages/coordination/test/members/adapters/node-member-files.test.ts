import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { nodeMemberFiles as files } from '../../../src/members/adapters/node-member-files.ts';

test('files are replaced, listed, told apart by version, and removed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-members-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const below = join(folder, 'announce');
  await files.write(join(folder, 'new', 'a.json'), 'text');
  expect(await files.list(join(folder, 'new'))).toHaveLength(1);
  expect(await files.list(below)).toEqual([]);
  const path = join(below, 'a.json');
  await files.write(path, 'one');
  const first = await files.version(path);
  expect(await files.version(path)).toBe(first);
  await files.write(path, 'two');
  expect(await files.version(path)).not.toBe(first);
  expect(await files.read(path)).toBe('two');
  expect((await files.list(below)).map(({ name }) => name)).toEqual(['a.json']);
  await truncate(path, 17 * 1_048_576);
  await expect(files.read(path)).rejects.toMatchObject({ code: 'MEMBERS_INVALID' });
  await files.remove(path);
  await files.remove(path);
  await expect(files.version(path)).rejects.toMatchObject({ code: 'ENOENT' });
});
