import type { Lifecycle } from '@muster/core';
import { type CliIo, runCli } from '../../src/index.ts';

/** What the command line wrote, and how it ended. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A stand-in for the process: keeps what is written, and stops what runs when told to. */
export class TestIo implements CliIo {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  readonly launcher = 'muster';
  readonly stdout: CliIo['stdout'];
  readonly stderr: CliIo['stderr'];
  readonly logs = { write: (line: string): void => void this.logLines.push(line) };
  readonly logLines: string[] = [];
  readonly #closing = new AbortController();
  readonly #written = { stdout: '', stderr: '' };
  readonly #lifecycles = new Set<Lifecycle>();
  readonly #reloads = new Set<() => void>();
  readonly #waiting = new Set<() => void>();

  constructor(
    options: {
      readonly environment?: Readonly<Record<string, string>>;
      readonly homeDirectory?: string;
      readonly isTerminal?: boolean;
    } = {},
  ) {
    this.environment = options.environment ?? {};
    this.homeDirectory = options.homeDirectory ?? '/nonexistent';
    const isTerminal = options.isTerminal ?? false;
    this.stdout = this.#output('stdout', isTerminal);
    this.stderr = this.#output('stderr', isTerminal);
  }

  stopOnSignals(lifecycle: Lifecycle): () => void {
    this.#lifecycles.add(lifecycle);
    return () => void this.#lifecycles.delete(lifecycle);
  }

  onReload(callback: () => void): () => void {
    this.#reloads.add(callback);
    return () => void this.#reloads.delete(callback);
  }

  /** As SIGTERM. */
  stop(): void {
    for (const lifecycle of this.#lifecycles) void lifecycle.stop('test');
  }

  /** As SIGHUP. */
  reload(): void {
    for (const callback of this.#reloads) callback();
  }

  /** As a reader of the standard output that goes away. */
  closeOutput(): void {
    this.#closing.abort();
  }

  get written(): { readonly stdout: string; readonly stderr: string } {
    return this.#written;
  }

  /** Resolves with the standard output once it holds `text`. */
  async printed(text: string): Promise<string> {
    while (!this.#written.stdout.includes(text)) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    return this.#written.stdout;
  }

  #output(name: 'stdout' | 'stderr', isTerminal: boolean): CliIo['stdout'] {
    return {
      isTerminal,
      closed: this.#closing.signal,
      write: (text) => {
        this.#written[name] += text;
        for (const resolve of this.#waiting) resolve();
        this.#waiting.clear();
      },
    };
  }
}

/** Runs a command line to its end. */
export async function run(args: readonly string[], io = new TestIo()): Promise<Outcome> {
  const exitCode = await runCli(args, io);
  return { exitCode, ...io.written };
}

/** What the one line of an error in JSON says. */
export function errorOf({ stderr }: Outcome): {
  code: string;
  message: string;
  hint?: string;
  refusal?: string;
} {
  return (JSON.parse(stderr) as { error: { code: string; message: string; hint?: string } }).error;
}
