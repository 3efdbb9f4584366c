import { createServer } from 'node:net';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { EXIT_CODES } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../src/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run, TestIo } from '../support/test-io.ts';

const folder = temporaryFolder();

interface Ready {
  readonly folder: string;
  readonly members: readonly {
    readonly name: string;
    readonly role: string;
    readonly peerId: string;
    readonly status: string;
  }[];
}

describe('muster node demo', () => {
  it('runs a fleet whose commands to try work, and removes what it made', async () => {
    const io = new TestIo();
    const ended = runCli(['node', 'demo', '--port', '0', '--nodes', '2', '--indexers', '2'], io);
    const text = await io.printed('Ctrl-C stops them.');
    await expect.poll(() => io.written.stderr, { timeout: 50_000 }).toContain('All 4 members are ready');
    const temporary = /Keys and data are in (\S+), and are removed/.exec(text)?.[1] ?? '';
    expect(await readdir(temporary)).toEqual(['alpha', 'bravo', 'indexer-1', 'indexer-2', 'psk.key']);
    const commands = [...text.matchAll(/^ {2}muster (.+)$/gm)].map((match) =>
      (match[1] as string).split(' '),
    );
    expect(commands.map((words) => words[1])).toEqual(['list', 'search', 'get', 'score']);
    for (const command of commands) {
      await expect
        .poll(async () => (await run(command)).exitCode, { timeout: 50_000 })
        .toBe(EXIT_CODES.ok.code);
    }
    io.stop();
    expect(await ended).toBe(EXIT_CODES.ok.code);
    expect(existsSync(temporary)).toBe(false);
  });

  it('keeps the folder that it is given, and the identities in it', async () => {
    const start = async (): Promise<Ready> => {
      const io = new TestIo();
      const args = [
        '--port',
        '0',
        '--nodes',
        '0',
        '--indexers',
        '1',
        '--data',
        folder.path('data'),
        '--json',
      ];
      const ended = runCli(['node', 'demo', ...args], io);
      const [line = ''] = (await io.printed('\n')).split('\n');
      io.stop();
      expect(await ended).toBe(EXIT_CODES.ok.code);
      return JSON.parse(line) as Ready;
    };
    const first = await start();
    expect(first).toMatchObject({ folder: folder.path('data'), members: [{ name: 'indexer-1' }] });
    const second = await start();
    expect(second.members[0]?.peerId).toBe(first.members[0]?.peerId);
  });

  it('stops those that have started when one does not', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      const args = ['--port', String(port - 1), '--nodes', '0', '--data', folder.path('data'), '--json'];
      const outcome = await run(['node', 'demo', ...args]);
      expect(outcome).toMatchObject({ exitCode: EXIT_CODES.addressInUse.code, stdout: '' });
      expect(errorOf(outcome).message).toContain(String(port));
    } finally {
      server.close();
    }
  });
});
