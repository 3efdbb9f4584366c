/** Hundreds of agents with their runtimes, one origin, one overlay, and what can be done to them while they work. */

import { type ClusterNode, type CoordinationSettings, MemoryFiles } from '@muster/coordination';
import { Identity, peerIdOf } from '@muster/core/identity';
import { type SimRandom, Simulation } from '../kernel/index.ts';
import { type LinkOptions, SimNetwork } from '../network/index.ts';
import { SimMembers } from './fabric/sim-members.ts';
import { type OriginOptions, SimOrigin } from './fabric/sim-origin.ts';
import { addressOf, ipOf, PeerBook } from './fabric/sim-peers.ts';
import { type RoutingOptions, SimRouting } from './fabric/sim-routing.ts';
import { TransferDirectory } from './fabric/sim-transfer.ts';
import type { TransferLies } from './fabric/transfer-endpoint.ts';
import { LeaseBook } from './leases/lease-book.ts';
import { SimRegistry } from './leases/sim-registry.ts';
import { Ledger } from './ledger.ts';
import { SimRuntime } from './runtime.ts';
import { simSettings } from './settings.ts';
import { SimAgent, TRANSFER_PORT } from './sim-agent.ts';
import type { Tampering } from './tampering.ts';
import type { World } from './world.ts';

export interface FleetOptions {
  readonly seed: number;
  readonly agents: number;
  readonly settings?: Partial<CoordinationSettings>;
  readonly links?: LinkOptions;
  readonly origin?: OriginOptions;
  readonly routing?: RoutingOptions;
  /** Share of the others that an agent never sees. @default 0 */
  readonly unseen?: number;
  /** Until a change of members has got to an agent. @default [200, 10000] */
  readonly newsMs?: readonly [number, number];
  /** Real bytes a second that leave an agent. @default 125 MB/s */
  readonly egressBytesPerSecond?: number;
  readonly tampering?: Tampering;
  /** A registry grants leases for pulls. Clocks run up to this much too fast or too slow, in parts per million. */
  readonly leases?: { readonly driftPpm: number };
}

interface Host {
  readonly node: ClusterNode;
  readonly disk: MemoryFiles;
  readonly runtime: SimRuntime;
  readonly hidden: ReadonlySet<string>;
  agent: SimAgent | undefined;
  lies: TransferLies | undefined;
  incarnation: number;
}

/** How often the sizes of queues and maps are looked at. */
const SAMPLE_MS = 1_000;

export class Fleet {
  readonly sim: Simulation;
  readonly world: World;
  readonly random: SimRandom;
  readonly hosts: readonly string[];
  /** Timers of the whole fleet when it had come up. */
  timersAtStart = 0;
  readonly #byHost = new Map<string, Host>();
  readonly #newsMs: readonly [number, number];
  readonly #driftPpm: number;
  readonly #ready = new Set<string>();

