import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SOURCE = join(import.meta.dirname, 'echo');
const BUILD = join(import.meta.dirname, '.build');

/** The plain Go echo server, the yardstick. */
export class EchoServer {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Builds and starts it; undefined when there is no Go to build it with. */
  static async start(): Promise<EchoServer | undefined> {
    const program = join(BUILD, 'echo');
    await mkdir(BUILD, { recursive: true });
    try {
      await run('go', ['build', '-o', program, '.'], { cwd: SOURCE });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    return new EchoServer(child, Number(line));
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    this.#child.kill();
    await ended;
  }
}
