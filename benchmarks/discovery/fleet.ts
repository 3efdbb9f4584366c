import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemRandom } from '@muster/core';
import { createKeyPair, Psk } from '@muster/discovery/keys';
import { TaskProcess } from '../harness/child.ts';
import type { HostPlan, HostReady, Traffic } from './fleet-process.ts';
import { now } from './now.ts';
import type { PoolState } from './timeline.ts';

/** How a fleet is made up. */
export interface FleetPlan {
  readonly folder: string;
  readonly indexers: number;
  readonly nodes: number;
  /** Processes that share the hosts in turn. @default one for each host */
  readonly processes?: number;
  /** The nodes know the first so many indexers each, instead of one of all in turn. */
  readonly seedIndexers?: number;
  /** Multiplies every duration of the protocols. @default 1 */
  readonly timeScale?: number;
  readonly nodeFlags?: Readonly<Record<string, string>>;
  readonly indexerFlags?: Readonly<Record<string, string>>;
}

/** One host of a fleet, and the process that it is in. */
export interface Member {
  readonly name: string;
  readonly isIndexer: boolean;
  readonly peer: string;
  readonly plan: HostPlan;
  /** Undefined before the start and after the end. */
  process: TaskProcess;
  did: string;
}

const POLL_MS = 100;

/** Waits until it is so; returns whether it came about in time. */
export async function until(isSo: () => Promise<boolean> | boolean, withinMs: number): Promise<boolean> {
  const end = now() + withinMs;
  while (!(await isSo())) {
    if (now() >= end) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Indexers and nodes on the loopback, with keys and a pre-shared key of their own. */
export class Fleet {
  readonly members: readonly Member[];
  readonly pskPath: string;
  readonly #plan: FleetPlan;
  #startedAt = 0;

  private constructor(plan: FleetPlan, pskPath: string, members: readonly Member[]) {
    this.#plan = plan;
    this.pskPath = pskPath;
    this.members = members;
  }

  /** Makes keys and processes, and loads the program in each; no host runs yet. */
  static async make(plan: FleetPlan): Promise<Fleet> {
    await mkdir(plan.folder, { recursive: true });
    const pskPath = join(plan.folder, 'psk.key');
    await writeFile(pskPath, Psk.generate(systemRandom).toText(), { mode: 0o600 });
    const hosts = await planHosts(plan, pskPath);
    const processes = Array.from({ length: plan.processes ?? hosts.length }, startProcess);
    const members = hosts.map((host, index) => ({
      ...host,
      process: processes[index % processes.length] as TaskProcess,
      did: '',
    }));
    const fleet = new Fleet(plan, pskPath, members);
    await Promise.all(processes.map((process) => process.run('load')));
    return fleet;
  }

  get indexers(): readonly Member[] {
    return this.members.filter(({ isIndexer }) => isIndexer);
  }

  get nodes(): readonly Member[] {
    return this.members.filter(({ isIndexer }) => !isIndexer);
  }

  get processes(): readonly TaskProcess[] {
    return [...new Set(this.members.map(({ process }) => process))];
  }

  /** When the first host was told to start, in milliseconds since the epoch. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** Starts all hosts at once. Resolves with the seconds that it took until the last was up. */
  async start(): Promise<number> {
    this.#startedAt = now();
    await Promise.all(this.processes.map((process) => this.#startIn(process)));
    return (now() - this.#startedAt) / 1000;
  }

  /** Starts a member that was killed again, in a new process. */
  async restart(member: Member): Promise<void> {
    member.process = startProcess();
    await this.#startIn(member.process);
  }

  async #startIn(process: TaskProcess): Promise<void> {
    const here = this.members.filter((member) => member.process === process);
    const ready = await process.run<readonly HostReady[]>(
      'start',
      here.map(({ plan }) => plan),
    );
    for (const { name, did } of ready) {
      const member = here.find((one) => one.name === name);
      if (member !== undefined) member.did = did;
    }
  }

  /** How the pools of the nodes have changed, by name. */
  async timelines(): Promise<Readonly<Record<string, readonly PoolState[]>>> {
    const names = new Set(this.nodes.map(({ name }) => name));
    const processes = [...new Set(this.nodes.map(({ process }) => process))];
    const all = await Promise.all(
      processes.map((process) => process.run<Record<string, readonly PoolState[]>>('timelines')),
    );
    return Object.fromEntries(
      all.flatMap(Object.entries).filter(([name]) => names.has(name as string)),
    ) as Record<string, readonly PoolState[]>;
  }

  /** Waits until the pool of each node is so. Returns whether it came about. */
  async untilPools(isSo: (state: PoolState) => boolean, withinMs: number): Promise<boolean> {
    return await until(async () => {
      const timelines = Object.values(await this.timelines());
      return timelines.every((timeline) => {
        const last = timeline.at(-1);
        return last !== undefined && isSo(last);
      });
    }, withinMs);
  }

  async traffic(members: readonly Member[]): Promise<readonly Traffic[]> {
    const processes = [...new Set(members.map(({ process }) => process))];
    return await Promise.all(processes.map((process) => process.run<Traffic>('traffic')));
  }

  /** Address of a member as a seed, with `/p2p`. */
  addressOf({ plan, peer }: Member): string {
    return `/ip4/127.0.0.1/tcp/${plan.flags['node-endpoint-port']}/p2p/${peer}`;
  }

  /** Flags for `muster node run` of one more member that is seeded on all indexers. */
  guestFlags(name: string): Readonly<Record<string, string>> {
    const seeds = this.indexers.map((indexer) => this.addressOf(indexer)).join(',');
    return {
      ...commonFlags(this.#plan, this.pskPath, name),
      'node-mode': 'node',
      'indexer-addresses': seeds,
    };
  }

  /** Ends all processes at once. */
  async close(): Promise<void> {
    await Promise.all(
      this.processes.map(async (process) => {
        // One that is stopped ends all the same.
        await process.kill();
      }),
    );
  }
}

function startProcess(): TaskProcess {
  return new TaskProcess(join(import.meta.dirname, 'fleet-process.ts'));
}

type PlannedHost = Omit<Member, 'process' | 'did'>;

async function planHosts(plan: FleetPlan, pskPath: string): Promise<readonly PlannedHost[]> {
  const { indexers, nodes } = plan;
  const names = Array.from({ length: indexers + nodes }, (_, index) =>
    index < indexers ? `indexer-${index + 1}` : `node-${index - indexers + 1}`,
  );
  const ports = await freePorts(names.length);
  const peers = await Promise.all(
    names.map(async (name) => {
      const folder = join(plan.folder, name);
      await mkdir(folder, { recursive: true });
      const paths = {
        privateKeyPath: join(folder, 'private.pem'),
        publicKeyPath: join(folder, 'public.pem'),
      };
      return (await createKeyPair(paths)).peerId;
    }),
  );
  const addresses = peers.slice(0, indexers).map((peer, i) => `/ip4/127.0.0.1/tcp/${ports[i]}/p2p/${peer}`);
  return names.map((name, index) => {
    const isIndexer = index < indexers;
    const flags = {
      ...commonFlags(plan, pskPath, name),
      'node-mode': isIndexer ? 'indexer' : 'node',
      'node-endpoint-port': String(ports[index]),
      'indexer-addresses': seedsOf(plan, addresses, index).join(','),
      ...(isIndexer ? plan.indexerFlags : plan.nodeFlags),
    };
    return { name, isIndexer, peer: peers[index] as string, plan: { name, flags } };
  });
}

/** Indexers know one another; a node knows one indexer, or the first few. */
function seedsOf(
  { indexers, seedIndexers }: FleetPlan,
  addresses: readonly string[],
  index: number,
): readonly string[] {
  if (index < indexers) return addresses.filter((_, other) => other !== index);
  if (seedIndexers !== undefined) return addresses.slice(0, seedIndexers);
  return [addresses[index % indexers] as string];
}

function commonFlags(
  { folder, indexers, nodes, timeScale = 1 }: FleetPlan,
  pskPath: string,
  name: string,
): Readonly<Record<string, string>> {
  return {
    name,
    'listen-host': '127.0.0.1',
    'node-endpoint-port': '0',
    'allow-loopback': 'true',
    'psk-path': pskPath,
    'private-key-path': join(folder, name, 'private.pem'),
    'public-key-path': join(folder, name, 'public.pem'),
    'generate-keys': 'true',
    'store-url': `file:${join(folder, name, 'data')}`,
    // They all come at once, from one address, and are no strangers.
    'max-conn-per-window': String(Math.max(20, indexers + nodes)),
    'log-level': 'error',
    'time-scale': String(timeScale),
  };
}

/** Ports that nobody listens on now. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => (server.listening ? undefined : once(server, 'listening'))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
