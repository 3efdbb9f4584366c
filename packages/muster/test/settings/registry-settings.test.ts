import { chmod, writeFile } from 'node:fs/promises';
import { EXIT_CODES } from '@muster/core';
import { describe, expect, it } from 'vitest';
import {
  NOT_IN_THIS_VERSION,
  registrySettings,
  WITHOUT_EFFECT,
} from '../../src/settings/registry-settings.ts';
import { startRegistry } from '../support/running-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run, TestIo } from '../support/test-io.ts';

const folder = temporaryFolder();

const keysOf = (group: string): readonly string[] =>
  Object.entries(registrySettings).flatMap(([key, setting]) => (setting.group === group ? [key] : []));

/** Settings of the original (registry spec section 16), by flag. */
const ORIGINAL = [
  'registry-addr',
  'beacon-addr',
  'store',
  'tls',
  'tls-cert',
  'tls-key',
  'standby',
  'repl-token',
  'admin-token',
  'dashboard-token',
  'http',
  'maintenance-banner',
  'stale-threshold',
  'wss-addr',
  'backups-max-age',
  'backups-max-count',
  'mutex-profile-fraction',
  'block-profile-rate',
  'log-level',
  'log-format',
  'strict-registration-auth',
];

describe('settings of the registry', () => {
  it('know everything that the original knows', () => {
    expect(Object.keys(registrySettings)).toEqual(expect.arrayContaining(ORIGINAL));
  });

  it('come from flags before the environment before the file before defaults', async () => {
    const config = folder.path('registry.yaml');
    await writeFile(config, 'durability: strict\nstale_threshold: 1h\nlog-level: error\nin-memory: true\n');
    const durability = async (
      args: readonly string[],
      environment: Record<string, string>,
    ): Promise<string> => {
      const io = new TestIo({ environment: { MUSTER_DATA: folder.path('data'), ...environment } });
      await using registry = await startRegistry(['registry', 'serve', ...args], io);
      return registry.ready.durability;
    };
    const notInMemory = ['--no-in-memory', '--config', config];
    expect(await durability([], {})).toBe('batch');
    expect(await durability(notInMemory, {})).toBe('strict');
    expect(await durability(['--no-in-memory'], { MUSTER_CONFIG: config })).toBe('strict');
    expect(await durability(notInMemory, { MUSTER_DURABILITY: 'batch' })).toBe('batch');
    expect(await durability([...notInMemory, '--durability', 'async'], { MUSTER_DURABILITY: 'batch' })).toBe(
      'async',
    );
  });

  it('may be JSON with the flags of the original', async () => {
    const config = folder.path('rendezvous.json');
    const original = {
      registry_addr: '127.0.0.1:0',
      store: folder.path('data'),
      'admin-token': 'x',
      tls: false,
    };
    await writeFile(config, JSON.stringify(original));
    const io = new TestIo();
    await using registry = await startRegistry(['registry', 'serve', '--config', config], io);
    expect(registry.ready.data).toBe(folder.path('data'));
  });

  it.each(keysOf(NOT_IN_THIS_VERSION))('%s is refused, wherever it comes from', async (key) => {
    const config = folder.path('c.yaml');
    await writeFile(config, `${key}: secret-value\n`);
    const environment = { [`MUSTER_${key.toUpperCase().replaceAll('-', '_')}`]: 'secret-value' };
    for (const outcome of [
      await run(['registry', 'serve', `-${key}`, 'secret-value', '--json']),
      await run(['registry', 'serve', '--config', config, '--json']),
      await run(['registry', 'serve', '--json'], new TestIo({ environment })),
    ]) {
      expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
      expect(errorOf(outcome)).toMatchObject({ code: 'NOT_IN_THIS_VERSION' });
      expect(errorOf(outcome).message).toMatch(/not part of this version/);
      expect(outcome.stderr).not.toContain('secret-value');
    }
  });

  it('that are for another runtime are taken, and told in the log', async () => {
    const args = keysOf(WITHOUT_EFFECT).flatMap((key) => [`-${key}`, '5']);
    await using registry = await startRegistry(['registry', 'serve', '--in-memory', ...args]);
    const told = registry.io.logLines.filter((line) => line.includes('accepted without effect'));
    expect(told).toHaveLength(keysOf(WITHOUT_EFFECT).length);
  });

  it.each([
    [['--durability', 'sometimes'], 'flag --durability: "sometimes" is not one of strict, batch, async'],
    [['--stale-threshold', '30'], 'flag --stale-threshold: "30" is not a duration'],
    [['--max-nodes', '0'], 'flag --max-nodes: "0" is out of range'],
    [['--registry-addr', '9000'], 'flag --registry-addr: "9000": not an address'],
    [['--data', 'a', '--store', 'b'], 'flag --store and flag --data are the same setting'],
    [['--in-memory', '--data', 'a'], 'flag --data names a folder, and flag --in-memory wants none'],
    [['--in-memory', '--store', 'a'], 'flag --store names a folder, and flag --in-memory wants none'],
    [['--tls', '--tls-cert', 'a'], 'tls-cert and tls-key belong together'],
    [['--tls-cert', 'a', '--tls-key', 'b'], 'tls-cert is given, but tls is off'],
    [['--config', '/nonexistent/x.yaml'], 'the configuration file /nonexistent/x.yaml cannot be read'],
  ])('%j: nothing is started', async (args, message) => {
    const outcome = await run(['registry', 'serve', ...args, '--json']);
    expect(outcome).toMatchObject({ exitCode: EXIT_CODES.usage.code, stdout: '' });
    expect(errorOf(outcome)).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(errorOf(outcome).message).toContain(message);
  });

  it('in a file are refused when nobody knows them', async () => {
    const config = folder.path('c.yaml');
    await writeFile(config, 'in-memory: true\nregistry-adr: x\nlog-level: loud\n');
    const outcome = await run(['registry', 'serve', '--config', config, '--json']);
    expect(errorOf(outcome).message).toContain(
      `${config}:2: there is no setting "registry-adr"; did you mean registry-addr?`,
    );
    expect(errorOf(outcome).message).toContain(`${config}:3: log-level: "loud" is not one of`);
  });

  it('that are secret come from files that only their owner can read', async () => {
    const token = folder.path('token');
    await writeFile(token, 'the-secret\n', { mode: 0o644 });
    await chmod(token, 0o644);
    const args = ['registry', 'serve', '--in-memory', '--admin-token-file', token];
    const outcome = await run([...args, '--json']);
    expect(errorOf(outcome).message).toContain(`others may read ${token}`);
    expect(outcome.stderr).not.toContain('the-secret');
    await chmod(token, 0o600);
    await using registry = await startRegistry(args);
    expect(registry.ready.adminTokenFile).toBeNull();
    expect(JSON.stringify(registry.ready) + registry.io.logLines.join('')).not.toContain('the-secret');
  });

  it.each([
    ['--badge-keys', 'bdg-v1=AAAA', 'invalid_key_ring', 'key ring'],
    ['--recovery-keys', '/nonexistent/ring', 'FILE_UNUSABLE', '/nonexistent/ring cannot be read (ENOENT)'],
    [
      '--admin-tokens-file',
      '/nonexistent/tokens',
      'FILE_UNUSABLE',
      '/nonexistent/tokens cannot be read (ENOENT)',
    ],
    ['--allowed-destinations', '10.0.0.0/99', 'invalid_allow_list', '10.0.0.0/99'],
  ])('%s %s is refused', async (flag, value, code, message) => {
    const outcome = await run(['registry', 'serve', '--in-memory', flag, value, '--json']);
    expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(outcome).code).toBe(code);
    expect(errorOf(outcome).message).toContain(message);
  });

  it('of rings of keys may be the name of a file', async () => {
    const ring = folder.path('ring');
    await writeFile(ring, 'bdg-v1=Y2jjSAS+J6LVXAguY4P51vMGhHl7qgy5qBJZGS0Cmms=\n');
    const args = ['registry', 'serve', '--in-memory', '--badge-keys', ring];
    await using registry = await startRegistry(args);
    expect(registry.ready.event).toBe('ready');
  });
});
