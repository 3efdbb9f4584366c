/**
 * Keeps what is announced in step with what is here (coordination spec 17.5).
 *
 * Fault model: the table may refuse or lose announcements at any time; what failed stays in the line, with pauses. A source that
 * cannot say what it has keeps its previous share. At most `provideConcurrency` announcements of the background run at once.
 */

import {
  errorCode,
  type Clock,
  type EventBus,
  type Logger,
  type Random,
  type TimerHandle,
  type Timers,
} from '@muster/core';
import type { CoordinationEvents } from '../events.ts';
import type { ClusterMembers, ContentStore } from '../parts.ts';
import type { CoordinationSettings } from '../settings.ts';
import type { ContentSource } from '../source/content-source.ts';
import type { Digest } from '../types.ts';
import { type AnnounceOp, Announcements } from './announcements.ts';
import { ChurnDetector } from './churn.ts';
import type { ContentDiscoveryAgent } from './content-discovery.ts';

const START_BUDGET_MS = 5_000;
const BUDGET_MS = 30_000;
const TICK_MS = 1_000;

export interface AdvertiserParts {
  readonly store: Pick<ContentStore, 'has' | 'inventory'>;
  readonly discovery: Pick<ContentDiscoveryAgent, 'provide' | 'withdraw' | 'onProvided'>;
  /** What only this source has is announced as well; absent: it is not (D:13). */
  readonly source?: Pick<ContentSource, 'has' | 'inventory' | 'subscribe'> | undefined;
  readonly members: Pick<ClusterMembers, 'self' | 'snapshot' | 'onChange'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly events: Pick<EventBus<CoordinationEvents>, 'publish'>;
  readonly options: Pick<
    CoordinationSettings,
    'provideConcurrency' | 'reprovideAfterMs' | 'reconcileIntervalMs'
  >;
}

export class Advertiser {
  readonly #parts: AdvertiserParts;
  readonly #book: Announcements;
  readonly #churn = new ChurnDetector();
  #external: readonly Digest[] = [];
  #endings: readonly (() => void)[] = [];
  #timers: readonly TimerHandle[] = [];
  #running = 0;
  #errors = 0;
  #isFirst = true;
  #isStopped = false;
  #reconciling: Promise<void> | undefined;

  constructor(parts: AdvertiserParts) {
    this.#parts = parts;
    this.#book = new Announcements(parts.options.reprovideAfterMs, parts.random);
  }

  /** Digests that are announced. */
  get announced(): number {
    return this.#book.announced;
  }

  /** Digests that wait for their announcement. */
  get pending(): number {
    return this.#book.pending;
  }

  /** Announces everything that is here, newest first, and keeps it so. Waits for nothing. */
  start(): void {
    const { timers, options, discovery, members, source, clock } = this.#parts;
    this.#endings = [
      discovery.onProvided((digest) => this.#book.done(digest, clock.monotonic())),
      members.onChange(() => this.#observeMembers()),
      ...(source === undefined
        ? []
        : [
            source.subscribe((event) => {
              if (event.kind === 'reconnected') void this.reconcile();
              else for (const digest of event.digests) void this.notify(digest);
            }),
          ]),
    ];
    this.#observeMembers();
    this.#timers = [
      timers.every(options.reconcileIntervalMs, () => void this.reconcile()),
      timers.every(TICK_MS, () => this.#work()),
    ];
    void this.reconcile();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) timer.cancel();
    for (const end of this.#endings) end();
    await this.#reconciling;
  }

  /** Something has come: announces it if it can be had here now. Never rejects. */
  async notify(digest: Digest): Promise<void> {
    if (!(await this.#isHere(digest))) return;
    this.#book.want(digest, 'cdsub_announce', this.#parts.clock.monotonic());
    this.#work();
  }

  /** Something has gone. Never rejects. */
  async withdraw(digest: Digest): Promise<void> {
    if (!this.#book.forget(digest)) return;
    this.#parts.events.publish('advertise.withdrawn', { digest });
    await this.#parts.discovery.withdraw(digest);
  }

  /** Compares what is here with what is announced, once. Never rejects. */
  reconcile(): Promise<void> {
    this.#reconciling ??= this.#reconcile().finally(() => {
      this.#reconciling = undefined;
    });
    return this.#reconciling;
  }

  async #reconcile(): Promise<void> {
    const { clock, store, source, events, logger } = this.#parts;
    const startedAt = clock.monotonic();
    const errors = this.#errors;
    this.#errors = 0;
    try {
      this.#external = (await source?.inventory()) ?? this.#external;
    } catch (error) {
      logger.warn({ subsystem: 'discovery', err: error }, 'the content source cannot say what it has');
    }
    const op = this.#isFirst ? 'cache_reannounce' : 'reconcile';
    this.#isFirst = false;
    const here = new Set<Digest>();
    let added = 0;
    for (const { digest } of store.inventory()) {
      here.add(digest);
      if (this.#book.want(digest, op, startedAt)) added += 1;
    }
    for (const digest of this.#external) {
      here.add(digest);
      if (this.#book.want(digest, op, startedAt)) added += 1;
    }
    let removed = 0;
    for (const digest of this.#book.known()) {
      if (here.has(digest)) continue;
      removed += 1;
      await this.withdraw(digest);
    }
    this.#book.renewOld(clock.monotonic());
    this.#work();
    events.publish('advertise.reconciled', { added, removed, errors, ms: clock.monotonic() - startedAt });
  }

  async #isHere(digest: Digest): Promise<boolean> {
    const { store, source } = this.#parts;
    try {
      return (await store.has(digest)) || (await source?.has(digest)) === 'present';
    } catch {
      return false;
    }
  }

  #observeMembers(): void {
    const { members, clock, logger } = this.#parts;
    const now = clock.monotonic();
    if (!this.#churn.observe(members.snapshot(), members.self(), now)) return;
    logger.info(
      { subsystem: 'discovery', digests: this.announced },
      'many members have gone: announcements are renewed',
    );
    this.#book.renewAll(now);
  }

  /** Starts announcements while there are slots. */
  #work(): void {
    if (this.#isStopped) return;
    const { clock, options } = this.#parts;
    const free = options.provideConcurrency - this.#running;
    if (free <= 0) return;
    for (const { digest, op } of this.#book.take(free, clock.monotonic())) {
      this.#running += 1;
      void this.#announce(digest, op);
    }
  }

  async #announce(digest: Digest, op: AnnounceOp): Promise<void> {
    const { discovery, clock, logger } = this.#parts;
    const timeoutMs = op === 'cache_reannounce' ? START_BUDGET_MS : BUDGET_MS;
    try {
      await discovery.provide(digest, { timeoutMs, op });
    } catch (error) {
      this.#errors += 1;
      this.#book.failed(digest, clock.monotonic());
      logger.debug({ subsystem: 'discovery', digest, op, err: errorCode(error) }, 'an announcement failed');
    } finally {
      this.#running -= 1;
      this.#work();
    }
  }
}
