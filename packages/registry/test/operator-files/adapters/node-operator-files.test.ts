import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeOperatorFiles } from '../../../src/operator-files/index.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-operator-files-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('operator files on disk', () => {
  test('a missing file has no stamp', async () => {
    expect(await nodeOperatorFiles.stamp(join(folder, 'none'))).toBeUndefined();
  });

  test('replace leaves one private file with the text, whatever a crash left behind', async () => {
    const path = join(folder, 'breakers.json');
    await writeFile(`${path}.tmp`, 'left over', { mode: 0o666 });
    await nodeOperatorFiles.replace(path, 'first');
    await nodeOperatorFiles.replace(path, 'sécond');
    expect(await nodeOperatorFiles.read(path, 100)).toBe('sécond');
    expect((await nodeOperatorFiles.stamp(path))?.sizeBytes).toBe(7);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['breakers.json']);
  });

  test('a file above the limit is refused', async () => {
    const path = join(folder, 'big');
    await nodeOperatorFiles.replace(path, 'x'.repeat(101));
    await expect(nodeOperatorFiles.read(path, 100)).rejects.toMatchObject({
      code: 'operator_file_too_large',
    });
    expect(await nodeOperatorFiles.read(path, 101)).toHaveLength(101);
  });
});
