import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../registry/support.ts';

export const ADMIN_TOKEN = 'e2e-admin-token';
const PROGRAM = join(import.meta.dirname, '../../../../muster/bin/muster.mjs');

export interface ServeOptions {
  /** Data folder; undefined keeps everything in memory. */
  readonly directory?: string | undefined;
  /** Further arguments of `muster registry serve`. */
  readonly args?: readonly string[];
  /** Commands for the shell that starts the server, such as `ulimit -f 100`. */
  readonly shell?: string;
  /** How long a start may take. @default 60_000 */
  readonly readyWithinMs?: number;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface ReadyEvent {
  readonly event: 'ready';
  readonly pid: number;
  readonly address: string;
  readonly http: string;
}

/** `muster registry serve` in a process of its own. */
export class ServerProcess implements AsyncDisposable {
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #output = '';
  #errors = '';
  #exit: Exit | undefined;
  #ready: ReadyEvent | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  /** Starts a server; resolves when it serves, throws with what it printed when it ends before that. */
  static async start(options: ServeOptions = {}): Promise<ServerProcess> {
    const server = ServerProcess.spawn(options);
    await eventually(
      () => server.#output.includes('\n') || server.#exit !== undefined,
      'the server is ready',
      options.readyWithinMs ?? 60_000,
    );
    if (!server.#output.includes('"ready"')) throw new Error(`the server ended: ${server.#errors}`);
    server.#ready = JSON.parse(server.#output.split('\n', 1)[0] as string) as ReadyEvent;
    return server;
  }

  /** Starts a server and does not wait for it. */
  static spawn({ directory, args = [], shell }: ServeOptions = {}): ServerProcess {
    const settings = [
      ['--registry-addr', '127.0.0.1:0', '--http', '127.0.0.1:0', '--admin-token', ADMIN_TOKEN],
      directory === undefined ? ['--in-memory'] : ['--data', directory],
      args,
    ].flat();
    const command = [process.execPath, PROGRAM, 'registry', 'serve', '--json'].concat(settings);
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    // With exec the process that is signalled is the server itself.
    const child =
      shell === undefined
        ? spawn(command[0] as string, command.slice(1), { stdio: [...stdio] })
        : spawn('bash', ['-c', `${shell}; exec "$@"`, 'bash', ...command], { stdio: [...stdio] });
    return new ServerProcess(child);
  }

  get port(): number {
    return Number(this.#ready?.address.split(':').at(-1));
  }

  get httpPort(): number {
    return Number(this.#ready?.http.split(':').at(-1));
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** What it has written to the standard error so far. */
  get errors(): string {
    return this.#errors;
  }

  /** Resident memory in bytes. */
  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to stop, and resolves with how it ended. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.exited;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<Exit> {
    this.signal('SIGKILL');
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exit === undefined) await this.kill();
  }
}
