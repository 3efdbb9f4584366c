import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordingLogger } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileCredentials } from '../../src/origin/adapters/file-credentials.ts';
import { CredentialsFile, MAX_CREDENTIALS_BYTES, parseCredentials } from '../../src/origin/credentials.ts';

describe('parseCredentials', () => {
  it('splits at the first colon, without the blanks around the line', () => {
    expect(parseCredentials(' user:pass:word\n')).toEqual({ user: 'user', password: 'pass:word' });
    expect(parseCredentials('u: p')).toEqual({ user: 'u', password: ' p' });
  });

  it.each(['', 'user', ':password', 'user:', 'a:b\nc:d', 'a:b\rc', 'a:b\0', '\n\n'])('refuses %j', (text) => {
    const error = errorOf(() => parseCredentials(text));
    expect(error).toMatchObject({ code: 'CREDENTIALS_INVALID' });
    expect(String(error)).toBe('MusterError: credentials are not one line user:password');
  });
});

describe('CredentialsFile', () => {
  let folder: string;
  let path: string;
  const clock = new ManualClock();
  const logger = recordingLogger();
  let writes = 0;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-credentials-'));
    path = join(folder, 'hub');
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  async function write(text: string): Promise<void> {
    await writeFile(path, text);
    writes += 1;
    await utimes(path, 1_700_000_000 + writes, 1_700_000_000 + writes);
  }
  const load = async () => CredentialsFile.load(path, { reader: fileCredentials, clock, logger });

  it('is fatal at the start when it is missing, bad or too long', async () => {
    await expect(load()).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
    await write('no colon');
    await expect(load()).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
    await write(`u:${'p'.repeat(MAX_CREDENTIALS_BYTES)}`);
    await expect(load()).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
  });

  it('is looked at again after a minute, and not before', async () => {
    await write('u:one');
    const file = await load();
    await write('u:two');
    clock.advance(59_999);
    expect(await file.current()).toEqual({ user: 'u', password: 'one' });
    clock.advance(1);
    expect(await file.current()).toEqual({ user: 'u', password: 'two' });
  });

  it('is looked at when the registry refuses, and tells whether that gave others', async () => {
    await write('u:one');
    const file = await load();
    expect(await file.refused()).toBe(false);
    await write('u:two');
    expect(await Promise.all([file.refused(), file.refused()])).toEqual([true, true]);
    expect(await file.current()).toEqual({ user: 'u', password: 'two' });
    await write('u:two');
    expect(await file.refused()).toBe(false);
  });

  it('keeps the old ones when the file went bad, and logs nothing of its content', async () => {
    await write('u:one');
    const file = await load();
    await write('very-secret');
    expect(await file.refused()).toBe(false);
    expect(await file.current()).toEqual({ user: 'u', password: 'one' });
    expect(logger.entries.at(-1)?.level).toBe('error');
    expect(JSON.stringify(logger.entries)).not.toContain('very-secret');
    await rm(path);
    await file.refused();
    expect(await file.current()).toEqual({ user: 'u', password: 'one' });
    await write('u:three');
    expect(await file.refused()).toBe(true);
  });
});

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
