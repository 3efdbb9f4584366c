import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const BIN = join(import.meta.dirname, '../../packages/muster/bin/muster.mjs');

/** `muster node run` as users run it: a process of its own, nothing of the benchmark in it. */
export class NodeProgram {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'exit');
  }

  /** Resolves when it says that it runs. Rejects when it ends before. */
  static async start(flags: Readonly<Record<string, string>>): Promise<NodeProgram> {
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    const child = spawn(process.execPath, [BIN, 'node', 'run', '--json', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, OC_TEST: '1' },
    });
    const program = new NodeProgram(child);
    const { stdout } = child;
    if (stdout === null) throw new Error('no output of the program');
    const lines = createInterface(stdout);
    const first = await Promise.race([once(lines, 'line'), program.#ended]);
    if (typeof first !== 'object' || !String((first as readonly unknown[])[0]).startsWith('{'))
      throw new Error(`muster node run ended with ${child.exitCode}`);
    return program;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Asks it to stop. Resolves with how long that took, and its exit code. */
  async stop(): Promise<{ readonly ms: number; readonly code: number | null }> {
    const askedAt = performance.now();
    this.#child.kill('SIGTERM');
    await this.#ended;
    return { ms: performance.now() - askedAt, code: this.#child.exitCode };
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
