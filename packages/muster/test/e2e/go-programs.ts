import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { ROOT } from './processes.ts';

/** The programs of `interop/`: built, run, and what they say (interop/README.md). */

const run = promisify(execFile);

/** The modules that libp2p is downloaded for. */
export type GoModule = 'coordination' | 'discovery';

/** Whether there is Go; MUSTER_REQUIRE_PROGRAMS=1 says that the machine must have it. */
export function hasGo(): boolean {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return process.env['MUSTER_REQUIRE_PROGRAMS'] === '1';
  }
}

/** Runs `go <args>` in the module. The first time downloads and compiles what it imports. */
export async function go(module: GoModule, ...args: readonly string[]): Promise<string> {
  const cwd = join(ROOT, 'interop', module);
  const { stdout } = await run('go', args, { cwd, timeout: 400_000, maxBuffer: 16 * 1_048_576 });
  return stdout;
}

/** What a Go peer reports. */
export interface PeerReport {
  readonly passed: number;
  readonly failed: number;
  readonly checks: readonly { readonly group: string; readonly name: string; readonly ok: boolean }[];
}

/** Runs a Go peer to its end. */
export async function drive(
  program: string,
  flags: Readonly<Record<string, string>>,
): Promise<{ code: number; report: PeerReport }> {
  const args = Object.entries(flags).map(([flag, value]) => `-${flag}=${value}`);
  const options = { timeout: 240_000, maxBuffer: 16 * 1_048_576 };
  const { stdout, code } = await run(program, ['peer', '-json', ...args], options).then(
    (done) => ({ ...done, code: 0 }),
    (error: { stdout: string; code: number }) => error,
  );
  return { code, report: JSON.parse(stdout) as PeerReport };
}

/** Something that a Go server has observed. */
export interface Observation {
  readonly event: string;
  readonly [member: string]: unknown;
}

/** A Go program that serves, as a process of its own. */
export class GoServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #observations: Observation[] = [];
  /** Waiting for the answers to commands, in their order. */
  readonly #told: PromiseWithResolvers<Observation>[] = [];
  readonly #started = Promise.withResolvers<Observation>();
  #listening: Observation = { event: '' };

  private constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout as Readable }).on('line', (line) => {
      const observation = JSON.parse(line) as Observation;
      this.#observations.push(observation);
      if (observation.event === 'listening') this.#started.resolve(observation);
      if (observation.event === 'done') this.#told.shift()?.resolve(observation);
    });
    this.#child.once('close', (code) => {
      const error = new Error(`a Go server ended with ${code}`);
      this.#started.reject(error);
      for (const { reject } of this.#told.splice(0)) reject(error);
    });
  }

  static async start(program: string, args: readonly string[]): Promise<GoServer> {
    const server = new GoServer(program, args);
    server.#listening = await server.#started.promise;
    return server;
  }

  /** Multiaddr with `/p2p`. */
  get address(): string {
    return (this.#listening['addresses'] as [string])[0];
  }

  get peerId(): string {
    return this.#listening['peer_id'] as string;
  }

  /** `host:port` of its transfer endpoint, if it has one. */
  get transfer(): string {
    return this.#listening['transfer'] as string;
  }

  /** What it has observed that has these members. */
  observed(members: Readonly<Record<string, unknown>>): readonly Observation[] {
    const wanted = Object.entries(members);
    return this.#observations.filter((one) => wanted.every(([name, value]) => one[name] === value));
  }

  /** Gives it a command; resolves when it has been obeyed. */
  async tell(command: Readonly<Record<string, unknown>>): Promise<Observation> {
    const done = Promise.withResolvers<Observation>();
    this.#told.push(done);
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    return await done.promise;
  }

  /** Ends its input; resolves with its exit code. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null) {
      this.#child.stdin?.end();
      await once(this.#child, 'close');
    }
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
