import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyFile, Identity, readKeyFile, readOrCreateKeyFile } from '../../../src/identity/index.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-key-'));
  path = join(directory, 'node.pem');
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('key files', () => {
  it('hold a key that comes back, with mode 0600 and nothing left beside it', async () => {
    const identity = Identity.generate();
    await createKeyFile(path, identity);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await readKeyFile(path)).publicKeyBase64).toBe(identity.publicKeyBase64);
    expect(await readdir(directory)).toEqual(['node.pem']);
  });

  it('are never overwritten', async () => {
    await createKeyFile(path, Identity.generate());
    const before = await readFile(path, 'utf8');
    await expect(createKeyFile(path, Identity.generate())).rejects.toMatchObject({ code: 'KEY_FILE_EXISTS' });
    expect(await readFile(path, 'utf8')).toBe(before);
    expect(await readdir(directory)).toEqual(['node.pem']);
  });

  it.each([0o640, 0o604, 0o660, 0o644, 0o601])('are refused with mode %o', async (mode) => {
    await createKeyFile(path, Identity.generate());
    await chmod(path, mode);
    await expect(readKeyFile(path)).rejects.toMatchObject({
      code: 'KEY_FILE_PERMISSIONS',
      details: { mode: mode.toString(8).padStart(4, '0') },
    });
  });

  it('may be read-only to their owner', async () => {
    await createKeyFile(path, Identity.generate());
    await chmod(path, 0o400);
    expect(await readKeyFile(path)).toBeInstanceOf(Identity);
  });

  it('that are missing, damaged, too large or no files have their own codes', async () => {
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: 'KEY_FILE_NOT_FOUND' });
    await writeFile(path, 'not a key', { mode: 0o600 });
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' });
    await writeFile(path, 'x'.repeat(20_000));
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' });
    await expect(readKeyFile(directory)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' });
    await expect(createKeyFile(join(path, 'below'), Identity.generate())).rejects.toMatchObject({
      code: 'KEY_FILE_IO',
      cause: { code: 'ENOTDIR' },
    });
    await expect(createKeyFile(join(directory, 'no', 'such'), Identity.generate())).rejects.toMatchObject({
      code: 'KEY_FILE_NOT_FOUND',
    });
  });

  it('are created on first use and read afterwards', async () => {
    const first = await readOrCreateKeyFile(path);
    const second = await readOrCreateKeyFile(path);
    expect(first.created).toBe(true);
    expect(second.created).toBe(false);
    expect(second.identity.publicKeyBase64).toBe(first.identity.publicKeyBase64);
  });

  it('hold one key when many create them at once', async () => {
    const all = await Promise.all(Array.from({ length: 12 }, async () => await readOrCreateKeyFile(path)));
    expect(all.filter((one) => one.created)).toHaveLength(1);
    expect(new Set(all.map((one) => one.identity.publicKeyBase64)).size).toBe(1);
    expect(await readdir(directory)).toEqual(['node.pem']);
  });
});
