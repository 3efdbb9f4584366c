import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeSideFiles } from '../../../src/side-files/index.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-side-files-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('side files on disk', () => {
  test('a missing file has no stamp', async () => {
    expect(await nodeSideFiles.stamp(join(folder, 'none'))).toBeUndefined();
  });

  test('replace leaves one private file with the text, whatever a crash left behind', async () => {
    const path = join(folder, 'breakers.json');
    await writeFile(`${path}.tmp`, 'left over', { mode: 0o666 });
    await nodeSideFiles.replace(path, 'first');
    await nodeSideFiles.replace(path, 'sécond');
    expect(await nodeSideFiles.read(path, 100)).toBe('sécond');
    expect((await nodeSideFiles.stamp(path))?.sizeBytes).toBe(7);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['breakers.json']);
  });

  test('a file above the limit is refused', async () => {
    const path = join(folder, 'big');
    await nodeSideFiles.replace(path, 'x'.repeat(101));
    await expect(nodeSideFiles.read(path, 100)).rejects.toMatchObject({ code: 'side_file_too_large' });
    expect(await nodeSideFiles.read(path, 101)).toHaveLength(101);
  });
});
