/** Mirrors as processes, on ports that the system hands out, which know one another through a folder (25.3). */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processFigures, type ProcessFigures } from '../../harness/child.ts';
import { endWithUs } from './children.ts';
import { Samples } from './metrics.ts';

const PROGRAM = join(import.meta.dirname, '../../../packages/muster/bin/muster.mjs');
const PACKED = join(import.meta.dirname, 'packed-agents.ts');
const POLL_MS = 100;
const STOP_MS = 15_000;
/** How often the laboratory carries announcements from one folder to another, for views that differ. */
const CARRY_MS = 1_000;

/** Settings of an agent under the names of its configuration file. */
export type AgentSettings = Readonly<Record<string, unknown>>;

export interface FleetPlan {
  readonly folder: string;
  readonly count: number;
  /** `http://host:port`. */
  readonly origin: string;
  /** Name of the registry, as clients put it before `/repository`. @default `lab` */
  readonly registryName?: string;
  readonly credentialsFile?: string;
  readonly settings?: AgentSettings | ((index: number) => AgentSettings);
  /** Whether an agent sees another; each then has a view of its own. @default all see all */
  readonly sees?: (viewer: number, seen: number) => boolean;
  /** Program that runs an agent with `--config <file>`. @default `muster mirror run` */
  readonly program?: (index: number) => readonly string[];
  /** How many agents share a process, where a machine has not the cores for so many; they end together. @default 1 */
  readonly perProcess?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** What an agent says when it runs. */
interface ReadyLine {
  readonly mirror: string;
  readonly transfer: string;
  readonly ops: string;
  readonly nodeId: string;
  readonly peerId: string;
  /** Multiaddrs of its peer network. */
  readonly addresses: readonly string[];
}

/** One agent. */
export class MirrorAgent {
  readonly index: number;
  readonly name: string;
  readonly folder: string;
  readonly #start: () => ChildProcess;
  #child: ChildProcess | undefined;
  #ready: ReadyLine | undefined;

