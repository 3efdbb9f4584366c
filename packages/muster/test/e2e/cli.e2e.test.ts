import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RegistryClient } from '@muster/client';
import { EXIT_CODES } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { describe, expect, it } from 'vitest';
import type { Ready } from '../support/running-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { muster, musterLine, shell, type Started } from './processes.ts';

const folder = temporaryFolder();
const NOBODY = 65_534;

const home = (): string => folder.path('home');
const data = (): string => folder.path('data');

/** Starts a registry on a free port, with the data folder of the test. */
async function serve(...args: readonly string[]): Promise<{ process: Started; ready: Ready }> {
  const process = muster(
    [
      'registry',
      'serve',
      '--make-admin-token',
      '--registry-addr',
      '127.0.0.1:0',
      '--data',
      data(),
      '--json',
      ...args,
    ],
    home(),
  );
  return { process, ready: await process.ready() };
}

/** Runs `muster <args>` to its end. */
async function run(
  ...args: readonly string[]
): Promise<{ exitCode: unknown; stdout: string; stderr: string }> {
  await using process = muster(args, home());
  const exitCode = await process.ended();
  return { exitCode, stdout: process.stdout, stderr: process.stderr };
}

/** Registers a new node; resolves with its id once the registry has acknowledged it. */
async function registerOne(address: string, identity: Identity): Promise<number> {
  await using client = new RegistryClient({ address, identity, reconnect: { maxAttempts: 1 } });
  return (await client.register()).nodeId;
}

/** Registers nodes one after the other until the registry is gone. Resolves with those that it acknowledged. */
async function registerUntilGone(
  address: string,
  atLeast: number,
  reached: () => void,
): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>();
  for (;;) {
    const identity = Identity.generate();
    try {
      acknowledged.set(identity.publicKeyBase64, await registerOne(address, identity));
    } catch {
      return acknowledged;
    }
    if (acknowledged.size === atLeast) reached();
  }
}

async function segmentPath(directory: string): Promise<string> {
  const names = (await readdir(join(directory, 'log'))).filter((name) => name.endsWith('.log'));
  return join(directory, 'log', names.sort()[0] as string);
}

