/**
 * Who has what, for the other parts of an agent (coordination spec 17.4, 17.6, 17.7): announcements, lookups with resolved
 * addresses, the health of both, and the first peers of the table.
 *
 * Fault model: the table may be empty, slow, split or wrong. Every operation has a bound; records that lead nowhere are left
 * out; what is announced is bounded in how much runs at once, and urgent announcements go before those of the background.
 */

import type {
  Clock,
  ContentRouting,
  EventBus,
  Logger,
  PeerStreams,
  PeerTarget,
  Random,
  TimerHandle,
  Timers,
} from '@muster/core';
import { digestBytes, selfTestDigest } from '../content-key.ts';
import { coordinationErrors } from '../errors.ts';
import type { CoordinationEvents } from '../events.ts';
import { HealthScore, routingTableTarget } from '../health/health-score.ts';
import type { ClusterMembers, ContentDiscovery } from '../parts.ts';
import { SlotQueue } from '../sessions/slot-queue.ts';
import type { ClusterNode, Digest, Provider } from '../types.ts';
import { within } from '../within.ts';
import { bootstrapPass, isPassDue, targetsOfMembers, targetsOfMultiaddrs } from './bootstrap.ts';
import { MemberIndex, resolveProvider } from './provider-address.ts';

const MAX_PROVIDERS = 20;
const MAX_WAITING = 4_096;
const DIAL_MS = 5_000;
const TICK_MS = 1_000;
const SELF_TEST_INTERVAL_MS = 60_000;
const SELF_TEST_MS = 30_000;
/** Announcements that nobody waits for. */
const PATIENT_OPS: ReadonlySet<string> = new Set(['cache_reannounce', 'reconcile', 'reprovide']);

export interface ContentDiscoveryParts {
  readonly routing: ContentRouting;
  readonly streams: Pick<PeerStreams, 'self'>;
  readonly members: Pick<ClusterMembers, 'self' | 'snapshot' | 'bootstrapSnapshot' | 'runningCount'>;
  /** Port of the own transfer listener; 0 while unknown. */
  readonly transferPort: () => number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly events: Pick<EventBus<CoordinationEvents>, 'publish'>;
  readonly options: {
    readonly provideConcurrency: number;
    /** Multiaddrs with `/p2p`. */
    readonly bootstrapPeers?: readonly string[];
  };
}

export class ContentDiscoveryAgent implements ContentDiscovery {
  readonly #parts: ContentDiscoveryParts;
  readonly #slots: SlotQueue;
  readonly #score = new HealthScore();
  readonly #startedAt: number;
  readonly #stopped = new AbortController();
  readonly #onProvided = new Set<(digest: Digest) => void>();
  #index: { readonly views: readonly unknown[]; readonly members: MemberIndex } | undefined;
  #timers: readonly TimerHandle[] = [];
  #pass: Promise<void> | undefined;
  #lastPassAt: number | undefined;

  constructor(parts: ContentDiscoveryParts) {
    this.#parts = parts;
    this.#slots = new SlotQueue(parts.options.provideConcurrency, MAX_WAITING);
    this.#startedAt = parts.clock.monotonic();
  }

