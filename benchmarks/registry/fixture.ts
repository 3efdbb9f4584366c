import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TaskProcess } from '../harness/child.ts';
import type { StorePlan } from './make-store.ts';
import type { ServerPlan, ServerReady } from './server.ts';

/** Where stores are made: beside the repository's files, so on a disk and not in memory. */
const DATA = join(import.meta.dirname, '.data');
export const ADMIN_TOKEN = 'benchmark-admin-token';
export const DURABILITY = 'batch';

/** A registry in a process of its own. */
export interface RunningServer {
  readonly process: TaskProcess;
  readonly ready: ServerReady;
  /** Milliseconds from the start of the process until it served. */
  readonly readyMs: number;
}

/** What the parts of the benchmark share: folders, and the processes that must be gone in the end. */
export class Fixture {
  readonly #processes = new Set<TaskProcess>();
  readonly #root: string;
  #generator: TaskProcess | undefined;

  private constructor(root: string) {
    this.#root = root;
  }

  static async create(): Promise<Fixture> {
    await mkdir(DATA, { recursive: true });
    return new Fixture(await mkdtemp(join(DATA, 'run-')));
  }

  /** A folder of this run. */
  folder(name: string): string {
    return join(this.#root, name);
  }

  program(name: string, nodeOptions: readonly string[] = []): TaskProcess {
    const started = new TaskProcess(join(import.meta.dirname, name), { nodeOptions });
    this.#processes.add(started);
    return started;
  }

  /** The load generator: one process for the whole run. */
  get generator(): TaskProcess {
    this.#generator ??= this.program('generator.ts');
    return this.#generator;
  }

  async makeStore(name: string, plan: Omit<StorePlan, 'directory'>): Promise<string> {
    const directory = this.folder(name);
    const maker = this.program('make-store.ts');
    await maker.run('make', { ...plan, directory } satisfies StorePlan);
    await this.stop(maker);
    return directory;
  }

  /** Starts a registry with its defaults on a folder, or in memory. */
  async startServer(directory?: string): Promise<RunningServer> {
    const startedAt = performance.now();
    const process = this.program('server.ts', ['--expose-gc']);
    const plan: ServerPlan = { directory, durability: DURABILITY, adminToken: ADMIN_TOKEN };
    const ready = await process.run<ServerReady>('start', plan);
    return { process, ready, readyMs: performance.now() - startedAt };
  }

  async stop(started: TaskProcess): Promise<void> {
    await started.stop();
    this.#processes.delete(started);
  }

  /** Ends a process whose store is not needed any more. */
  async discard(started: TaskProcess): Promise<void> {
    await started.kill();
    this.#processes.delete(started);
  }

  /** Ends what still runs and removes the folders. */
  async close(): Promise<void> {
    await Promise.all([...this.#processes].map((started) => started.kill()));
    await rm(this.#root, { recursive: true, force: true });
  }
}