describe('npm start, in a fresh shell', () => {
  it('runs a fleet, prints commands that work in a second terminal, and stops on Ctrl-C', async () => {
    await mkdir(home());
    await using started = shell(
      `exec npm start -- --registry-port 0 --page-port 0 --time-scale 0.1 --data '${data()}'`,
      home(),
    );
    await started.printed('Ctrl-C stops it.');
    const commands = [...started.stdout.matchAll(/^ {2}npm run -s muster -- (\S+ ?\S*).*$/gm)];
    expect(commands.map(([, words]) => words?.split(' mst1.')[0])).toEqual([
      expect.stringMatching(/^join/),
      'find delta',
      expect.stringMatching(/^pull fleet\.localhost/),
      'demo kill-registry',
      'demo liar',
      'demo pull',
      'demo partition',
    ]);
    await using second = shell(commands[1]?.[0].replace(/#.*$/, '') ?? 'false', home());
    expect(await second.ended()).toBe(0);
    expect(second.stdout).toContain('registry (authority)');
    await using third = shell(commands[2]?.[0].replace(/#.*$/, '') ?? 'false', home());
    expect(await third.ended()).toBe(0);
    // As a terminal does: npm and the program both get it.
    started.signal('SIGINT');
    expect(await started.ended()).toBe(0);
    const verified = await run('registry', 'verify', '--data', join(data(), 'registry'));
    expect(verified).toMatchObject({
      exitCode: EXIT_CODES.ok.code,
      stdout: expect.stringContaining('10 live'),
    });
  });
});

describe('a registry as a process', () => {
  it('stops cleanly when it is asked to, and reads its TLS files again', async () => {
    const { process, ready } = await serve('--tls');
    await using _ = process;
    expect(ready.pid).toBe(process.child.pid);
    process.signal('SIGHUP');
    await expect.poll(() => process.stderr, { timeout: 30_000 }).toContain('TLS files read again');
    process.signal('SIGTERM');
    expect(await process.ended()).toBe(EXIT_CODES.ok.code);
    const again = await serve('--tls');
    await using __ = again.process;
    expect(again.ready).toMatchObject({ tlsFingerprint: ready.tlsFingerprint, recovery: { cleanEnd: true } });
  });

  it('keeps a second one out of its folder and its port', async () => {
    const { process, ready } = await serve();
    await using _ = process;
    const folderTaken = await run(
      'registry',
      'serve',
      '--make-admin-token',
      '--registry-addr',
      '127.0.0.1:0',
      '--data',
      data(),
    );
    expect(folderTaken.exitCode).toBe(EXIT_CODES.storeLocked.code);
    expect(folderTaken.stderr).toContain(`in use by process ${ready.pid}`);
    const portTaken = await run(
      'registry',
      'serve',
      '--make-admin-token',
      '--registry-addr',
      ready.address,
      '--data',
      folder.path('other'),
    );
    expect(portTaken.exitCode).toBe(EXIT_CODES.addressInUse.code);
    expect(portTaken.stderr).toContain(`another program listens on ${ready.address}`);
    expect(portTaken.stderr).not.toMatch(/^ {4}at /m);
  });

  it('has everything that it acknowledged after it was killed', async () => {
    const { process, ready } = await serve();
    await using _ = process;
    const acknowledged = await registerUntilGone(ready.address, 200, () => process.signal('SIGKILL'));
    expect(await process.ended()).toBe('SIGKILL');
    expect(acknowledged.size).toBeGreaterThanOrEqual(200);
    const again = await serve();
    await using __ = again.process;
    expect(again.ready.recovery).toMatchObject({ created: false, cleanEnd: false });
    await using client = new RegistryClient({ address: again.ready.address });
    for (const [publicKey, nodeId] of acknowledged) {
      const node = await client.lookup(nodeId);
      expect(Buffer.from(node.publicKey ?? []).toString('base64')).toBe(publicKey);
    }
  });

  it('is copied while it is written to', async () => {
    const { process, ready } = await serve();
    await using _ = process;
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const writing = registerUntilGone(ready.address, 50, resolve);
    await enough;
    const copy = await run('registry', 'backup', '--data', data(), '--to', folder.path('copy'), '--json');
    expect(copy).toMatchObject({ exitCode: EXIT_CODES.ok.code, stderr: '' });
    const { contents } = JSON.parse(copy.stdout) as { contents: { nodes: number } };
    expect(contents.nodes).toBeGreaterThanOrEqual(50);
    process.signal('SIGTERM');
    await writing;
    expect((await run('registry', 'verify', '--data', folder.path('copy'))).exitCode).toBe(
      EXIT_CODES.ok.code,
    );
  });

  it('does not start on a damaged store, and tells how to go on', async () => {
    const first = await serve();
    await using _ = first.process;
    for (let i = 0; i < 20; i++) await registerOne(first.ready.address, Identity.generate());
    first.process.signal('SIGTERM');
    expect(await first.process.ended()).toBe(EXIT_CODES.ok.code);
    const path = await segmentPath(data());
    const bytes = await readFile(path);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = (bytes[middle] as number) ^ 0xff;
    await writeFile(path, bytes);

    const verified = await run('registry', 'verify', '--data', data());
    expect(verified.exitCode).toBe(EXIT_CODES.storeDamaged.code);
    expect(verified.stdout).toContain(`${path}, offset `);
    const refused = await run(
      'registry',
      'serve',
      '--make-admin-token',
      '--registry-addr',
      '127.0.0.1:0',
      '--data',
      data(),
    );
    expect(refused.exitCode).toBe(EXIT_CODES.storeDamaged.code);
    expect(refused.stderr).toContain(`registry verify --data ${data()}`);
    expect(await readFile(path)).toEqual(bytes);

    const recovered = await serve('--recover');
    await using __ = recovered.process;
    await using client = new RegistryClient({ address: recovered.ready.address });
    expect((await client.lookup(1)).nodeId).toBe(1);
    expect(await readdir(join(data(), 'log'))).toContainEqual(expect.stringMatching(/\.damaged$/));
  });

  it('ends when the disk takes no more, and has what it acknowledged', async () => {
    const line = musterLine([
      'registry',
      'serve',
      '--make-admin-token',
      '--registry-addr',
      '127.0.0.1:0',
      '--data',
      data(),
      '--json',
    ]);
    // A file that cannot grow beyond 64 KiB stands for a disk that is full.
    await using process = shell(`trap '' XFSZ; ulimit -f 64; exec ${line}`, home());
    const ready = await process.ready();
    const acknowledged = await registerUntilGone(ready.address, 0, () => undefined);
    expect(await process.ended()).toBe(EXIT_CODES.diskFailed.code);
    const last = JSON.parse(process.stderr.trimEnd().split('\n').at(-1) as string) as { error: object };
    expect(last.error).toMatchObject({ code: 'LOG_FAILED', hint: expect.stringContaining('start again') });
    const again = await serve();
    await using _ = again.process;
    await using client = new RegistryClient({ address: again.ready.address });
    expect(acknowledged.size).toBeGreaterThan(50);
    for (const nodeId of acknowledged.values()) expect((await client.lookup(nodeId)).nodeId).toBe(nodeId);
  });

  it('goes on when nobody reads its output', async () => {
    const { process, ready } = await serve('--log-level', 'debug');
    await using _ = process;
    process.child.stdout?.destroy();
    process.child.stderr?.destroy();
    expect(await registerOne(ready.address, Identity.generate())).toBe(1);
    process.signal('SIGTERM');
    expect(await process.ended()).toBe(EXIT_CODES.ok.code);
  });

  it.skipIf(process.getuid?.() !== 0)('says what it may not write to', async () => {
    await mkdir(data(), { mode: 0o700 });
    await using started = muster(
      ['registry', 'serve', '--make-admin-token', '--data', data(), '--json'],
      '/nonexistent',
      NOBODY,
    );
    expect(await started.ended()).toBe(EXIT_CODES.notPermitted.code);
    expect(JSON.parse(started.stderr)).toMatchObject({
      error: { code: 'DATA_UNUSABLE', message: expect.stringContaining('EACCES') },
    });
  });
});

describe('muster nodes watch, as a process', () => {
  it('ends cleanly on Ctrl-C', async () => {
    const { process, ready } = await serve();
    await using _ = process;
    const admin = ['--admin-token-file', String(ready.adminTokenFile), '--registry', ready.address];
    await using watching = muster(['nodes', 'watch', ...admin, '--interval', '50ms', '--json'], home());
    await watching.printed('"synchronized"');
    await registerOne(ready.address, Identity.generate());
    await watching.printed('"joined"');
    watching.signal('SIGINT');
    expect(await watching.ended()).toBe(EXIT_CODES.ok.code);
    expect(watching.stderr).toBe('');
  });
});
