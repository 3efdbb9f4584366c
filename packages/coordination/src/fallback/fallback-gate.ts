/**
 * The gate before the last resort (coordination spec 12): reading from the origin for oneself when no other node could be made
 * to. It keeps a cluster whose discovery is broken from falling upon the registry all at once, and still lets it through.
 */

import type { Clock, EventBus, Logger, Random, Timers } from '@muster/core';
import type { ProviderSuppression } from '../cold-start/context.ts';
import { rankOf } from '../election/hrw.ts';
import type { CoordinationEvents } from '../events.ts';
import { routingTableTarget } from '../health/health-score.ts';
import type { InFlightHandle, InFlightMap } from '../inflight/in-flight-map.ts';
import type { ClusterMembers, ContentDiscovery, NegativeCacheReader, Pump } from '../parts.ts';
import type { CoordinationSettings } from '../settings.ts';
import type { Digest, NegativeEntry, ObjectKind, Provider, PumpAnswer, Repository } from '../types.ts';
import { within } from '../within.ts';
import {
  discoveryDecline,
  inBootstrapWindow,
  jitterLimitMs,
  OutageWaiver,
  TokenBucket,
} from './gate-model.ts';
import type { DeclineReason } from './gate-model.ts';

const RECHECK_MS = 1_000;

export interface FallbackRequest extends Repository {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  /** 0 or absent when unknown. */
  readonly expectedSize?: number;
  readonly signal?: AbortSignal;
}

export type FallbackVerdict =
  /** The own pump pulls it, or has just committed it: follow the download, or open the object. */
  | { readonly kind: 'pulling'; readonly answer: Extract<PumpAnswer, { kind: 'started' | 'already' }> }
  /** Somebody has it after all: copy from there. Counts as a decline. */
  | { readonly kind: 'providers'; readonly providers: readonly Provider[] }
  /** A pull of it runs here already: follow the download. Counts as a decline. */
  | { readonly kind: 'follow' }
  /** `entry` says until when, for the reason `cooldown`. */
  | { readonly kind: 'declined'; readonly reason: DeclineReason; readonly entry?: NegativeEntry };

export interface FallbackGateParts {
  readonly members: ClusterMembers;
  readonly discovery: Pick<ContentDiscovery, 'findProviders' | 'health' | 'routingTableSize'>;
  readonly inflight: InFlightMap;
  readonly negative: NegativeCacheReader;
  readonly pump: Pump;
  readonly suppression?: ProviderSuppression;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly events: EventBus<CoordinationEvents>;
  readonly options: Pick<
    CoordinationSettings,
    | 'fallbackJitterBaseMs'
    | 'fallbackPerMinute'
    | 'bootstrapWindowMs'
    | 'bootstrapRoutingTablePercent'
    | 'hrwK'
  >;
}

/** The gate of one node. Its uptime counts from its construction. */
export class FallbackGate {
  readonly #parts: FallbackGateParts;
  readonly #startedAt: number;
  readonly #bucket: TokenBucket;
  readonly #waiver = new OutageWaiver();

  constructor(parts: FallbackGateParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonic();
    this.#bucket = new TokenBucket(parts.options.fallbackPerMinute, this.#startedAt);
  }

  /** Whether the bootstrap window is open (12.3). */
  get isBootstrapping(): boolean {
    const { clock, discovery, members, options } = this.#parts;
    return inBootstrapWindow({
      uptimeMs: clock.monotonic() - this.#startedAt,
      windowMs: options.bootstrapWindowMs,
      tableSize: discovery.routingTableSize,
      target: routingTableTarget(members.bootstrapSnapshot().length),
      percent: options.bootstrapRoutingTablePercent,
    });
  }

