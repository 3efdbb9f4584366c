import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { EXIT_CODES, systemRandom } from '@muster/core';
import { Psk } from '@muster/discovery/keys';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCli } from '../../src/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run, TestIo } from '../support/test-io.ts';

const folder = temporaryFolder();

function flags(...further: readonly string[]): readonly string[] {
  return [
    'mirror',
    'run',
    '--upstream-registries=lab.example=http://127.0.0.1:1',
    ...['mirror', 'transfer', 'metrics'].map((name) => `--${name}-listen=127.0.0.1:0`),
    '--libp2p-listen=/ip4/127.0.0.1/tcp/0',
    `--libp2p-identity-path=${folder.path('identity.key')}`,
    `--cache-dir=${folder.path('cache')}`,
    ...further,
  ];
}

interface Ready {
  readonly event: string;
  readonly nodeId: string;
  readonly peerId: string;
  readonly mirror: string;
  readonly ops: string;
  readonly addresses: readonly string[];
  readonly pskFingerprint: string | null;
  readonly warnings: readonly string[];
}

async function start(args: readonly string[]): Promise<{ ready: Ready; stop: () => Promise<number> }> {
  const io = new TestIo();
  const ended = runCli([...args, '--json'], io);
  const text = await Promise.race([
    io.printed('\n'),
    ended.then((code) => Promise.reject(new Error(`ended with ${code}: ${io.written.stderr}`))),
  ]);
  const stop = async (): Promise<number> => {
    io.stop();
    return await ended;
  };
  onTestFinished(async () => void (await stop()));
  return { ready: JSON.parse(text) as Ready, stop };
}

describe('a mirror that the command line runs', () => {
  it('says who and where it is, what is not safe, what to write and what to try, and stops cleanly', async () => {
    const io = new TestIo();
    const ended = runCli(flags('--transfer-listen=0.0.0.0:0'), io);
    const text = await io.printed('Ctrl-C stops it.');
    expect(text).toMatch(/^muster \d+\.\d+\.\d+: the mirror runs\.\n/);
    expect(text).toMatch(/\nmirror {10}127\.0\.0\.1:\d+\n/);
    expect(text).toMatch(/\naddresses {7}\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW\w+\n/);
    expect(text).toContain('pre-shared key  none: the network is open');
    expect(text).toContain('Whoever reaches the transfer port can read');
    expect(text).toMatch(
      /muster pull lab\.example\/<repository>:<tag> --mirror \S+ --origin http:\/\/127\.0\.0\.1:1\n/,
    );
    expect(text).toMatch(/\[host\."http:\/\/127\.0\.0\.1:\d+"\]/);
    const status = /^ {2}muster (mirror status .+)$/m.exec(text)?.[1] ?? '';
    const shown = await run(status.split(' '));
    expect(shown.exitCode).toBe(EXIT_CODES.ok.code);
    expect(shown.stdout).toMatch(/\nready {9}yes\n/);
    io.stop();
    expect(await ended).toBe(EXIT_CODES.ok.code);
    expect((await run(status.split(' '))).exitCode).toBe(EXIT_CODES.unreachable.code);
  });

  it('keeps its identity, in a file for its owner only', async () => {
    const first = await start(flags());
    expect(await first.stop()).toBe(EXIT_CODES.ok.code);
    const second = await start(flags('--node-name=machine', '--members-source=single'));
    expect(second.ready).toMatchObject({ event: 'ready', nodeId: 'machine', peerId: first.ready.peerId });
    expect(first.ready.nodeId).toBe(first.ready.peerId);
    expect((await stat(folder.path('identity.key'))).mode & 0o777).toBe(0o600);
  });

  it('runs on a private network when it has the key', async () => {
    const psk = Psk.generate(systemRandom);
    await writeFile(folder.path('psk.key'), psk.toText(), { mode: 0o600 });
    const { ready } = await start(flags(`--psk-path=${folder.path('psk.key')}`));
    expect(ready.pskFingerprint).toBe(psk.fingerprint);
    expect(JSON.stringify(ready)).not.toContain(Buffer.from(psk.bytes).toString('hex'));
  });

  it('takes its settings from a file, and tells all that is wrong with it at once', async () => {
    const path = folder.path('config.yaml');
    await writeFile(path, 'mirror_listen: 0.0.0.0:0\nhrw_k: 0\nhrw_kk: 1\n');
    const outcome = await run(['mirror', 'run', '--config', path, '--json']);
    expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
    const { message } = errorOf(outcome);
    for (const part of [
      '4 settings',
      'hrw-kk',
      'hrw_k',
      'mirror-bind-allow-non-loopback',
      'at least one registry',
    ]) {
      expect(message.replaceAll('hrw-k:', 'hrw_k:')).toContain(part);
    }
  });
});

describe('what keeps it from starting is told with the setting to change', () => {
  it('an address that is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    for (const setting of ['mirror-listen', 'transfer-listen', 'metrics-listen']) {
      const outcome = await run([...flags(), `--${setting}=127.0.0.1:${port}`, '--json']);
      expect(outcome.exitCode).toBe(EXIT_CODES.addressInUse.code);
      expect(lastErrorOf(outcome.stderr).hint).toContain(`--${setting}`);
    }
    const outcome = await run([...flags(`--libp2p-listen=/ip4/127.0.0.1/tcp/${port}`), '--json']);
    expect(outcome.exitCode).toBe(EXIT_CODES.addressInUse.code);
  });

  it.each([
    ['--libp2p-identity-path', 'IDENTITY_INVALID', EXIT_CODES.usage.code],
    ['--psk-path', 'PSK_INVALID', EXIT_CODES.usage.code],
  ])('%s with something else in it', async (flag, code, exitCode) => {
    await writeFile(folder.path('other'), 'something else');
    const outcome = await run([...flags(`${flag}=${folder.path('other')}`), '--json']);
    expect(outcome.exitCode).toBe(exitCode);
    expect(lastErrorOf(outcome.stderr)).toMatchObject({
      code,
      hint: expect.stringContaining(flag) as unknown,
    });
    expect(await readFile(folder.path('other'), 'utf8')).toBe('something else');
  });

  it('a secret of the transfer that is not there', async () => {
    const outcome = await run([...flags(`--transfer-token-path=${folder.path('none')}`), '--json']);
    expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
    expect(lastErrorOf(outcome.stderr).code).toBe('FILE_UNUSABLE');
  });
});

/** The log goes to another place; the error is the last line. */
function lastErrorOf(stderr: string): { readonly code: string; readonly hint?: string } {
  return errorOf({ exitCode: 1, stdout: '', stderr: stderr.trim().split('\n').at(-1) ?? '' });
}
