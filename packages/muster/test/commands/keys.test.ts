import { readFile, stat, writeFile } from 'node:fs/promises';
import { EXIT_CODES } from '@muster/core';
import { readKeyFile } from '@muster/core/identity';
import { derivedDid } from '@muster/discovery';
import { parseAdminTokenFile } from '@muster/registry';
import { describe, expect, it } from 'vitest';
import { startRegistry } from '../support/running-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run, TestIo } from '../support/test-io.ts';

const folder = temporaryFolder();

describe('muster keys', () => {
  it('makes a key, and shows its public half only', async () => {
    const path = folder.path('new', 'node.pem');
    const made = await run(['keys', 'generate', '--out', path, '--json']);
    expect(made.exitCode).toBe(EXIT_CODES.ok.code);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const identity = await readKeyFile(path);
    const { publicKeyBase64: publicKey, fingerprint, peerId, did } = identity;
    const overlayDid = derivedDid(peerId);
    expect(JSON.parse(made.stdout)).toEqual({ key: path, publicKey, fingerprint, peerId, did, overlayDid });
    const shown = await run(['keys', 'show', '--key', path]);
    for (const text of [publicKey, fingerprint, peerId, did]) expect(shown.stdout).toContain(text);
    const secret = (await readFile(path, 'utf8')).split('\n')[1] as string;
    expect(made.stdout + shown.stdout).not.toContain(secret);
  });

  it('never overwrites a key', async () => {
    const io = (): TestIo => new TestIo({ homeDirectory: folder.path() });
    await run(['keys', 'generate'], io());
    const before = await readFile(folder.path('.muster', 'node.pem'), 'utf8');
    const again = await run(['keys', 'generate', '--json'], io());
    expect(again.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(again).code).toBe('KEY_FILE_EXISTS');
    expect(await readFile(folder.path('.muster', 'node.pem'), 'utf8')).toBe(before);
  });

  it('says when there is none, or something else', async () => {
    const none = await run(['keys', 'show', '--key', folder.path('none.pem'), '--json']);
    expect(none.exitCode).toBe(EXIT_CODES.notFound.code);
    await writeFile(folder.path('text'), 'no key', { mode: 0o600 });
    const other = await run(['keys', 'show', '--key', folder.path('text'), '--json']);
    expect(other.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(other).code).toBe('KEY_FILE_INVALID');
  });
});

describe('muster keys admin-token', () => {
  const make = (...args: readonly string[]): ReturnType<typeof run> =>
    run(['keys', 'admin-token', '--file', folder.path('tokens.json'), ...args]);

  it('makes tokens that the registry takes within their scopes', async () => {
    const made = await make('--name', 'grafana', '--scope', 'read');
    expect(made.exitCode).toBe(EXIT_CODES.ok.code);
    const token = made.stdout.trim();
    const all = JSON.parse((await make('--name', 'root', '--json')).stdout) as {
      token: string;
      scopes: string[];
    };
    expect(all.scopes).toEqual(['all']);
    const file = await readFile(folder.path('tokens.json'), 'utf8');
    expect(parseAdminTokenFile(file).map(({ name }) => name)).toEqual(['grafana', 'root']);
    expect(file).not.toContain(token);
    expect((await stat(folder.path('tokens.json'))).mode & 0o777).toBe(0o600);

    await using registry = await startRegistry([
      'registry',
      'serve',
      '--make-admin-token',
      '--in-memory',
      '--admin-tokens-file',
      folder.path('tokens.json'),
    ]);
    const as = (holder: string): TestIo =>
      new TestIo({
        homeDirectory: folder.path(),
        environment: { MUSTER_REGISTRY: registry.ready.address, MUSTER_ADMIN_TOKEN: holder },
      });
    await run(['nodes', 'register'], as(token));
    expect((await run(['nodes', 'list'], as(token))).stdout).toContain('1 node');
    const other = ['nodes', 'deregister', '1', '--key', folder.path('other.pem')];
    await run(['keys', 'generate', '--out', folder.path('other.pem')]);
    expect((await run(other, as(token))).exitCode).toBe(EXIT_CODES.refused.code);
    expect((await run(other, as(all.token))).exitCode).toBe(EXIT_CODES.ok.code);
  });

  it('refuses names that are taken or unusable, and scopes that do not exist', async () => {
    await make('--name', 'one');
    expect(errorOf(await make('--name', 'one', '--json')).code).toBe('TARGET_EXISTS');
    expect(errorOf(await make('--name', 'no good', '--json')).code).toBe('invalid_admin_token_file');
    const scope = await make('--name', 'two', '--scope', 'read,everything', '--json');
    expect(scope.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(scope).message).toContain('"everything" is no scope; scopes are all, read');
    expect(parseAdminTokenFile(await readFile(folder.path('tokens.json'), 'utf8'))).toHaveLength(1);
  });
});