  /**
   * To be called when the cascade is exhausted, and only then. Passes the request to the pump or says why not; never rejects
   * because of the network. A signal that is aborted declines.
   */
  async attempt(request: FallbackRequest): Promise<FallbackVerdict> {
    const { digest } = request;
    const discoveryReason = this.#discoveryReason(digest);
    if (discoveryReason !== undefined) return this.#declined(digest, discoveryReason);
    const entry = this.#parts.negative.lookup(digest);
    if (entry !== undefined) return { ...this.#declined(digest, 'cooldown'), entry };
    return this.#claim(request);
  }

  /** Steps 1 and 2, with what lifts them. */
  #discoveryReason(digest: Digest): 'bootstrap_window' | 'dht_unhealthy' | undefined {
    const { clock, discovery, members, options } = this.#parts;
    const reason = this.#isAlone()
      ? undefined
      : discoveryDecline({ isBootstrapping: this.isBootstrapping, health: discovery.health() });
    if (reason === undefined) {
      this.#waiver.cleared(digest);
      return undefined;
    }
    this.#waiver.declined(digest, clock.monotonic());
    if (!this.#waiver.isDue(digest, clock.monotonic())) return reason;
    const rank = rankOf(members.snapshot(), members.self(), digest);
    return rank >= 0 && rank < options.hrwK ? undefined : reason;
  }

  /** Step 3. What comes after it gives the claim back, unless the pump has taken it over. */
  async #claim(request: FallbackRequest): Promise<FallbackVerdict> {
    const { inflight, clock } = this.#parts;
    const { digest, kind, expectedSize = 0 } = request;
    const { handle, already } = inflight.start(digest, kind, expectedSize, clock.now());
    if (already) {
      this.#declined(digest, 'in_flight');
      return { kind: 'follow' };
    }
    // Nothing is being read yet: others must neither wait for it in vain nor call it stalled.
    handle.queued();
    try {
      return await this.#pass(request, handle);
    } finally {
      handle.done();
    }
  }

  /** Steps 4 to 6, and the way to the pump. */
  async #pass(request: FallbackRequest, claim: InFlightHandle): Promise<FallbackVerdict> {
    const { clock, events, logger, pump } = this.#parts;
    const { digest, kind, registry, repository } = request;
    if (!this.#bucket.take(clock.monotonic())) return this.#declined(digest, 'rate_limited');
    if (!this.#isAlone()) {
      if (!(await this.#waitJitter(request.signal))) return this.#declined(digest, 'context_cancelled');
      const providers = await this.#recheck(request);
      if (request.signal?.aborted === true) return this.#declined(digest, 'context_cancelled');
      if (providers.length > 0) {
        this.#declined(digest, 'recheck_hit');
        return { kind: 'providers', providers };
      }
    }
    claim.offer();
    const answer = await pump({ digest, kind, registry, repository, trigger: 'fallback' });
    if (answer.kind === 'failed') return { ...this.#declined(digest, 'cooldown'), entry: answer.entry };
    if (answer.kind === 'declined') return this.#declined(digest, 'pump_declined');
    events.publish('fallback.passed', { digest, kind });
    logger.info({ digest, registry, repository, kind }, 'falling back to the origin');
    return { kind: 'pulling', answer };
  }

  /** False when the client went away. */
  async #waitJitter(signal: AbortSignal | undefined): Promise<boolean> {
    const { timers, random, members, options } = this.#parts;
    const limitMs = jitterLimitMs(options.fallbackJitterBaseMs, members.bootstrapSnapshot().length);
    const jitterMs = limitMs * random.fraction();
    try {
      if (jitterMs > 0) await timers.sleep(jitterMs, signal);
    } catch {
      return false;
    }
    return signal?.aborted !== true;
  }

  /** One more lookup. One that fails finds nobody: that discovery is broken is why we are here. */
  async #recheck({ digest, signal }: FallbackRequest): Promise<readonly Provider[]> {
    const { timers, discovery, members, suppression } = this.#parts;
    try {
      const found = await within(timers, RECHECK_MS, signal, async (inner) =>
        discovery.findProviders(digest, { timeoutMs: RECHECK_MS, signal: inner }),
      );
      return found.filter(
        (provider) =>
          provider.nodeId !== members.self() && suppression?.isSuppressed(digest, provider) !== true,
      );
    } catch {
      return [];
    }
  }

  #isAlone(): boolean {
    const { members } = this.#parts;
    return members.snapshot().length <= 1 && members.bootstrapSnapshot().length <= 1;
  }

  #declined(
    digest: Digest,
    reason: DeclineReason,
  ): { readonly kind: 'declined'; readonly reason: DeclineReason } {
    this.#parts.events.publish('fallback.declined', { digest, reason });
    return { kind: 'declined', reason };
  }
}