  /** Dials the static list, then keeps the table filled from the members, and tests itself. */
  start(): void {
    const { timers } = this.#parts;
    void this.#bootstrapStatic();
    this.#timers = [
      timers.every(TICK_MS, () => this.tick()),
      timers.every(SELF_TEST_INTERVAL_MS, () => void this.selfTest()),
    ];
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#stopped.abort(coordinationErrors.create('SHUTTING_DOWN', 'discovery stops'));
    await this.#pass;
  }

  get routingTableSize(): number {
    return this.#parts.routing.routingTableSize;
  }

  /** Size that the routing table should have (17.6); 0 when the node is alone. */
  get routingTableTarget(): number {
    return routingTableTarget(this.#parts.members.bootstrapSnapshot().length);
  }

  health(): number {
    const table = { size: this.routingTableSize, target: this.routingTableTarget };
    return this.#score.score(table, this.#parts.clock.monotonic());
  }

  /** Calls back after every announcement that was made. Returns the function that ends it. */
  onProvided(listener: (digest: Digest) => void): () => void {
    this.#onProvided.add(listener);
    return () => void this.#onProvided.delete(listener);
  }

  async provide(digest: Digest, options: { readonly timeoutMs: number; readonly op: string }): Promise<void> {
    const { timers, routing, events } = this.#parts;
    const { timeoutMs, op } = options;
    try {
      const release = await this.#slots.acquire(!PATIENT_OPS.has(op), this.#stopped.signal);
      try {
        await within(timers, timeoutMs, this.#stopped.signal, (signal) =>
          routing.provide(digestBytes(digest), { timeoutMs, signal }),
        );
      } finally {
        release();
      }
    } catch (error) {
      events.publish('provide.failed', { op });
      throw error;
    }
    events.publish('provide.finished', { op });
    for (const listener of this.#onProvided) listener(digest);
  }

  /** Forgets that this node has the object; what others were told ages out. Never rejects. */
  async withdraw(digest: Digest): Promise<void> {
    try {
      await this.#parts.routing.withdraw?.(digestBytes(digest));
    } catch (error) {
      this.#parts.logger.debug({ subsystem: 'discovery', digest, err: error }, 'an announcement stays');
    }
  }

  async findProviders(
    digest: Digest,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly Provider[]> {
    const { clock, streams, members, transferPort } = this.#parts;
    const startedAt = clock.monotonic();
    const found = await this.#lookUp(digest, options);
    this.#score.recordLookup(clock.monotonic() - startedAt, clock.monotonic());
    const index = this.#memberIndex();
    const byAddress = new Map<string, Provider>();
    for (const target of found) {
      if (target.id === streams.self) continue;
      const provider = resolveProvider(target, index, transferPort());
      if (provider === undefined || provider.nodeId === members.self()) continue;
      if (!byAddress.has(provider.addr)) byAddress.set(provider.addr, provider);
    }
    return [...byAddress.values()];
  }

  /** Publishes a digest of its own and looks for it. A node alone is not tested. Never rejects. */
  async selfTest(): Promise<void> {
    const { routing, streams, timers, logger } = this.#parts;
    const digest = selfTestDigest(streams.self);
    if (digest === undefined || this.#parts.members.bootstrapSnapshot().length < 2) return;
    let isFound = false;
    try {
      await within(timers, SELF_TEST_MS, this.#stopped.signal, async (signal) => {
        const limit = { timeoutMs: SELF_TEST_MS, signal };
        await routing.provide(digestBytes(digest), limit);
        isFound = (await routing.findProviders(digestBytes(digest), { ...limit, count: 1 })).length > 0;
      });
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      logger.debug({ subsystem: 'discovery', err: error }, 'the self test failed');
    }
    this.#score.recordSelfTest(isFound);
  }

  /** Dials members if that is due. */
  tick(): void {
    const { clock, members } = this.#parts;
    const now = clock.monotonic();
    const state = {
      uptimeMs: now - this.#startedAt,
      tableSize: this.routingTableSize,
      viewSize: members.bootstrapSnapshot().length,
      sinceLastMs: this.#lastPassAt === undefined ? undefined : now - this.#lastPassAt,
    };
    if (this.#pass !== undefined || !isPassDue(state)) return;
    this.#pass = this.#passOverMembers().finally(() => {
      this.#pass = undefined;
      this.#lastPassAt = clock.monotonic();
    });
  }

  async #bootstrapStatic(): Promise<void> {
    const targets = targetsOfMultiaddrs(this.#parts.options.bootstrapPeers ?? []).filter(
      ({ id }) => id !== this.#parts.streams.self,
    );
    if (targets.length === 0) return;
    const answered = await bootstrapPass(targets, (batch) => this.#dial(batch), this.#parts.random);
    const fields = { subsystem: 'discovery', answered, peers: targets.length };
    if (answered === 0) this.#parts.logger.warn(fields, 'none of the bootstrap peers answered');
    else this.#parts.logger.debug(fields, 'bootstrap peers answered');
  }

  async #passOverMembers(): Promise<void> {
    const { members, streams, random } = this.#parts;
    const targets = targetsOfMembers(members.bootstrapSnapshot(), members.self(), streams.self);
    await bootstrapPass(targets, (batch) => this.#dial(batch), random);
  }

  async #dial(batch: readonly PeerTarget[]): Promise<number> {
    const { signal } = this.#stopped;
    if (signal.aborted) return 0;
    return this.#parts.routing.bootstrap(batch, { timeoutMs: DIAL_MS, signal });
  }

  async #lookUp(
    digest: Digest,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly PeerTarget[]> {
    const { timers, routing } = this.#parts;
    const { timeoutMs } = options;
    return within(timers, timeoutMs, options.signal, (signal) =>
      routing.findProviders(digestBytes(digest), { timeoutMs, signal, count: MAX_PROVIDERS }),
    );
  }

  /** Views are replaced as a whole when they change. */
  #memberIndex(): MemberIndex {
    const { members } = this.#parts;
    const views: readonly (readonly ClusterNode[])[] = [members.snapshot(), members.bootstrapSnapshot()];
    if (this.#index === undefined || views.some((view, at) => view !== this.#index?.views[at])) {
      const unique = new Map(views.flat().map((node) => [`${node.id} ${node.addr}`, node]));
      this.#index = { views, members: new MemberIndex(unique.values()) };
    }
    return this.#index.members;
  }
}
