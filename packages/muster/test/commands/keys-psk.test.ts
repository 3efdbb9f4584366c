import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { EXIT_CODES } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run } from '../support/test-io.ts';

const folder = temporaryFolder();

describe('muster keys psk', () => {
  it('makes a key for its owner only, and prints its fingerprint, never the key', async () => {
    const path = folder.path('new', 'psk.key');
    const made = await run(['keys', 'psk', '--out', path]);
    expect(made.exitCode).toBe(EXIT_CODES.ok.code);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const lines = (await readFile(path, 'utf8')).split('\n');
    expect(lines).toEqual(['/key/swarm/psk/1.0.0/', '/base16/', expect.stringMatching(/^[0-9a-f]{64}$/), '']);
    const shown = await run(['keys', 'psk', '--psk-path', path, '--show', '--json']);
    const { fingerprint } = JSON.parse(shown.stdout) as { fingerprint: string };
    expect(made.stdout).toContain(fingerprint);
    const written = [made, shown].map(({ stdout, stderr }) => stdout + stderr).join('');
    expect(written).not.toContain(lines[2] as string);
  });

  it('never overwrites a file', async () => {
    const path = folder.path('psk.key');
    await run(['keys', 'psk', '--out', path]);
    const before = await readFile(path, 'utf8');
    const again = await run(['keys', 'psk', '--out', path, '--json']);
    expect(again).toMatchObject({ exitCode: EXIT_CODES.usage.code, stdout: '' });
    expect(errorOf(again).code).toBe('TARGET_EXISTS');
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it('says where it cannot be written', async () => {
    const path = folder.path('file');
    await writeFile(path, '');
    const outcome = await run(['keys', 'psk', '--out', `${path}/psk.key`, '--json']);
    expect(errorOf(outcome)).toMatchObject({
      code: 'FILE_UNUSABLE',
      message: expect.stringMatching(/cannot be written .*file is a file/) as unknown,
      hint: expect.stringContaining('--out') as unknown,
    });
  });

  it('says that others may read it, or that it is none', async () => {
    const path = folder.path('psk.key');
    await run(['keys', 'psk', '--out', path]);
    await chmod(path, 0o644);
    expect((await run(['keys', 'psk', '--psk-path', path, '--show'])).stderr).toContain(`chmod 600 ${path}`);
    await writeFile(path, 'no key');
    const none = await run(['keys', 'psk', '--psk-path', path, '--show', '--json']);
    expect(none.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(none).code).toBe('PSK_INVALID');
    expect(
      (await run(['keys', 'psk', '--psk-path', folder.path('none'), '--show', '--json'])).stderr,
    ).toContain('there is no pre-shared key file');
  });
});
