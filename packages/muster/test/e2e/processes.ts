import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Ready } from '../support/running-registry.ts';

/** The checkout. */
export const ROOT = dirname(fileURLToPath(new URL('../../../../package.json', import.meta.url)));
const BIN = join(ROOT, 'packages/muster/bin/muster.mjs');

/** The environment of a newcomer's shell: nothing of npm or of this test. */
export function plainEnvironment(home: string): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|MUSTER_|NODE_|VITEST|RENDEZVOUS_|PILOT_|OC_|OCDISCOVERY_)/i.test(name),
  );
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'));
  return { ...Object.fromEntries(others), HOME: home, PATH: path.join(delimiter) };
}

/** A started process: what it has written so far, and how it ends. */
export class Started implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #group: boolean;
  readonly #exited: Promise<unknown>;
  readonly #waiting = new Set<() => void>();
  stdout = '';
  stderr = '';

  constructor(
    command: string,
    args: readonly string[],
    options: {
      readonly home: string;
      readonly group?: boolean;
      readonly uid?: number | undefined;
      readonly environment?: Readonly<Record<string, string>>;
    },
  ) {
    this.#group = options.group ?? false;
    this.child = spawn(command, args, {
      cwd: ROOT,
      env: { ...plainEnvironment(options.home), ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: this.#group,
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    });
    this.#exited = once(this.child, 'close');
    this.child.stdout?.on('data', (data: Buffer) => this.#add('stdout', data));
    this.child.stderr?.on('data', (data: Buffer) => this.#add('stderr', data));
    this.child.once('close', () => this.#wake());
  }

  /** Resolves once the standard output holds `text`; rejects when the process ends before. */
  async printed(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`ended with ${this.child.exitCode} before it printed ${text}: ${this.stderr}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** The line of a registry that is ready. */
  async ready(): Promise<Ready> {
    await this.printed('\n');
    return JSON.parse(this.stdout.slice(0, this.stdout.indexOf('\n'))) as Ready;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#group) process.kill(-(this.child.pid as number), signal);
    else this.child.kill(signal);
  }

  /** Resolves with the exit code, or the signal that ended it. */
  async ended(): Promise<number | NodeJS.Signals | null> {
    await this.#exited;
    return this.child.exitCode ?? this.child.signalCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.signal('SIGKILL');
    await this.#exited;
  }

  #add(stream: 'stdout' | 'stderr', data: Buffer): void {
    this[stream] += data.toString();
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** Starts `muster <args>` with the Node that runs this test. */
export function muster(
  args: readonly string[],
  home: string,
  uid?: number,
  environment: Readonly<Record<string, string>> = {},
): Started {
  return new Started(process.execPath, [BIN, ...args], { home, uid, environment });
}

/** Starts a line of shell. */
export function shell(line: string, home: string): Started {
  return new Started('bash', ['-c', line], { home, group: true });
}

/** `muster <args>`, quoted for a line of shell. */
export function musterLine(args: readonly string[]): string {
  return [process.execPath, BIN, ...args].map((word) => `'${word}'`).join(' ');
}
