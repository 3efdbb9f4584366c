/** Executes the blocks of a page, in their order, each in a shell of its own in one folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Block, missingLine } from './blocks.ts';

const RUN_LIMIT_MS = 5 * 60_000;
const READY_LIMIT_MS = 3 * 60_000;
const OUTPUT_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 60_000;
const LOOK_MS = 100;

/** Where and how a page is executed. */
export interface Place {
  /** The page, as it is named in messages. */
  readonly page: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

interface Running {
  readonly block: Block;
  readonly child: ChildProcess;
  /** Ends with the last process that has its output. */
  readonly closed: Promise<unknown>;
  printed: string;
}

/** Rejects with the page and the line of the first block that does not do what the page says. */
export async function executePage(blocks: readonly Block[], place: Place): Promise<void> {
  const running: Running[] = [];
  let last: Running | undefined;
  try {
    for (const block of blocks) {
      console.log(`${place.page}:${block.line}: ${block.mode} ${block.argument}`);
      last = await naming(place, block, executeBlock(block, place, { last, running }));
    }
    for (let newest = running.at(-1); newest !== undefined; newest = running.at(-1)) {
      await naming(place, newest.block, stop(newest));
      running.pop();
    }
  } finally {
    for (const each of running) signalGroup(each, 'SIGKILL');
  }
}

async function executeBlock(
  block: Block,
  place: Place,
  { last, running }: { readonly last: Running | undefined; readonly running: Running[] },
): Promise<Running | undefined> {
  switch (block.mode) {
    case 'shown':
      return last;
    case 'file':
      writeFileSync(join(place.folder, block.argument), `${block.text}\n`);
      return last;
    case 'run':
      return await run(block, place);
    case 'start': {
      const started = start(block, place);
      running.push(started);
      await waitFor(
        started,
        ({ printed }) => printed.includes(block.argument),
        READY_LIMIT_MS,
        `it did not print "${block.argument}"`,
      );
      return started;
    }
    case 'stop': {
      const index = running.findLastIndex((each) => each.block.argument === block.argument);
      const [stopped] = index === -1 ? [] : running.splice(index, 1);
      if (stopped === undefined) throw new Error(`nothing that was started with "${block.argument}" runs`);
      await stop(stopped);
      return stopped;
    }
    case 'output':
      await waitForOutput(block, last);
      return last;
  }
}

function start(block: Block, { folder, environment }: Place): Running {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', block.text], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const running: Running = { block, child, closed: once(child, 'close'), printed: '' };
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    from?.setEncoding('utf8').on('data', (text: string) => {
      running.printed += text;
      to.write(text);
    });
  }
  return running;
}

async function run(block: Block, place: Place): Promise<Running> {
  const running = start(block, place);
  try {
    await within(RUN_LIMIT_MS, 'it did not end', running.closed);
  } finally {
    signalGroup(running, 'SIGKILL');
  }
  const { exitCode } = running.child;
  if (exitCode !== block.exitCode) throw new Error(`it ended with ${exitCode}, not with ${block.exitCode}`);
  return running;
}

/** Looks until something is true, as long as the process runs. */
async function waitFor(
  running: Running,
  is: (running: Running) => boolean,
  limitMs: number,
  failure: string,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!is(running)) {
    if (running.child.exitCode !== null)
      throw new Error(`it ended with ${running.child.exitCode}: ${failure}`);
    if (performance.now() > end) throw new Error(`${failure} within ${limitMs / 1000} s`);
    await new Promise((resolve) => void setTimeout(resolve, LOOK_MS));
  }
}

async function waitForOutput(block: Block, last: Running | undefined): Promise<void> {
  if (last === undefined) throw new Error('there is no block before it that prints something');
  const missing = (): string | undefined => missingLine(block.text, last.printed);
  if (last.block.mode === 'start' && last.child.exitCode === null)
    await waitFor(
      last,
      () => missing() === undefined,
      OUTPUT_LIMIT_MS,
      `line ${last.block.line} did not print this`,
    );
  const line = missing();
  if (line !== undefined) throw new Error(`line ${last.block.line} did not print: ${line}`);
}

async function stop(running: Running): Promise<void> {
  if (running.child.exitCode !== null) throw new Error(`it ended by itself with ${running.child.exitCode}`);
  signalGroup(running, 'SIGTERM');
  // Not before everything that it has started has ended, too: what comes next may move its files away.
  await within(STOP_LIMIT_MS, 'it did not stop', running.closed);
  const { exitCode, signalCode } = running.child;
  // npm passes the signal on to the program, waits for it, and reports either its exit code or the signal.
  if (exitCode !== 0 && exitCode !== 143 && signalCode !== 'SIGTERM')
    throw new Error(`it stopped with ${exitCode}`);
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

async function naming<T>({ page }: Place, { line }: Block, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw new Error(`${page}:${line}: ${(error as Error).message}`, { cause: error });
  }
}
