import type { BusEvent, Logger } from '@muster/core';
import {
  type AddrInfo,
  discoveryConstants,
  type DiscoveryConstants,
  type DiscoveryEvents,
  type DiscoverySettings,
  type PeerId,
} from '@muster/discovery';
import { type SimRandom, Simulation } from '../kernel/index.ts';
import { SimNetwork, type SimNetworkOptions } from '../network/index.ts';
import type { RoleName } from './adversaries/roles.ts';
import { SimKeyring } from './crypto.ts';
import { Member, type MemberSpec } from './member.ts';

export type FleetEvent = BusEvent<DiscoveryEvents>;
export type FleetListener = (member: Member, event: FleetEvent) => void;

export interface FleetOptions {
  readonly seed: number;
  readonly network?: SimNetworkOptions;
  /** Settings of all members. */
  readonly settings?: Partial<DiscoverySettings>;
  readonly constants?: DiscoveryConstants;
  /** Hears the logs of all members. */
  readonly logger?: Logger;
}

/** Many of a kind. */
export interface GroupSpec {
  readonly count: number;
  readonly prefix?: string;
  /** The seeds of the member with this index; by default two random ones of the running indexers. */
  readonly seeds?: (index: number) => readonly Member[];
  /** How many random ones. @default 2 */
  readonly seedsPerNode?: number;
  readonly settings?: (index: number) => Partial<DiscoverySettings>;
  readonly role?: RoleName;
  readonly clique?: string;
  /** All in one /24 instead of one each. */
  readonly isOneSubnet?: boolean;
}

/** A simulated fleet: members, their network, and what happens to them. */
export class Fleet {
  readonly sim: Simulation;
  readonly network: SimNetwork;
  readonly keyring = new SimKeyring();
  readonly constants: DiscoveryConstants;
  readonly settings: Partial<DiscoverySettings>;
  readonly logger: Logger | undefined;
  readonly members: Member[] = [];
  /** Members whose start has failed, with the error. */
  readonly failures: { readonly member: Member; readonly error: unknown }[] = [];
  readonly random: SimRandom;
  readonly #byPeer = new Map<PeerId, Member>();
  readonly #listeners: FleetListener[] = [];
  #honestNodes: readonly Member[] | undefined;
  #subnets = 0;

  constructor(options: FleetOptions) {
    this.sim = new Simulation({ seed: options.seed });
    this.network = new SimNetwork(this.sim, options.network);
    this.constants = options.constants ?? discoveryConstants();
    this.settings = options.settings ?? {};
    this.logger = options.logger;
    this.random = this.sim.random.fork('fleet');
  }

  add(spec: MemberSpec): Member {
    const member = new Member(this, this.members.length, spec);
    this.members.push(member);
    this.#honestNodes = undefined;
    return member;
  }

  /** Adds indexers; they are seeded on the first two of the fleet. */
  addIndexers(spec: GroupSpec): readonly Member[] {
    return this.#addGroup({ prefix: 'indexer', ...spec }, false, () => this.indexers().slice(0, 2));
  }

