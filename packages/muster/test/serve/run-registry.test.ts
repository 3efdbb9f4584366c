import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { EXIT_CODES } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../src/index.ts';
import { startRegistry } from '../support/running-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run, TestIo } from '../support/test-io.ts';

const folder = temporaryFolder();

/** Starts `muster dev`, as a person would see it. */
async function banner(
  args: readonly string[],
): Promise<{ text: string; io: TestIo; stop(): Promise<number> }> {
  const io = new TestIo({ homeDirectory: folder.path('home') });
  const ended = runCli(args, io);
  const text = await io.printed('Ctrl-C stops it.');
  return {
    text,
    io,
    stop: async () => {
      io.stop();
      return await ended;
    },
  };
}

/** A port that somebody listens on. */
async function takenPort(): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

describe('a registry that the command line runs', () => {
  it('says where it is, what it keeps and what to try, and stops cleanly', async () => {
    const data = folder.path('data');
    const { text, io, stop } = await banner([
      'registry',
      'serve',
      '--make-admin-token',
      '--registry-addr',
      '127.0.0.1:0',
      '--data',
      data,
    ]);
    expect(text).toMatch(/^muster \d+\.\d+\.\d+: the registry is ready\.\n/);
    expect(text).toMatch(/\naddress {6}127\.0\.0\.1:\d+\n/);
    expect(text).toContain(`data folder  ${data}`);
    expect(text).toContain('durability   batch');
    expect(text).toContain(`admin token  in the file ${join(data, 'admin-token')}`);
    expect(text).toContain('Not safe here:\n  * Every program on this machine can connect');
    expect(text.match(/^ {2}muster nodes .*--registry 127\.0\.0\.1:\d+$/gm)).toHaveLength(3);
    expect(await stop()).toBe(EXIT_CODES.ok.code);
    expect(io.written.stderr).toBe('');
  });

  it('makes an admin token for its owner only, and never shows it', async () => {
    const data = folder.path('data');
    const path = join(data, 'admin-token');
    const args = [
      'registry',
      'serve',
      '--make-admin-token',
      '--registry-addr',
      '127.0.0.1:0',
      '--data',
      data,
    ];
    const first = await banner(args);
    await first.stop();
    const token = (await readFile(path, 'utf8')).trim();
    expect(token.length).toBeGreaterThanOrEqual(43);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    const second = await banner(args);
    await second.stop();
    expect((await readFile(path, 'utf8')).trim()).toBe(token);
    expect(first.text + second.text + first.io.logLines.join('') + second.io.logLines.join('')).not.toContain(
      token,
    );
  });

  it('makes no token when serving, nor when one is configured', async () => {
    const data = folder.path('data');
    await using served = await startRegistry(['registry', 'serve', '--data', data]);
    expect(served.ready.adminTokenFile).toBeNull();
    await served.stop();
    await using configured = await startRegistry([
      'registry',
      'serve',
      '--make-admin-token',
      '--data',
      data,
      '--admin-token',
      'x',
    ]);
    expect(configured.ready.adminTokenFile).toBeNull();
    expect(await readdir(data)).not.toContain('admin-token');
  });

  it('has commands to try that work', async () => {
    const { text, stop } = await banner([
      'registry',
      'serve',
      '--make-admin-token',
      '--registry-addr',
      '127.0.0.1:0',
      '--data',
      folder.path('data'),
      '--tls',
    ]);
    const commands = [...text.matchAll(/^ {2}muster (.+)$/gm)].map((match) =>
      (match[1] as string).split(' '),
    );
    expect(commands).toHaveLength(3);
    for (const command of commands) {
      const outcome = await run(command, new TestIo({ homeDirectory: folder.path('home') }));
      expect(outcome.exitCode).toBe(EXIT_CODES.ok.code);
      expect(outcome.stdout).toContain('alpha');
    }
    await stop();
  });

  it('warns of what is not safe', async () => {
    const wide = ['--registry-addr', ':0', '--http', '0.0.0.0:0', '--durability', 'async', '--no-rate-limit'];
    const unsafe = ['--allow-unsigned-rbac', '--allow-unsigned-requester', '--recover'];
    const { text, stop } = await banner([
      'registry',
      'serve',
      '--data',
      folder.path('data'),
      ...wide,
      ...unsafe,
    ]);
    await stop();
    const warnings = text.slice(text.indexOf('Not safe here:'), text.indexOf('Try in a')).match(/^ {2}\* /gm);
    expect(warnings).toHaveLength(9);
    expect(text).toContain('add --tls');
    expect(text).toContain('admin token  none');
    const protectedArgs = ['--registry-addr', ':0', '--tls', '--strict-directory-auth', '--in-memory'];
    const safe = await banner(['registry', 'serve', ...protectedArgs]);
    await safe.stop();
    expect(safe.text).not.toContain('Not safe here');
    expect(safe.text).toMatch(/TLS {10}fingerprint [0-9a-f]{64}\n/);
  });

  it('keeps nothing in memory mode', async () => {
    await using registry = await startRegistry(['registry', 'serve', '--make-admin-token', '--in-memory']);
    expect(registry.ready).toMatchObject({
      data: null,
      durability: 'none',
      recovery: null,
      adminTokenFile: null,
    });
  });

  it('tells of an end that was not in order', async () => {
    const data = folder.path('data');
    await using first = await startRegistry(['registry', 'serve', '--make-admin-token', '--data', data]);
    expect(first.ready.recovery).toMatchObject({ created: true });
    await first.stop();
    const clean = await startRegistry(['registry', 'serve', '--make-admin-token', '--data', data]);
    expect(clean.ready.recovery).toMatchObject({ created: false, cleanEnd: true, tornBytes: 0 });
    await clean.stop();
    await rm(join(data, 'log', 'END'));
    const { text, stop } = await banner([
      'registry',
      'serve',
      '--make-admin-token',
      '--data',
      data,
      '--registry-addr',
      '127.0.0.1:0',
    ]);
    await stop();
    expect(text).toContain('Recovery:\n  * The last run did not end in order');
  });

  it('reads its TLS files again when asked to', async () => {
    await using registry = await startRegistry([
      'registry',
      'serve',
      '--make-admin-token',
      '--data',
      folder.path('data'),
      '--tls',
    ]);
    registry.io.reload();
    await expect.poll(() => registry.io.logLines.join('')).toContain('TLS files read again changed=false');
  });

  it('serves HTTP where it says', async () => {
    await using registry = await startRegistry([
      'registry',
      'serve',
      '--make-admin-token',
      '--in-memory',
      '--http',
      '127.0.0.1:0',
    ]);
    const response = await fetch(`http://${registry.ready.http}/healthz`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ version: '1.0', server_version: registry.ready.version });
  });
});