  private constructor(options: FleetOptions) {
    this.sim = new Simulation({ seed: options.seed });
    this.random = this.sim.random.fork('fleet');
    this.#newsMs = options.newsMs ?? [200, 10_000];
    this.#driftPpm = options.leases?.driftPpm ?? 0;
    const network = new SimNetwork(this.sim, {
      coreMs: 0.5,
      accessMs: [0.2, 1],
      jitterMs: 0.3,
      ...options.links,
    });
    const book = new PeerBook();
    this.hosts = Array.from({ length: options.agents }, (_, index) => `n${String(index).padStart(3, '0')}`);
    const identities = options.leases === undefined ? undefined : identitiesOf(this.hosts, this.random);
    const nodes = this.hosts.map((host) => nodeOf(host, this.random, identities?.get(host)));
    const ledger = new Ledger();
    for (const { id, peerId } of nodes) book.add(peerId, id);
    this.world = {
      sim: this.sim,
      network,
      origin: new SimOrigin(network, options.origin),
      routing: new SimRouting(network, book, () => this.hosts, options.routing ?? {}),
      book,
      transfers: new TransferDirectory(),
      ledger,
      settings: simSettings(options.settings),
      egressBytesPerSecond: options.egressBytesPerSecond ?? 125e6,
      tampering: options.tampering ?? {},
      nodes,
      registry:
        identities === undefined
          ? undefined
          : {
              sim: new SimRegistry(network, this.#drift()),
              identities,
              book: new LeaseBook(ledger),
            },
    };
    for (const node of nodes) this.#addHost(node, options.unseen ?? 0);
  }

  /** Starts all agents at once, and lets the overlay settle for two minutes: as a fleet that is up. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options);
    for (const host of fleet.hosts) fleet.#ready.add(host);
    const { registry } = fleet.world;
    for (const [host, identity] of registry?.identities ?? []) await registry?.sim.register(host, identity);
    const starts = fleet.hosts.map(async (host) => fleet.#start(host));
    await fleet.sim.settle();
    await Promise.all(starts);
    await fleet.sim.runFor(120_000);
    fleet.sim.process('sampler').every(SAMPLE_MS, () => fleet.#sample());
    fleet.timersAtStart = fleet.sim.livingEvents;
    return fleet;
  }

  /** The agent that runs there now. */
  agent(host: string): SimAgent | undefined {
    return this.#byHost.get(host)?.agent;
  }

  runtime(host: string): SimRuntime {
    return this.#host(host).runtime;
  }

  disk(host: string): MemoryFiles {
    return this.#host(host).disk;
  }

  get agents(): readonly SimAgent[] {
    return this.hosts.flatMap((host) => {
      const agent = this.agent(host);
      return agent === undefined || !agent.process.isAlive ? [] : [agent];
    });
  }

  /** Ends an agent at once, as by SIGKILL; the others hear of it by and by. `silently`: its connections hang first. */
  kill(host: string, options: { readonly silently?: boolean } = {}): void {
    this.sim.trace.note(this.sim.now, host, 'killed', options.silently === true);
    this.world.network.kill(host, options);
    const present = this.#host(host);
    present.agent = undefined;
    present.disk.crash();
    this.#tellAll(host, false);
  }

  /** Starts a killed agent again on its disk, or on an empty one. */
  async restart(host: string, options: { readonly isEmpty?: boolean } = {}): Promise<void> {
    if (options.isEmpty === true) await this.#host(host).disk.remove('/cache');
    await this.#start(host);
    this.#tellAll(host, true);
  }

  /** Has the endpoint of the agent lie, also after restarts. */
  lie(host: string, lies: TransferLies): void {
    const present = this.#host(host);
    present.lies = lies;
    if (present.agent !== undefined) present.agent.endpoint.lies = lies;
  }

  /** Does something later, in the middle of a run. */
  later(delayMs: number, action: () => void): void {
    this.sim.schedule(delayMs, action);
  }

  /** Runs until all wishes have ended; false when they have not within the time. */
  async untilServed(withinMs: number): Promise<boolean> {
    const { wishes } = this.world.ledger;
    let ended = 0;
    const took = await this.sim.runUntil(
      () => {
        while (ended < wishes.length && wishes[ended]?.outcome !== undefined) ended += 1;
        return ended === wishes.length && wishes.every(({ outcome }) => outcome !== undefined);
      },
      { withinMs, everyMs: 200 },
    );
    return took !== undefined;
  }

  async #start(host: string): Promise<void> {
    const present = this.#host(host);
    present.incarnation += 1;
    this.sim.trace.note(this.sim.now, host, 'started', present.incarnation);
    const process = this.sim.process(`${host}#${present.incarnation}`, { driftPpm: this.#drift() });
    const ready = this.world.nodes.filter(({ id }) => this.#ready.has(id) || id === host);
    const members = new SimMembers(host, ready, present.hidden);
    const agent = await SimAgent.start({
      world: this.world,
      process,
      host,
      addr: present.node.addr,
      members,
      disk: present.disk,
    });
    if (present.lies !== undefined) agent.endpoint.lies = present.lies;
    present.agent = agent;
  }

  #drift(): number {
    return this.#driftPpm === 0 ? 0 : this.random.between(-this.#driftPpm, this.#driftPpm);
  }

  #tellAll(host: string, isReady: boolean): void {
    if (isReady) this.#ready.add(host);
    else this.#ready.delete(host);
    const { node } = this.#host(host);
    for (const other of this.hosts) {
      if (other === host) continue;
      this.sim.schedule(this.random.between(...this.#newsMs), () => {
        // What happened last is what is told.
        if (this.#ready.has(host) === isReady) this.agent(other)?.members.apply(node, isReady);
      });
    }
  }

  #addHost(node: ClusterNode, unseen: number): void {
    const others = this.hosts.filter((host) => host !== node.id);
    const hidden = new Set(unseen > 0 ? others.filter(() => this.random.chance(unseen)) : []);
    this.#byHost.set(node.id, {
      node,
      disk: new MemoryFiles({ now: () => this.sim.now }),
      runtime: new SimRuntime(this.world, node.id, () => this.agent(node.id)),
      hidden,
      agent: undefined,
      lies: undefined,
      incarnation: 0,
    });
  }

  #host(host: string): Host {
    const present = this.#byHost.get(host);
    if (present === undefined) throw new RangeError(`there is no host ${host}`);
    return present;
  }

  #sample(): void {
    const { ledger, settings } = this.world;
    for (const agent of this.agents) {
      const { running, waiting } = agent.pump.load;
      ledger.peak('pulls', running);
      ledger.peak('waiting pulls', waiting);
      ledger.peak('sessions', agent.sessions.list().length);
      ledger.peak('streams', agent.server.runningStreams);
      ledger.peak('serves', agent.endpoint.activeServes);
      ledger.peak('negative entries', agent.negative.length);
      ledger.peak('suppressions', agent.suppression.table.size);
      if (running > settings.maxConcurrentPulls) ledger.violated(`${agent.host} runs ${running} pulls`);
      if (waiting > settings.pullQueue) ledger.violated(`${agent.host} queues ${waiting} pulls`);
      if (agent.server.runningStreams > settings.coordMaxStreams)
        ledger.violated(`${agent.host} serves too many streams`);
      if (agent.endpoint.activeServes > settings.transferMaxServes)
        ledger.violated(`${agent.host} serves too many copies`);
    }
  }
}

function identitiesOf(hosts: readonly string[], random: SimRandom): ReadonlyMap<string, Identity> {
  return new Map(hosts.map((host) => [host, Identity.fromSeed(random.fork(`key ${host}`).bytes(32))]));
}

function nodeOf(host: string, random: SimRandom, identity: Identity | undefined): ClusterNode {
  return {
    id: host,
    addr: `${ipOf(host)}:${TRANSFER_PORT}`,
    zone: '',
    peerId: peerIdOf(identity?.publicKey ?? random.fork(`key ${host}`).bytes(32)),
    p2pAddrs: [addressOf(host)],
  };
}
