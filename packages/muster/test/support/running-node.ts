import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemRandom } from '@muster/core';
import { Psk } from '@muster/discovery/keys';
import { runCli } from '../../src/index.ts';
import { TestIo } from './test-io.ts';

/** The line of a node or indexer that runs. */
export interface NodeReady {
  readonly event: 'ready';
  readonly roles: readonly string[];
  readonly name: string;
  readonly peerId: string;
  readonly did: string;
  readonly addresses: readonly string[];
  readonly seeds: number;
  readonly data: string | null;
  readonly pskFingerprint: string;
  readonly status: string | null;
  readonly warnings: readonly string[];
}

/** Flags of a node that keeps to a folder, on free ports of the loopback. The pre-shared key is made. */
export async function nodeFlags(folder: string): Promise<readonly string[]> {
  const psk = join(folder, 'psk.key');
  await writeFile(psk, Psk.generate(systemRandom).toText(), { mode: 0o600 });
  return [
    '--node-endpoint-port=0',
    '--listen-host=127.0.0.1',
    '--allow-loopback',
    `--psk-path=${psk}`,
    `--private-key-path=${join(folder, 'private.pem')}`,
    `--public-key-path=${join(folder, 'public.pem')}`,
    '--generate-keys',
    `--store-url=file:${join(folder, 'data')}`,
  ];
}

/** A node that the command line runs, in this process. */
export interface RunningNode extends AsyncDisposable {
  readonly io: TestIo;
  readonly ready: NodeReady;
  /** Stops it; resolves with its exit code. */
  stop(): Promise<number>;
}

/** Starts `muster node run <args> --json`; rejects when it ends before it runs. */
export async function startNode(args: readonly string[], io = new TestIo()): Promise<RunningNode> {
  const ended = runCli(['node', 'run', ...args, '--json'], io);
  const text = await Promise.race([
    io.printed('\n'),
    ended.then((code) => Promise.reject(new Error(`ended with ${code}: ${io.written.stderr}`))),
  ]);
  const stop = async (): Promise<number> => {
    io.stop();
    return await ended;
  };
  return {
    io,
    ready: JSON.parse(text) as NodeReady,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}
