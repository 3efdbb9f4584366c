/**
 * Executes the shell blocks of README.md, in order, in a fresh clone of what is committed, as someone does who has just
 * found the project: see scripts/readme/blocks.ts for how a block says what to do with it.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { root } from './packages.ts';
import { type ShellBlock, shellBlocks } from './readme/blocks.ts';

const RUN_LIMIT_MS = 15 * 60_000;
const READY_LIMIT_MS = 3 * 60_000;
const STOP_LIMIT_MS = 60_000;

/** The search path without the programs that npm put there: a newcomer's shell does not have them. */
const PATH = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter);

interface Running {
  readonly block: ShellBlock;
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
}

function start(block: ShellBlock, folder: string): Running {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', block.script], {
    cwd: folder,
    env: { ...process.env, PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  child.stdout?.pipe(process.stdout, { end: false });
  child.stderr?.pipe(process.stderr, { end: false });
  return { block, child, exited: once(child, 'exit') };
}

function signalGroup({ child }: Running, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // The group has ended by itself.
  }
}

async function within<T>(limitMs: number, what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} within ${limitMs / 1000} s`)), limitMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function run(block: ShellBlock, folder: string): Promise<void> {
  const running = start(block, folder);
  try {
    await within(RUN_LIMIT_MS, 'it did not end', running.exited);
  } finally {
    signalGroup(running, 'SIGKILL');
  }
  if (running.child.exitCode !== 0) throw new Error(`it failed with ${running.child.exitCode}`);
}

async function waitUntilReady({ block, child, exited }: Running): Promise<void> {
  let output = '';
  const ready = new Promise<void>((resolve) => {
    const look = (data: Buffer): void => {
      output += data.toString();
      if (output.includes(block.argument)) resolve();
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
  });
  const failed = (async (): Promise<never> => {
    await exited;
    throw new Error(`it ended with ${child.exitCode} before it was ready`);
  })();
  await within(READY_LIMIT_MS, `it did not print "${block.argument}"`, Promise.race([ready, failed]));
  failed.catch(() => {});
}

async function stop(running: Running): Promise<void> {
  if (running.child.exitCode !== null) throw new Error(`it ended by itself with ${running.child.exitCode}`);
  signalGroup(running, 'SIGTERM');
  await within(STOP_LIMIT_MS, 'it did not stop', running.exited);
  const { exitCode, signalCode } = running.child;
  // npm passes the signal on to the program, waits for it, and reports either its exit code or the signal.
  if (exitCode !== 0 && exitCode !== 143 && signalCode !== 'SIGTERM')
    throw new Error(`it stopped with ${exitCode}`);
}

async function executeAll(blocks: readonly ShellBlock[], folder: string): Promise<void> {
  const running: Running[] = [];
  try {
    for (const block of blocks) {
      console.log(`README.md:${block.line}: ${block.mode} ${block.argument}`);
      if (block.mode === 'shown') continue;
      if (block.mode === 'run') await naming(block, run(block, folder));
      else {
        const started = start(block, folder);
        running.push(started);
        await naming(block, waitUntilReady(started));
      }
    }
    for (let last = running.at(-1); last !== undefined; last = running.at(-1)) {
      await naming(last.block, stop(last));
      running.pop();
    }
  } finally {
    for (const each of running) signalGroup(each, 'SIGKILL');
  }
}

async function naming(block: ShellBlock, promise: Promise<void>): Promise<void> {
  try {
    await promise;
  } catch (error) {
    throw new Error(`README.md:${block.line}: ${(error as Error).message}`, { cause: error });
  }
}

const blocks = shellBlocks(readFileSync(join(root, 'README.md'), 'utf8'));
if (!blocks.some(({ mode }) => mode !== 'shown'))
  throw new Error('README.md shows no command that is executed');
const folder = mkdtempSync(join(tmpdir(), 'muster-readme-'));
try {
  const { status } = spawnSync('git', ['clone', '--quiet', root, 'muster'], {
    cwd: folder,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('the repository could not be cloned');
  await executeAll(blocks, join(folder, 'muster'));
  console.log(`${blocks.length} blocks of README.md: as they are written`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
