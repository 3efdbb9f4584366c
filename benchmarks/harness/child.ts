import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const CLOCK_TICKS_PER_SECOND = 100;
/** Compiled modules, as the launcher of the program keeps them: so starts are those of an installed program. */
const COMPILE_CACHE = join(import.meta.dirname, '..', 'registry', '.build', 'compile-cache');
const STOP_TIMEOUT_MS = 20_000;

/** A request to a process of the benchmark, and its answer. */
export interface TaskMessage {
  readonly id: number;
  readonly task: string;
  readonly input: unknown;
}

interface TaskAnswer {
  readonly id: number;
  readonly output?: unknown;
  readonly error?: string;
}

/** A process of the benchmark that works off tasks, one Node program in a process of its own. */
export class TaskProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve: (output: unknown) => void; reject: (error: Error) => void }
  >();
  #nextId = 1;
  #exited = false;

  constructor(program: string, options: { readonly nodeOptions?: readonly string[] } = {}) {
    this.#child = fork(program, [], {
      execArgv: ['--conditions=muster-source', ...(options.nodeOptions ?? [])],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
    });
    this.#child.on('message', (answer: TaskAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.error === undefined) waiting?.resolve(answer.output);
      else waiting?.reject(new Error(`${program}: ${answer.error}`));
    });
    this.#child.on('exit', (code, signal) => {
      this.#exited = true;
      const error = new Error(`${program} ended (${signal ?? code})`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Has a task done; rejects with the text of what went wrong. */
  run<T>(task: string, input: unknown = undefined): Promise<T> {
    if (this.#exited) return Promise.reject(new Error(`${task}: the process has ended`));
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: (output) => resolve(output as T), reject });
      this.#child.send({ id, task, input } satisfies TaskMessage);
    });
  }

  /** Ends the process at once: nobody needs what it would still write. */
  async kill(): Promise<void> {
    if (this.#exited) return;
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** Ends the process: asks it to, and after a while makes it. */
  async stop(): Promise<void> {
    if (this.#exited) return;
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#child.disconnect();
    await ended;
    clearTimeout(timer);
  }
}

/** The other side of {@link TaskProcess}: works off the tasks that arrive, and ends with the channel. */
export function serveTasks(
  tasks: Readonly<Record<string, (input: never) => unknown>>,
  end: () => unknown = () => {},
): void {
  process.on('message', (message: TaskMessage) => void answer(tasks, message));
  process.on('disconnect', () => {
    void (async () => {
      await end();
      process.exit(0);
    })();
  });
}

async function answer(
  tasks: Readonly<Record<string, (input: never) => unknown>>,
  message: TaskMessage,
): Promise<void> {
  const { id, task, input } = message;
  try {
    const handler = tasks[task];
    if (handler === undefined) throw new Error(`unknown task ${task}`);
    process.send?.({ id, output: await handler(input as never) });
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.send?.({ id, error: `${task}: ${text}` });
  }
}

/** What the kernel says of a process (Linux; 0 where it does not say). */
export interface ProcessFigures {
  readonly residentBytes: number;
  /** The most that was resident since the process began. */
  readonly peakBytes: number;
  readonly cpuSeconds: number;
  /** Bytes that went to storage. */
  readonly writtenBytes: number;
}

export function processFigures(pid: number): ProcessFigures {
  const status = readProcess(pid, 'status');
  const io = readProcess(pid, 'io');
  const stat = readProcess(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ');
  const ticks = Number(stat[11] ?? 0) + Number(stat[12] ?? 0);
  return {
    residentBytes: numberAfter(status, 'VmRSS:') * 1024,
    peakBytes: numberAfter(status, 'VmHWM:') * 1024,
    cpuSeconds: ticks / CLOCK_TICKS_PER_SECOND,
    writtenBytes: numberAfter(io, '\nwrite_bytes:'),
  };
}

function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function numberAfter(text: string, label: string): number {
  const at = text.indexOf(label);
  return at < 0 ? 0 : Number.parseInt(text.slice(at + label.length).trimStart(), 10);
}