  /** Adds nodes; each is seeded on two honest indexers. */
  addNodes(spec: GroupSpec): readonly Member[] {
    return this.#addGroup({ prefix: 'node', ...spec }, true, () =>
      this.random
        .shuffled(this.indexers().filter(({ isHonest }) => isHonest))
        .slice(0, spec.seedsPerNode ?? 2),
    );
  }

  #addGroup(spec: GroupSpec & { prefix: string }, isNode: boolean, seeds: () => readonly Member[]): Member[] {
    const subnet = this.#subnets++;
    return Array.from({ length: spec.count }, (_, index) => {
      const chosen = spec.seeds?.(index) ?? seeds();
      return this.add({
        name: `${spec.prefix}-${index}`,
        isNode,
        isIndexer: !isNode,
        address: spec.isOneSubnet === true ? addressIn(subnet, index + 1) : addressIn(this.#subnets++, 10),
        seeds: () => chosen.map(({ info }) => info),
        ...(spec.settings !== undefined && { settings: spec.settings(index) }),
        ...(spec.role !== undefined && { role: spec.role }),
        ...(spec.clique !== undefined && { clique: spec.clique }),
      });
    });
  }

  /** Starts members that are not running, spread over a while, in a random order. */
  startAll(options: { readonly withinMs?: number; readonly members?: readonly Member[] } = {}): void {
    for (const member of options.members ?? this.members) {
      if (member.isRunning) continue;
      this.sim.schedule(this.random.between(0, options.withinMs ?? 0), () => {
        if (!member.isRunning) member.start();
      });
    }
  }

  indexers(): readonly Member[] {
    return this.members.filter(({ spec }) => spec.isIndexer);
  }

  nodes(): readonly Member[] {
    return this.members.filter(({ spec }) => spec.isNode);
  }

  honestNodes(): readonly Member[] {
    this.#honestNodes ??= this.nodes().filter(({ isHonest }) => isHonest);
    return this.#honestNodes;
  }

  /** Honest nodes that run now. */
  runningNodes(): readonly Member[] {
    return this.honestNodes().filter(({ isRunning }) => isRunning);
  }

  memberOf(peer: PeerId): Member | undefined {
    return this.#byPeer.get(peer);
  }

  cliqueOf(member: Member): readonly Member[] {
    const { clique } = member.spec;
    return clique === undefined ? [member] : this.members.filter(({ spec }) => spec.clique === clique);
  }

  /** Has `listener` called for every event of every daemon. */
  onEvent(listener: FleetListener): void {
    this.#listeners.push(listener);
  }

  /** A member is about to start, under its present peer id. */
  joined(member: Member): void {
    this.#byPeer.set(member.peer, member);
    this.sim.trace.note(this.sim.now, member.name, 'start', member.peer);
  }

  failed(member: Member, error: unknown): void {
    this.failures.push({ member, error });
    this.sim.trace.note(this.sim.now, member.name, 'failed', String(error));
  }

  happened(member: Member, event: FleetEvent): void {
    this.sim.trace.note(this.sim.now, member.index, event.topic, ...flat(event.payload));
    for (const listener of this.#listeners) listener(member, event);
  }

  /** Ends all processes, so that the garbage collector may have them. */
  dispose(): void {
    for (const member of this.members) if (member.isRunning) member.process.kill();
  }
}

/** Address number `host` of a /24 that is no one's in private use. */
function addressIn(subnet: number, host: number): string {
  return `/ip4/${20 + (subnet >> 16)}.${(subnet >> 8) & 255}.${subnet & 255}.${host & 255}/tcp/4001`;
}

/** The plain values of a payload, nested ones too, for the trace. */
function flat(payload: object): readonly (string | number | boolean | undefined)[] {
  const out: (string | number | boolean | undefined)[] = [];
  for (const value of Object.values(payload) as unknown[]) {
    if (typeof value === 'object' && value !== null) out.push(...flat(value));
    else out.push(value as string | number | boolean | undefined);
  }
  return out;
}

/** A search by a user of a member, followed while virtual time goes on. */
export interface SearchProbe {
  isDone: boolean;
  /** Virtual milliseconds until the first hit. */
  firstMs: number | undefined;
  readonly found: Map<PeerId, { readonly name: string; readonly isVerified: boolean }>;
  reason: string | undefined;
}

/** Starts a search. `until` ends it as soon as this peer is found. */
export function startSearch(
  fleet: Fleet,
  member: Member,
  needle: string,
  options: { readonly user?: string; readonly until?: PeerId } = {},
): SearchProbe {
  const probe: SearchProbe = { isDone: false, firstMs: undefined, found: new Map(), reason: undefined };
  const startedAt = fleet.sim.now;
  const search = member.daemon.search.search(options.user ?? `user of ${member.name}`, needle);
  const follow = async (): Promise<void> => {
    for await (const hit of search) {
      probe.firstMs ??= fleet.sim.now - startedAt;
      probe.found.set(hit.peer_id, { name: hit.name, isVerified: hit.isVerified });
      if (hit.peer_id === options.until) break;
    }
    probe.reason = (await search.ended).reason;
    probe.isDone = true;
  };
  void follow();
  return probe;
}

/** The infos of members. */
export function infosOf(members: readonly Member[]): readonly AddrInfo[] {
  return members.map(({ info }) => info);
}
