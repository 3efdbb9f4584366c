import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyPair, loadKeyPair } from '../../../src/identity/adapters/key-files.ts';
import { createPskFile, readPskFile } from '../../../src/identity/adapters/psk-file.ts';
import { publicKeyPem } from '../../../src/identity/key-pair.ts';
import { Psk } from '../../../src/identity/psk.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-keys-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('the key pair', () => {
  const paths = () => ({
    privateKeyPath: join(folder, 'pem', 'private.pem'),
    publicKeyPath: join(folder, 'pem', 'public.pem'),
  });
  const load = async (generate = false) => loadKeyPair(paths(), { generate });
  const invalid = { code: 'KEY_FILE_INVALID' };

  it('is not made unless that is asked for', async () => {
    await expect(load()).rejects.toMatchObject(invalid);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is made once, with the modes of a private and of a public file', async () => {
    const made = await load(true);
    expect(made.isNew).toBe(true);
    const { privateKeyPath, publicKeyPath } = paths();
    expect((await stat(privateKeyPath)).mode & 0o777).toBe(0o600);
    expect((await stat(publicKeyPath)).mode & 0o777).toBe(0o644);
    expect((await readdir(join(folder, 'pem'))).sort()).toEqual(['private.pem', 'public.pem']);
    expect(await readFile(privateKeyPath, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(await readFile(publicKeyPath, 'utf8')).toMatch(/^-----BEGIN PUBLIC KEY-----/);
    for (const generate of [false, true]) {
      const again = await load(generate);
      expect(again).toMatchObject({ isNew: false, isOpenToOthers: false });
      expect(again.identity.peerId).toBe(made.identity.peerId);
    }
  });

  it('gets its public file from the private one when asked to', async () => {
    const { identity } = await load(true);
    await rm(paths().publicKeyPath);
    await expect(load()).rejects.toMatchObject(invalid);
    expect((await load(true)).identity.peerId).toBe(identity.peerId);
    expect((await load()).identity.peerId).toBe(identity.peerId);
  });

  it('is never written over', async () => {
    const { identity } = await load(true);
    await expect(createKeyPair(paths())).rejects.toMatchObject(invalid);
    await rm(paths().privateKeyPath);
    await expect(load(true)).rejects.toMatchObject(invalid);
    expect(await readdir(join(folder, 'pem'))).toEqual(['public.pem']);
    expect(await readFile(paths().publicKeyPath, 'utf8')).toBe(publicKeyPem(identity));
    await rm(paths().publicKeyPath);
    await writeFile(paths().privateKeyPath, identity.toPem());
    await expect(createKeyPair(paths())).rejects.toMatchObject(invalid);
    expect(await readFile(paths().privateKeyPath, 'utf8')).toBe(identity.toPem());
  });

  it('is one file when no public one is named', async () => {
    const { privateKeyPath } = paths();
    const made = await loadKeyPair({ privateKeyPath }, { generate: true });
    expect(await readdir(join(folder, 'pem'))).toEqual(['private.pem']);
    const again = await loadKeyPair({ privateKeyPath }, { generate: false });
    expect(again.identity.peerId).toBe(made.identity.peerId);
    await writeFile(privateKeyPath, 'no key');
    await expect(loadKeyPair({ privateKeyPath }, { generate: false })).rejects.toMatchObject(invalid);
  });

  it('says when others may read the private key', async () => {
    await load(true);
    await chmod(paths().privateKeyPath, 0o640);
    expect((await load()).isOpenToOthers).toBe(true);
  });

  it('is refused when the files are of two pairs, no keys, or of another kind', async () => {
    const { identity } = await load(true);
    const { privateKeyPath, publicKeyPath } = paths();
    const rsa = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const publicPems = ['', 'no key', publicKeyPem(Identity.generate()), rsa.publicKey, identity.toPem()];
    for (const text of publicPems) {
      await writeFile(publicKeyPath, text);
      for (const generate of [false, true]) await expect(load(generate)).rejects.toMatchObject(invalid);
    }
    await writeFile(publicKeyPath, publicKeyPem(identity));
    for (const text of ['', 'no key', rsa.privateKey, publicKeyPem(identity), Identity.generate().toPem()]) {
      await writeFile(privateKeyPath, text);
      for (const generate of [false, true]) await expect(load(generate)).rejects.toMatchObject(invalid);
      expect(await readFile(privateKeyPath, 'utf8')).toBe(text);
    }
    await rm(publicKeyPath);
    await writeFile(privateKeyPath, 'no key');
    await expect(load(true)).rejects.toMatchObject(invalid);
    expect(await readdir(join(folder, 'pem'))).toEqual(['private.pem']);
  });

  it('is refused when a path is a folder or a large file', async () => {
    await expect(
      loadKeyPair({ privateKeyPath: folder, publicKeyPath: folder }, { generate: true }),
    ).rejects.toMatchObject(invalid);
    const large = join(folder, 'large');
    await writeFile(large, Buffer.alloc(20_000));
    await expect(
      loadKeyPair({ privateKeyPath: large, publicKeyPath: large }, { generate: false }),
    ).rejects.toMatchObject(invalid);
  });

  it('never shows in an error', async () => {
    const { identity } = await load(true);
    const seed = identity.toPem().split('\n')[1] as string;
    await writeFile(paths().privateKeyPath, identity.toPem().replace('-----END', 'x-----END'));
    const error: unknown = await load().catch((reason: unknown) => reason);
    expect(error).toMatchObject(invalid);
    expect(JSON.stringify([String(error), error])).not.toContain(seed);
  });
});

describe('the file of the pre-shared key', () => {
  const invalid = { code: 'PSK_INVALID' };

  it('is written for the owner only, once, and read back', async () => {
    const path = join(folder, 'psk', 'psk.key');
    await expect(readPskFile(path)).rejects.toMatchObject(invalid);
    const psk = Psk.generate(systemRandom);
    await createPskFile(path, psk);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const read = await readPskFile(path);
    expect(read.psk.fingerprint).toBe(psk.fingerprint);
    expect(read.isOpenToOthers).toBe(false);
    await expect(createPskFile(path, Psk.generate(systemRandom))).rejects.toMatchObject(invalid);
    expect((await readPskFile(path)).psk.fingerprint).toBe(psk.fingerprint);
    await chmod(path, 0o644);
    expect((await readPskFile(path)).isOpenToOthers).toBe(true);
  });

  it('is refused when it is no key, and the error names the file', async () => {
    const path = join(folder, 'psk.key');
    await writeFile(path, 'no key');
    await expect(readPskFile(path)).rejects.toMatchObject({ ...invalid, details: { path } });
    await expect(readPskFile(path)).rejects.toThrow(path);
    await expect(readPskFile(folder)).rejects.toMatchObject(invalid);
  });
});