  constructor(index: number, folder: string, start: () => ChildProcess) {
    this.index = index;
    this.name = nameOf(index);
    this.folder = folder;
    this.#start = start;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** `http://host:port` of its mirror. */
  get mirror(): string {
    return `http://${this.#running().mirror}`;
  }

  /** `host:port` of its transfer endpoint. */
  get transfer(): string {
    return this.#running().transfer;
  }

  get ops(): string {
    return `http://${this.#running().ops}`;
  }

  get nodeId(): string {
    return this.#running().nodeId;
  }

  get peerId(): string {
    return this.#running().peerId;
  }

  get addresses(): readonly string[] {
    return this.#running().addresses;
  }

  get cacheFolder(): string {
    return join(this.folder, 'cache');
  }

  /** Starts it; resolves when it has said that it runs. */
  async start(): Promise<void> {
    const child = this.#start();
    this.#child = child;
    this.#ready = undefined;
    logTo(child, this.folder);
    [this.#ready] = (await firstLines(child, this.folder, 1)) as [ReadyLine];
  }

  /** Takes a process that runs it, among others. */
  adopt(child: ChildProcess, ready: ReadyLine): void {
    this.#child = child;
    this.#ready = ready;
  }

  /** Whether it says that it is ready, and its mirror has opened. */
  async isReady(): Promise<boolean> {
    for (const url of [`${this.ops}/readyz`, `${this.mirror}/v2/`]) {
      const answer = await fetch(url).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.status !== 200) return false;
    }
    return true;
  }

  async metricsText(): Promise<string> {
    return await (await fetch(`${this.ops}/metrics`)).text();
  }

  async metrics(): Promise<Samples> {
    return Samples.parse(await this.metricsText());
  }

  /** Its `/debug/state`, with the ranks of a digest if one is given. */
  async state(digest?: string): Promise<unknown> {
    const query = digest === undefined ? '' : `?digest=${digest}`;
    return await (await fetch(`${this.ops}/debug/state${query}`)).json();
  }

  figures(): ProcessFigures {
    return processFigures(this.pid);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child?.kill(signal);
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends it as an operator does. */
  async stop(): Promise<void> {
    this.signal('SIGCONT');
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    const ended = once(child, 'close');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }

  #running(): ReadyLine {
    if (this.#ready === undefined) throw new Error(`${this.name} has not been started`);
    return this.#ready;
  }
}

/** All agents of a laboratory. */
export class MirrorFleet implements AsyncDisposable {
  readonly agents: readonly MirrorAgent[];
  readonly #plan: FleetPlan;
  readonly #carriers = new AbortController();
  #carrying: Promise<void> | undefined;
  #sees: FleetPlan['sees'];

  private constructor(plan: FleetPlan, agents: readonly MirrorAgent[]) {
    this.#plan = plan;
    this.agents = agents;
    this.#sees = plan.sees;
  }

  /** Writes the configurations; nothing runs yet. */
  static async make(plan: FleetPlan): Promise<MirrorFleet> {
    const agents = Array.from({ length: plan.count }, (_, index) => {
      const folder = join(plan.folder, nameOf(index));
      return new MirrorAgent(index, folder, () => startProcess(plan, index, folder));
    });
    for (const agent of agents) {
      await mkdir(agent.folder, { recursive: true });
      await mkdir(viewFolder(plan, agent.index), { recursive: true });
      await writeFile(configFile(agent.folder), JSON.stringify(configOf(plan, agent)));
    }
    return new MirrorFleet(plan, agents);
  }

  /** Starts all, and waits until all are ready and see all that they are to see. */
  static async start(plan: FleetPlan, withinMs = 120_000): Promise<MirrorFleet> {
    const fleet = await MirrorFleet.make(plan);
    try {
      await fleet.#startAll();
      fleet.#carryViews();
      await fleet.untilReady(withinMs);
      return fleet;
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #startAll(): Promise<void> {
    const { perProcess = 1 } = this.#plan;
    if (perProcess === 1) {
      await Promise.all(this.agents.map((agent) => agent.start()));
      return;
    }
    const groups = Math.ceil(this.agents.length / perProcess);
    await Promise.all(
      Array.from({ length: groups }, async (_, index) =>
        startPacked(this.#plan, this.agents.slice(index * perProcess, (index + 1) * perProcess)),
      ),
    );
  }

  /** The agent of this index, counted from 0. */
  at(index: number): MirrorAgent {
    const agent = this.agents[index];
    if (agent === undefined) throw new RangeError(`no agent ${index}`);
    return agent;
  }

  /** Lets views be others from now on. */
  see(sees: NonNullable<FleetPlan['sees']>): void {
    if (this.#plan.sees === undefined) throw new Error('all agents share one folder');
    this.#sees = sees;
  }

  /** Waits until all are ready and their members are as many as they are to see. */
  async untilReady(withinMs: number): Promise<void> {
    for (const agent of this.agents) {
      const seen = this.agents.filter(
        ({ index }) => index === agent.index || this.#sees?.(agent.index, index) !== false,
      );
      await until(
        async () => {
          if (!(await agent.isReady())) return false;
          return (await agent.metrics()).sum('gantry_members', { view: 'ready' }) >= seen.length;
        },
        withinMs,
        `${agent.name} is not ready`,
      );
    }
  }

  /** What all running agents measured. */
  async metrics(): Promise<Samples> {
    const running = this.agents.filter(({ isRunning }) => isRunning);
    return Samples.parse(...(await Promise.all(running.map((agent) => agent.metricsText()))));
  }

  /** Memory and processor time of the processes of the running agents. */
  figures(): readonly ProcessFigures[] {
    const running = this.agents.filter(({ isRunning }) => isRunning);
    return [...new Set(running.map(({ pid }) => pid))].map(processFigures);
  }

  /** The runtimes of the driver: one for each agent. */
  runtimes(agents = this.agents): readonly { readonly name: string; readonly base: string }[] {
    return agents.map(({ name, mirror }) => ({ name, base: mirror }));
  }

  /** Empties the stores of these agents, which must not run. */
  async emptyStores(agents = this.agents): Promise<void> {
    for (const { cacheFolder } of agents) await rm(cacheFolder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#carriers.abort();
    await this.#carrying;
    await Promise.all(
      this.agents.map(async (agent) => {
        agent.signal('SIGCONT');
        await agent.kill();
      }),
    );
  }

  #carryViews(): void {
    if (this.#plan.sees === undefined) return;
    const { signal } = this.#carriers;
    this.#carrying = (async () => {
      while (!signal.aborted) {
        await this.#carry();
        await sleep(CARRY_MS, undefined, { signal }).catch(() => {});
      }
    })();
  }

  /** Copies each agent's own entry to those that are to see it. */
  async #carry(): Promise<void> {
    for (const seen of this.agents) {
      const from = viewFolder(this.#plan, seen.index);
      const names = await readdir(from).catch(() => []);
      const own = names.find((name) => decodeURIComponent(name) === `${seen.nodeId}.json`);
      if (own === undefined) continue;
      for (const viewer of this.agents) {
        if (viewer === seen || this.#sees?.(viewer.index, seen.index) === false) continue;
        await copyFile(join(from, own), join(viewFolder(this.#plan, viewer.index), own)).catch(() => {});
      }
    }
  }
}

/** Waits until it is so; rejects when it does not come about in time. */
export async function until(
  isSo: () => Promise<boolean> | boolean,
  withinMs: number,
  otherwise: string,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() >= end) throw new Error(`${otherwise} within ${withinMs} ms`);
    await sleep(POLL_MS);
  }
}

function nameOf(index: number): string {
  return `n${String(index).padStart(3, '0')}`;
}

function viewFolder({ folder, sees }: FleetPlan, index: number): string {
  return sees === undefined ? join(folder, 'members') : join(folder, nameOf(index), 'members');
}

function configOf(plan: FleetPlan, { index, folder, cacheFolder }: MirrorAgent): AgentSettings {
  const { origin, registryName = 'lab', credentialsFile, settings = {} } = plan;
  return {
    mirror_listen: '127.0.0.1:0',
    transfer_listen: '127.0.0.1:0',
    metrics_listen: '127.0.0.1:0',
    libp2p_listen: ['/ip4/127.0.0.1/tcp/0'],
    libp2p_identity_path: join(folder, 'identity.key'),
    cache_dir: cacheFolder,
    members_source: 'file',
    members_announce_dir: viewFolder(plan, index),
    upstream_registries: [
      {
        name: registryName,
        endpoint: origin,
        ...(credentialsFile === undefined ? {} : { credentials_path: credentialsFile }),
      },
    ],
    log_level: 'warn',
    ...(typeof settings === 'function' ? settings(index) : settings),
  };
}

function startProcess(plan: FleetPlan, index: number, folder: string): ChildProcess {
  const command = plan.program?.(index) ?? [process.execPath, PROGRAM, 'mirror', 'run'];
  return spawnAgents(plan, [...command, '--config', configFile(folder), '--json'], folder);
}

/** Starts a process that runs all of these. */
async function startPacked(plan: FleetPlan, agents: readonly MirrorAgent[]): Promise<void> {
  const folder = agents[0]?.folder ?? plan.folder;
  const files = agents.map((agent) => configFile(agent.folder));
  const child = spawnAgents(plan, [process.execPath, '--conditions=muster-source', PACKED, ...files], folder);
  logTo(child, folder);
  const lines = await firstLines(child, folder, agents.length);
  for (const [index, agent] of agents.entries()) agent.adopt(child, lines[index] as ReadyLine);
}

function configFile(folder: string): string {
  return join(folder, 'config.yml');
}

function spawnAgents(plan: FleetPlan, command: readonly string[], folder: string): ChildProcess {
  const [program = '', ...args] = command;
  const { NODE_OPTIONS: _, ...environment } = process.env;
  const child = spawn(program, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment, ...plan.environment },
  });
  return endWithUs(child);
}

function logTo(child: ChildProcess, folder: string): void {
  child.stderr?.pipe(createWriteStream(join(folder, 'log'), { flags: 'a' }));
}

/** The first `count` lines that it prints, one for each of its agents. */
async function firstLines(child: ChildProcess, folder: string, count: number): Promise<readonly ReadyLine[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
  let text = '';
  child.stdout?.setEncoding('utf8');
  child.stdout?.on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n').slice(0, -1);
    if (lines.length >= count) resolve(lines.slice(0, count));
  });
  child.once('error', reject);
  child.once('close', (code, signal) => {
    void readFile(join(folder, 'log'), 'utf8')
      .catch(() => '')
      .then((log) => reject(new Error(`an agent ended with ${signal ?? code}: ${log.slice(-2_000)}`)));
  });
  return (await promise).map((line) => JSON.parse(line) as ReadyLine);
}
