import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { ROOT } from './processes.ts';

/** The programs of `interop/discovery`: built, run, and what they say (interop/README.md). */

const run = promisify(execFile);
const MODULE = join(ROOT, 'interop/discovery');

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
export async function go(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('go', args, { cwd: MODULE, timeout: 400_000, maxBuffer: 16 * 1_048_576 });
  return stdout;
}

/** What the Go peer reports. */
export interface PeerReport {
  readonly passed: number;
  readonly failed: number;
  readonly checks: readonly { readonly group: string; readonly name: string; readonly ok: boolean }[];
}

/** Runs the Go peer to its end. */
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

/** Something that the Go indexer, or a companion of it, has observed. */
export interface Observation {
  readonly event: string;
  readonly by: string;
  readonly [member: string]: unknown;
}

/** A Go indexer as a process of its own. */
export class GoIndexer implements AsyncDisposable {
  readonly address: string;
  readonly peerId: string;
  readonly #child: ChildProcess;
  readonly #observations: readonly Observation[];

  private constructor(child: ChildProcess, observations: readonly Observation[], listening: Observation) {
    this.#child = child;
    this.#observations = observations;
    [this.address] = listening['addresses'] as [string];
    this.peerId = listening['peer_id'] as string;
  }

  static async start(program: string, flags: readonly string[]): Promise<GoIndexer> {
    const child = spawn(program, ['indexer', ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
    const observations: Observation[] = [];
    const listening = Promise.withResolvers<Observation>();
    createInterface({ input: child.stdout }).on('line', (line) => {
      const observation = JSON.parse(line) as Observation;
      observations.push(observation);
      if (observation.event === 'listening') listening.resolve(observation);
    });
    child.once('close', (code) => listening.reject(new Error(`the Go indexer ended with ${code}`)));
    return new GoIndexer(child, observations, await listening.promise);
  }

  /** What it has observed that has these members. */
  observed(members: Readonly<Record<string, unknown>>): readonly Observation[] {
    const wanted = Object.entries(members);
    return this.#observations.filter((one) => wanted.every(([name, value]) => one[name] === value));
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
