import {
  type AddrInfo,
  DEFAULT_SETTINGS,
  DiscoveryDaemon,
  type DiscoveryEvents,
  type DiscoverySettings,
  MemoryPeerStore,
  type PeerId,
  type RecordCrypto,
} from '@muster/discovery';
import { TamperedOverlay } from '@muster/discovery/misbehaviour';
import { type BusEvent, silentLogger } from '@muster/core';
import type { ProcessOptions, SimProcess } from '../kernel/index.ts';
import { type RoleName, ROLES } from './adversaries/roles.ts';
import type { Fleet } from './fleet.ts';
import { SimOverlay } from './sim-overlay.ts';

export interface MemberSpec {
  readonly name: string;
  readonly isNode: boolean;
  readonly isIndexer: boolean;
  /** Multiaddr without `/p2p`. */
  readonly address: string;
  readonly seeds?: () => readonly AddrInfo[];
  readonly settings?: Partial<DiscoverySettings>;
  /** What it lies about; honest without. */
  readonly role?: RoleName;
  /** Liars of the same clique know each other. */
  readonly clique?: string;
  readonly process?: ProcessOptions;
}

interface Run {
  readonly process: SimProcess;
  readonly overlay: SimOverlay;
  readonly daemon: DiscoveryDaemon;
  readonly startedAt: number;
}

/** A participant of a fleet, over all of its runs: its key, its address and its store stay, its process does not. */
export class Member {
  readonly name: string;
  readonly spec: MemberSpec;
  readonly index: number;
  readonly store = new MemoryPeerStore();
  readonly #fleet: Fleet;
  #crypto: RecordCrypto;
  #run: Run | undefined;
  #runs = 0;
  #keys = 0;
  #seen: readonly { peer: PeerId; seenAt: number }[] = [];

  constructor(fleet: Fleet, index: number, spec: MemberSpec) {
    this.name = spec.name;
    this.spec = spec;
    this.index = index;
    this.#fleet = fleet;
    this.#crypto = fleet.keyring.create(fleet.sim.random.fork(`key ${spec.name}`));
  }

  get peer(): PeerId {
    return this.#crypto.self;
  }

  get crypto(): RecordCrypto {
    return this.#crypto;
  }

  get info(): AddrInfo {
    return { ID: this.peer, Addrs: [this.spec.address] };
  }

  get isHonest(): boolean {
    return this.spec.role === undefined;
  }

  /** Started and not dead; paused ones are running. */
  get isRunning(): boolean {
    return this.#run?.process.isAlive === true;
  }

  get startedAt(): number {
    return this.#current().startedAt;
  }

  get daemon(): DiscoveryDaemon {
    return this.#current().daemon;
  }

  get overlay(): SimOverlay {
    return this.#current().overlay;
  }

  get process(): SimProcess {
    return this.#current().process;
  }

  /** Starts a process for it. Its daemon comes up in virtual time. */
  start(): void {
    if (this.isRunning) throw new Error(`${this.name} is running`);
    const { network, sim } = this.#fleet;
    this.#runs += 1;
    const process = sim.process(`${this.name} ${this.#runs}`, this.spec.process);
    const settings = this.#settings();
    const overlay = new SimOverlay({
      network,
      process,
      peer: this.peer,
      addresses: [this.spec.address],
      ...(this.spec.isIndexer && { maxConnections: settings.maxNodes + 200 }),
    });
    const daemon = new DiscoveryDaemon({
      settings,
      constants: this.#fleet.constants,
      clock: process,
      timers: process,
      random: process.random.fork('daemon'),
      logger: this.#fleet.logger ?? silentLogger,
      overlay: this.#overlayOf(overlay),
      crypto: this.#crypto,
      peers: this.store,
      seenPeers: {
        load: () => Promise.resolve(this.#seen),
        save: (peers) => {
          this.#seen = peers;
          return Promise.resolve();
        },
      },
    });
    this.#run = { process, overlay, daemon, startedAt: sim.now };
    this.#fleet.joined(this);
    daemon.events.on('*', (event) => this.#fleet.happened(this, event as BusEvent<DiscoveryEvents>));
    void daemon.start().catch((error: unknown) => this.#fleet.failed(this, error));
  }

  /** Stops it in order. */
  async stop(): Promise<void> {
    const { daemon, process } = this.#current();
    await daemon.stop();
    process.kill();
  }

  /** As by SIGKILL; `silently`: its host goes with it. */
  kill(options: { readonly silently?: boolean } = {}): void {
    this.#fleet.network.kill(this.peer, options);
  }

  /** Comes back with another key, at the same address. */
  rekey(): void {
    if (this.isRunning) this.kill();
    this.#keys += 1;
    this.#crypto = this.#fleet.keyring.create(this.#fleet.sim.random.fork(`key ${this.name} ${this.#keys}`));
    this.start();
  }

  /** Rough share of the interface that only exists while it runs. */
  #current(): Run {
    if (this.#run === undefined) throw new Error(`${this.name} has not been started`);
    return this.#run;
  }

  #settings(): DiscoverySettings {
    return {
      ...DEFAULT_SETTINGS,
      ...this.#fleet.settings,
      name: this.name,
      roles: { node: this.spec.isNode, indexer: this.spec.isIndexer },
      indexerAddresses: (this.spec.seeds?.() ?? []).filter(({ ID }) => ID !== this.peer),
      ...this.spec.settings,
    };
  }

  #overlayOf(overlay: SimOverlay): SimOverlay | TamperedOverlay {
    const { role } = this.spec;
    if (role === undefined) return overlay;
    const startedAt = this.#fleet.sim.now;
    const tamper = ROLES[role]({
      self: this.peer,
      crypto: this.#crypto,
      overlay,
      friends: () => this.#fleet.cliqueOf(this).map(({ info }) => info),
      victims: () => this.#fleet.honestNodes().map(({ peer }) => peer),
      age: () => this.#fleet.sim.now - startedAt,
    });
    return new TamperedOverlay(overlay, tamper);
  }
}