describe('a registry that cannot start', () => {
  it('names the setting of an address that is in use', async () => {
    await using taken = await takenPort();
    const address = `127.0.0.1:${taken.port}`;
    for (const [flag, others] of [
      ['registry-addr', []],
      ['http', ['--registry-addr', '127.0.0.1:0']],
    ] as const) {
      const outcome = await run([
        'registry',
        'serve',
        '--make-admin-token',
        '--in-memory',
        ...others,
        `--${flag}`,
        address,
        '--json',
      ]);
      expect(outcome).toMatchObject({ exitCode: EXIT_CODES.addressInUse.code, stdout: '' });
      expect(errorOf(outcome)).toMatchObject({ code: 'ADDRESS_IN_USE' });
      expect(errorOf(outcome).message).toContain(address);
      expect(errorOf(outcome).hint).toContain(`--${flag} 127.0.0.1:`);
    }
  });

  it('says that an address is not of this machine', async () => {
    const outcome = await run([
      'registry',
      'serve',
      '--make-admin-token',
      '--in-memory',
      '--registry-addr',
      '192.0.2.1:9000',
      '--json',
    ]);
    expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(outcome)).toMatchObject({
      code: 'ADDRESS_UNUSABLE',
      hint: expect.stringContaining('--registry-addr'),
    });
  });

  it('says who has the data folder', async () => {
    const data = folder.path('data');
    await using _ = await startRegistry(['registry', 'serve', '--make-admin-token', '--data', data]);
    const outcome = await run([
      'registry',
      'serve',
      '--make-admin-token',
      '--data',
      data,
      '--registry-addr',
      '127.0.0.1:0',
      '--json',
    ]);
    expect(outcome.exitCode).toBe(EXIT_CODES.storeLocked.code);
    expect(errorOf(outcome)).toMatchObject({ code: 'STORE_LOCKED' });
    expect(errorOf(outcome).message).toContain(`${data} is in use by process ${process.pid}`);
  });

  it('names file, offset and command when the store is damaged', async () => {
    const data = folder.path('data');
    await using registry = await startRegistry(['registry', 'serve', '--make-admin-token', '--data', data]);
    await registry.stop();
    const [segment = ''] = (await readdir(join(data, 'log'))).filter((name) => name.endsWith('.log'));
    const path = join(data, 'log', segment);
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] as number) ^ 0xff;
    await writeFile(path, bytes);
    const outcome = await run([
      'registry',
      'serve',
      '--make-admin-token',
      '--data',
      data,
      '--registry-addr',
      '127.0.0.1:0',
      '--json',
    ]);
    expect(outcome.exitCode).toBe(EXIT_CODES.storeDamaged.code);
    expect(errorOf(outcome).code).toBe('LOG_CORRUPT');
    expect(errorOf(outcome).message).toMatch(new RegExp(`${segment}.* offset \\d+`));
    expect(errorOf(outcome).hint).toContain(`muster registry verify --data ${data}`);
  });

  it('tells how to come from the original', async () => {
    const file = folder.path('registry.json');
    await writeFile(file, '{}');
    const hint = expect.stringContaining(`muster registry import --from ${file}`);
    for (const path of [file, folder.path('not-yet.json')]) {
      const outcome = await run(['registry', 'serve', '-store', path, '--json']);
      expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
      expect(errorOf(outcome).code).toBe('DATA_OF_ORIGINAL');
    }
    expect(errorOf(await run(['registry', 'serve', '-store', file, '--json']))).toMatchObject({ hint });
  });

  it('says what is wrong with the data folder, or the token in it', async () => {
    await writeFile(folder.path('file'), '');
    const below = await run([
      'registry',
      'serve',
      '--make-admin-token',
      '--data',
      folder.path('file', 'below'),
      '--json',
    ]);
    expect(below.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(below)).toMatchObject({ code: 'DATA_UNUSABLE' });
    expect(errorOf(below).message).toContain('ENOTDIR');
    await mkdir(folder.path('data'));
    for (const [text, mode, message] of [
      ['', 0o600, 'is empty'],
      ['token', 0o644, 'others may read'],
    ] as const) {
      await rm(folder.path('data', 'admin-token'), { force: true });
      await writeFile(folder.path('data', 'admin-token'), text, { mode });
      const outcome = await run([
        'registry',
        'serve',
        '--make-admin-token',
        '--data',
        folder.path('data'),
        '--json',
      ]);
      expect(errorOf(outcome).code).toBe('FILE_UNUSABLE');
      expect(errorOf(outcome).message).toContain(message);
    }
  });

  it('ends, and lets go of its ports, when its folder has been taken away from under it', async () => {
    const flags = ['--data', folder.path('data'), '--http', '127.0.0.1:0'];
    const registry = await startRegistry(['registry', 'serve', ...flags]);
    await rename(folder.path('data'), folder.path('elsewhere'));
    expect(await registry.stop()).toBe(EXIT_CODES.stoppedUncleanly.code);
    await expect(fetch(`http://${registry.ready.http}/healthz`)).rejects.toThrow();
    await using again = await startRegistry(['registry', 'serve', '--data', folder.path('elsewhere')]);
    expect(again.ready.recovery?.cleanEnd).toBe(false);
  });

  it('says which TLS files cannot be used', async () => {
    const files = ['--tls-cert', folder.path('none.pem'), '--tls-key', folder.path('none.key')];
    const outcome = await run([
      'registry',
      'serve',
      '--make-admin-token',
      '--in-memory',
      '--tls',
      ...files,
      '--json',
    ]);
    expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(outcome).message).toContain('none.pem');
  });
});
