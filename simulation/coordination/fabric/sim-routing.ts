/**
 * Content routing of the simulated overlay, as far as agents can tell: a record is kept by some of the peers that its
 * publisher reached, is found a while after it was published, and stays when its publisher has lost the object or died.
 */

import {
  type ContentDiscovery,
  coordinationErrors,
  type Digest,
  HealthScore,
  type Provider,
  routingTableTarget,
} from '@muster/coordination';
import type { SimRandom } from '../../kernel/index.ts';
import type { SimNetwork } from '../../network/index.ts';
import type { SimMembers } from './sim-members.ts';
import type { SimPeers } from './sim-peers.ts';

/** Replicas of a record, and providers that a lookup names at most. */
const K = 20;
const TABLE_LIFE_MS = 5_000;

export interface RoutingOptions {
  /** Until a published record can be found. @default [100, 1500] */
  readonly publishMs?: readonly [number, number];
  /** @default [20, 120] */
  readonly lookupMs?: readonly [number, number];
  /** Probability that a call fails. @default 0 */
  readonly failure?: number;
  /** @default 10 minutes */
  readonly recordLifeMs?: number;
}

interface ProviderRecord {
  readonly host: string;
  readonly addr: string;
  readonly visibleAt: number;
  readonly expiresAt: number;
  readonly keepers: readonly string[];
}

/** All records of the overlay. */
export class SimRouting {
  readonly network: SimNetwork;
  readonly random: SimRandom;
  /** Changed by scenarios while the run goes on. */
  options: Required<RoutingOptions>;
  /** Lookups find nothing, at once. */
  isOff = false;
  readonly #records = new Map<Digest, Map<string, ProviderRecord>>();
  readonly #hosts: () => readonly string[];

  constructor(network: SimNetwork, hosts: () => readonly string[], options: RoutingOptions) {
    this.network = network;
    this.random = network.random.fork('routing');
    this.#hosts = hosts;
    this.options = {
      publishMs: [100, 1_500],
      lookupMs: [20, 120],
      failure: 0,
      recordLifeMs: 600_000,
      ...options,
    };
  }

  /** The hosts that a host reaches now. */
  reachable(host: string): readonly string[] {
    return this.#hosts().filter(
      (other) =>
        other !== host &&
        this.network.endpoint(other)?.process.isAlive === true &&
        !this.network.isCut(host, other),
    );
  }

  publish(digest: Digest, host: string, addr: string): void {
    const { now } = this.network.sim;
    const { publishMs, recordLifeMs } = this.options;
    const records = this.#records.get(digest) ?? new Map<string, ProviderRecord>();
    this.#records.set(digest, records);
    const before = records.get(host);
    const visibleAt = Math.min(before?.visibleAt ?? Infinity, now + this.random.between(...publishMs));
    const keepers = this.#sample([host, ...this.reachable(host)]);
    records.set(host, { host, addr, visibleAt, expiresAt: now + recordLifeMs, keepers });
  }

  withdraw(digest: Digest, host: string): void {
    this.#records.get(digest)?.delete(host);
  }

  /** Up to 20 providers that can be found from there. */
  find(digest: Digest, host: string): readonly Provider[] {
    const { now } = this.network.sim;
    const found = [...(this.#records.get(digest)?.values() ?? [])].filter(
      (record) =>
        record.host !== host &&
        record.visibleAt <= now &&
        record.expiresAt > now &&
        record.keepers.some((keeper) => this.#answers(host, keeper)),
    );
    return this.random
      .shuffled(found)
      .slice(0, K)
      .map((record) => ({ nodeId: record.host, addr: record.addr }));
  }

  #answers(host: string, keeper: string): boolean {
    const process = this.network.endpoint(keeper)?.process;
    return process?.isAlive === true && !process.isPaused && !this.network.isCut(host, keeper);
  }

  #sample(hosts: readonly string[]): readonly string[] {
    const out: string[] = [];
    for (let i = 0; i < Math.min(K, hosts.length); i++) out.push(this.random.pick(hosts));
    return out;
  }
}

/** Discovery as one agent has it, with its health. */
export class SimDiscovery implements ContentDiscovery {
  readonly #routing: SimRouting;
  readonly #peers: SimPeers;
  readonly #members: SimMembers;
  readonly #addr: string;
  readonly #score = new HealthScore();
  readonly #random: SimRandom;
  #tableAt = Number.NEGATIVE_INFINITY;
  #tableSize = 0;

  constructor(routing: SimRouting, peers: SimPeers, members: SimMembers, addr: string) {
    this.#routing = routing;
    this.#peers = peers;
    this.#members = members;
    this.#addr = addr;
    this.#random = peers.process.random.fork('discovery');
  }

  async provide(digest: Digest, options: { readonly timeoutMs: number; readonly op: string }): Promise<void> {
    await this.#call('provide', options.timeoutMs, undefined);
    this.#routing.publish(digest, this.#peers.host, this.#addr);
  }

  async findProviders(
    digest: Digest,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly Provider[]> {
    if (this.#routing.isOff) return [];
    const { process } = this.#peers;
    const startedAt = process.monotonic();
    await this.#call('lookup', options.timeoutMs, options.signal);
    this.#score.recordLookup(process.monotonic() - startedAt, process.monotonic());
    return this.#routing.find(digest, this.#peers.host);
  }

  health(): number {
    const target = routingTableTarget(this.#members.bootstrapSnapshot().length);
    return this.#score.score({ size: this.routingTableSize, target }, this.#peers.process.monotonic());
  }

  get routingTableSize(): number {
    const now = this.#peers.process.monotonic();
    if (now - this.#tableAt >= TABLE_LIFE_MS) {
      this.#tableAt = now;
      this.#tableSize = routingTableTarget(1 + this.#routing.reachable(this.#peers.host).length);
    }
    return this.#tableSize;
  }

  async #call(what: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { lookupMs, failure } = this.#routing.options;
    const { process } = this.#peers;
    const ms = this.#random.between(...lookupMs);
    await process.sleep(Math.min(ms, timeoutMs), signal);
    if (ms > timeoutMs) throw coordinationErrors.create('RPC_TIMEOUT', `the ${what} took too long`);
    if (this.#random.chance(failure)) {
      throw coordinationErrors.create('STREAM_OPEN_FAILED', `the ${what} reached nobody`);
    }
  }
}
