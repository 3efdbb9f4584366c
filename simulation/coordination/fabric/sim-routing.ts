/**
 * Content routing of the simulated overlay, as far as agents can tell: a record is kept by some of the peers that its
 * publisher reached, is found when its announcement has ended, and stays when its publisher has lost the object or died.
 */

import { type Digest, routingTableTarget } from '@muster/coordination';
import { type ContentRouting, MusterError, type PeerTarget, type WaitLimit } from '@muster/core';
import type { SimRandom } from '../../kernel/index.ts';
import type { SimNetwork } from '../../network/index.ts';
import { addressOf, type PeerBook, type SimPeers } from './sim-peers.ts';

/** Replicas of a record, and providers that a lookup names at most. */
const K = 20;
const TABLE_LIFE_MS = 5_000;

export interface RoutingOptions {
  /** How long an announcement takes; then it can be found. @default [100, 1500] */
  readonly publishMs?: readonly [number, number];
  /** @default [20, 120] */
  readonly lookupMs?: readonly [number, number];
  /** Probability that a call fails. @default 0 */
  readonly failure?: number;
  /** @default 48 hours */
  readonly recordLifeMs?: number;
}

interface ProviderRecord {
  readonly host: string;
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
  readonly #records = new Map<string, Map<string, ProviderRecord>>();
  readonly #hosts: () => readonly string[];
  readonly #book: PeerBook;

  constructor(network: SimNetwork, book: PeerBook, hosts: () => readonly string[], options: RoutingOptions) {
    this.network = network;
    this.#book = book;
    this.random = network.random.fork('routing');
    this.#hosts = hosts;
    this.options = {
      publishMs: [100, 1_500],
      lookupMs: [20, 120],
      failure: 0,
      recordLifeMs: 172_800_000,
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

  publish(key: string, host: string): void {
    const { now } = this.network.sim;
    const { recordLifeMs } = this.options;
    const records = this.#records.get(key) ?? new Map<string, ProviderRecord>();
    this.#records.set(key, records);
    const keepers = this.#sample([host, ...this.reachable(host)]);
    records.set(host, { host, expiresAt: now + recordLifeMs, keepers });
  }

  withdraw(key: string, host: string): void {
    this.#records.get(key)?.delete(host);
  }

  /** Up to 20 providers that can be found from there, itself included. */
  find(key: string, host: string): readonly PeerTarget[] {
    const { now } = this.network.sim;
    const found = [...(this.#records.get(key)?.values() ?? [])].filter(
      (record) => record.expiresAt > now && record.keepers.some((keeper) => this.#answers(host, keeper)),
    );
    return this.random
      .shuffled(found)
      .slice(0, K)
      .map((record) => ({ id: this.#book.peerOf(record.host), addresses: [addressOf(record.host)] }));
  }

  /** The hosts whose records for the object can be found from there. */
  holders(digest: Digest, host: string): readonly string[] {
    return this.find(digest.slice('sha256:'.length), host).flatMap(({ id }) => this.#book.hostOf(id) ?? []);
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

/** Content routing as one agent has it. */
export class SimContentRouting implements ContentRouting {
  readonly #routing: SimRouting;
  readonly #peers: SimPeers;
  readonly #random: SimRandom;
  #tableAt = Number.NEGATIVE_INFINITY;
  #tableSize = 0;

  constructor(routing: SimRouting, peers: SimPeers) {
    this.#routing = routing;
    this.#peers = peers;
    this.#random = peers.process.random.fork('routing');
  }

  async provide(sha256: Uint8Array, limit: WaitLimit): Promise<void> {
    await this.#call('announcement', this.#routing.options.publishMs, limit);
    this.#routing.publish(keyOf(sha256), this.#peers.host);
  }

  async withdraw(sha256: Uint8Array): Promise<void> {
    this.#routing.withdraw(keyOf(sha256), this.#peers.host);
  }

  async findProviders(
    sha256: Uint8Array,
    options: WaitLimit & { readonly count: number },
  ): Promise<readonly PeerTarget[]> {
    if (this.#routing.isOff) return [];
    await this.#call('lookup', this.#routing.options.lookupMs, options);
    return this.#routing.find(keyOf(sha256), this.#peers.host).slice(0, options.count);
  }

  /** What a table with buckets of 20 would hold of those that can be reached. */
  get routingTableSize(): number {
    const now = this.#peers.process.monotonic();
    if (now - this.#tableAt >= TABLE_LIFE_MS) {
      this.#tableAt = now;
      this.#tableSize = routingTableTarget(1 + this.#routing.reachable(this.#peers.host).length);
    }
    return this.#tableSize;
  }

  async bootstrap(peers: readonly PeerTarget[], limit: WaitLimit): Promise<number> {
    await this.#peers.process.sleep(this.#random.between(1, 20), limit.signal);
    return peers.length;
  }

  async #call(
    what: string,
    range: readonly [number, number],
    { timeoutMs, signal }: WaitLimit,
  ): Promise<void> {
    const { failure } = this.#routing.options;
    const { process } = this.#peers;
    const ms = this.#random.between(...range);
    await process.sleep(Math.min(ms, timeoutMs), signal);
    if (ms > timeoutMs) throw new MusterError('DHT_TIMEOUT', `the ${what} took too long`);
    if (this.#random.chance(failure)) throw new MusterError('DHT_FAILED', `the ${what} reached nobody`);
  }
}

function keyOf(sha256: Uint8Array): string {
  return Buffer.from(sha256).toString('hex');
}
