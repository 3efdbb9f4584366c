import { once } from 'node:events';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { EXIT_CODES } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../src/index.ts';
import { nodeFlags, startNode } from '../support/running-node.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run, TestIo } from '../support/test-io.ts';

const folder = temporaryFolder();
const flags = async (): Promise<readonly string[]> => await nodeFlags(folder.path());

async function takenPort(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

describe('a node that the command line runs', () => {
  it('says who and where it is, what is not safe and what to try, and stops cleanly', async () => {
    const io = new TestIo();
    const ended = runCli(
      ['node', 'run', ...(await flags()), '--node-mode=indexer', '--name=ida', '--status-port=any'],
      io,
    );
    const text = await io.printed('Ctrl-C stops it.');
    expect(text).toMatch(/^muster \d+\.\d+\.\d+: the indexer runs\.\n/);
    expect(text).toMatch(/\nname {12}ida\npeer id {9}12D3KooW\w+\nDID {13}[0-9a-f-]{36}\n/);
    expect(text).toMatch(/\naddresses {7}\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW\w+\n/);
    expect(text).toContain(`data folder     ${folder.path('data')}`);
    expect(text).toMatch(/\npre-shared key {2}fingerprint [0-9a-f]{16}\n/);
    const status = /\nstatus {10}http:\/\/(127\.0\.0\.1:\d+)\/status\n/.exec(text)?.[1] ?? '';
    const commands = [...text.matchAll(/^ {2}muster (.+)$/gm)].map((match) =>
      (match[1] as string).split(' '),
    );
    expect(commands.map((words) => words.slice(0, 2).join(' '))).toEqual(['peers list', 'peers search']);
    expect((await run(commands[0] as string[])).exitCode).toBe(EXIT_CODES.ok.code);
    expect((await fetch(`http://${status}/healthz`)).status).toBe(200);
    io.stop();
    expect(await ended).toBe(EXIT_CODES.ok.code);
    await expect(fetch(`http://${status}/healthz`)).rejects.toThrow();
  });

  it('makes its keys when it may, keeps them, and shows neither them nor the pre-shared key', async () => {
    const args = await flags();
    await using first = await startNode(args);
    await first.stop();
    expect((await stat(folder.path('private.pem'))).mode & 0o777).toBe(0o600);
    await using second = await startNode(args.filter((flag) => flag !== '--generate-keys'));
    expect(second.ready).toMatchObject({
      roles: ['node'],
      name: `oc-${first.ready.peerId.slice(-6)}`,
      peerId: first.ready.peerId,
      did: first.ready.did,
      status: null,
      seeds: 0,
    });
    const secrets = [
      (await readFile(folder.path('private.pem'), 'utf8')).split('\n')[1],
      (await readFile(folder.path('psk.key'), 'utf8')).split('\n')[2],
    ];
    for (const { io } of [first, second]) {
      const written = io.written.stdout + io.written.stderr + io.logLines.join('');
      for (const secret of secrets) expect(written).not.toContain(secret);
    }
  });

  it('keeps a stored DID', async () => {
    const args = [...(await flags()), '--did-mode=stored'];
    await using first = await startNode(args);
    await first.stop();
    await using second = await startNode(args);
    expect(second.ready.did).toBe(first.ready.did);
    await using derived = await startNode(args.slice(0, -1));
    expect(derived.ready.did).not.toBe(first.ready.did);
  });

  it('warns of what is not safe or has no effect, in the banner and in the log', async () => {
    await chmod(folder.path(), 0o755);
    const args = (await flags()).filter((flag) => !flag.startsWith('--listen-host'));
    await chmod(folder.path('psk.key'), 0o644);
    const environment = {
      OCDISCOVERY_NATS_URL: 'nats://nats:4222',
      OCDISCOVERY_PEER_IDS: 'x',
      OCDISCOVERY_UNKNOWN: '1',
      OCDISCOVERY_INDEXER_ADDRESSES: 'nonsense',
      OC_TEST: '1',
      TIME_SCALE: '0.5',
    };
    const unsafe = ['--node-mode=node,indexer', '--admission-mode=off', '--subnet-diversity=off'];
    await using node = await startNode([...args, ...unsafe], new TestIo({ environment }));
    expect(node.ready.warnings).toEqual([
      expect.stringContaining('OCDISCOVERY_UNKNOWN: there is no such setting'),
      expect.stringContaining('OCDISCOVERY_NATS_URL: ignored'),
      expect.stringContaining('OCDISCOVERY_PEER_IDS: ignored'),
      expect.stringContaining('"nonsense" is left out'),
      expect.stringContaining('others may read the pre-shared key: chmod 600'),
      expect.stringContaining('allow-loopback'),
      expect.stringContaining('admission-mode off'),
      expect.stringContaining('subnet-diversity off'),
      expect.stringContaining('multiplied by 0.5'),
    ]);
    const log = node.io.logLines.join('');
    for (const warning of node.ready.warnings.slice(0, 5)) expect(log).toContain(warning.slice(0, 40));
  });
});

describe('a node that cannot start', () => {
  it('names the setting of a port that is in use, and leaves nothing open', async () => {
    const { server, port } = await takenPort();
    try {
      for (const [flag, others] of [
        ['--node-endpoint-port', []],
        ['--status-port', ['--node-endpoint-port=0']],
      ] as const) {
        const args = (await flags()).slice(1);
        const outcome = await run(['node', 'run', ...args, ...others, `${flag}=${port}`, '--json']);
        expect(outcome).toMatchObject({ exitCode: EXIT_CODES.addressInUse.code, stdout: '' });
        expect(errorOf(outcome)).toMatchObject({
          code: 'ADDRESS_IN_USE',
          hint: expect.stringContaining(flag),
        });
        expect(errorOf(outcome).message).toContain(`127.0.0.1:${port}`);
      }
    } finally {
      server.close();
    }
  });

  it('says what is wrong with its keys', async () => {
    const args = await flags();
    const noKeys = await run(['node', 'run', ...args.filter((flag) => flag !== '--generate-keys'), '--json']);
    expect(noKeys.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(noKeys)).toMatchObject({
      code: 'KEY_FILE_INVALID',
      hint: expect.stringContaining('OC_GENERATE_KEYS'),
    });
    await writeFile(folder.path('psk.key'), 'swordfish');
    const noPsk = await run(['node', 'run', ...args, '--json']);
    expect(noPsk.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(noPsk).code).toBe('PSK_INVALID');
    expect(errorOf(noPsk).hint).toContain(`muster keys psk --out ${folder.path('psk.key')}`);
    expect(noPsk.stderr).not.toContain('swordfish');
  });

  it('says what is wrong with its store', async () => {
    const args = await flags();
    await using first = await startNode(args);
    await first.stop();
    await writeFile(folder.path('data', 'peers.json'), '{"peers":');
    const damaged = await run(['node', 'run', ...args, '--json']);
    expect(damaged.exitCode).toBe(EXIT_CODES.storeDamaged.code);
    expect(errorOf(damaged)).toMatchObject({ code: 'STORE_INVALID' });
    await writeFile(folder.path('file'), '');
    const noFolder = await run([
      'node',
      'run',
      ...args,
      `--store-url=file:${folder.path('file', 'x')}`,
      '--json',
    ]);
    expect(noFolder.exitCode).not.toBe(EXIT_CODES.ok.code);
    expect(errorOf(noFolder)).toMatchObject({ code: 'STORE_FAILED' });
  });

  it('refuses settings before it touches anything', async () => {
    const outcome = await run(['node', 'run', '--node-mode=native-indexer', '--max-nodes=0', '--json']);
    expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(outcome).message.split('\n')).toEqual([
      '2 settings are wrong',
      '  flag --node-mode: "native-indexer": the tier native-indexer was removed; use indexer',
      '  flag --max-nodes: "0" is out of range; allowed: 1 to 100000',
    ]);
  });
});
