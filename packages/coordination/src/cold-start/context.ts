/** What a run of the cascade works with: the parts it is handed, and the little that outlives a run (10.9). */

import {
  AdaptiveTimeout,
  type Clock,
  type EventBus,
  type Logger,
  ownTime,
  type TimerHandle,
  type Timers,
} from '@muster/core';
import { RankMemo } from '../election/hrw.ts';
import { MismatchLimiter } from '../election/mismatch-limiter.ts';
import { ElectionView } from '../election/view.ts';
import { coordinationErrors } from '../errors.ts';
import type { CoordinationEvents } from '../events.ts';
import { StallWatch } from '../inflight/stall.ts';
import { HonourWindows } from '../negative-cache/honour-window.ts';
import type {
  ClusterMembers,
  ContentDiscovery,
  ContentStore,
  Coordinator,
  Descriptor,
  LocalCoordinator,
} from '../parts.ts';
import type { CoordinationSettings } from '../settings.ts';
import type { CallOptions, ClusterNode, Digest, Provider, PullIntent } from '../types.ts';
import { withinLimit } from '../within.ts';

/** For the whole fan-out of a probe, and for each call (10.1); longer only where answers have been found to take longer. */
const QUERY_TIMEOUT_MS = 2_000;
const MAX_QUERY_TIMEOUT_MS = 8_000;
/** A call ends after that, whether this process ran meanwhile or not. */
const MAX_CALL_MS = 15_000;

const LACKS_PARTIAL_MS = 600_000;
const MAX_LACKING = 4096;

export type ColdStartSettings = Pick<
  CoordinationSettings,
  | 'hrwK'
  | 'hrwScope'
  | 'hrwViewOverlapMs'
  | 'expansionFactor'
  | 'trustedClasses'
  | 'honourCapMs'
  | 'coldStartRounds'
  | 'coldStartBudgetMaxMs'
  | 'stallBytesPerSecond'
  | 'partialTransfer'
> & {
  /**
   * Whether a pull of the own pump is reported as such, to be followed. Without it the cascade waits until the store or a
   * provider has the object, as the reference does. @default true
   */
  readonly followOwnPull?: boolean;
};

/** The node as a provider. */
export function providerOf({ id, addr }: ClusterNode): Provider {
  return { nodeId: id, addr };
}

/** What is known of providers elsewhere (13.9). */
export interface ProviderSuppression {
  isSuppressed(digest: Digest, provider: Provider): boolean;
  /** Whether what the node says of having the object is worth nothing to this one: it has lied, or cannot be reached. */
  isUseless?(digest: Digest, provider: Provider): boolean;
  /** The node says that it has the object: what was held against it for that digest is void. */
  hasCached?(digest: Digest, nodeId: string): void;
}

/** What is known of objects (3.6). */
export interface SizeIndex {
  get(digest: Digest): Descriptor | undefined;
  learn(digest: Digest, descriptor: Descriptor): void;
}

export interface ColdStartParts {
  readonly coordinator: Coordinator;
  /** Without it this node neither answers its own probes nor pulls for itself. */
  readonly local?: LocalCoordinator;
  readonly members: ClusterMembers;
  readonly discovery: Pick<ContentDiscovery, 'findProviders' | 'health'>;
  readonly store: Pick<ContentStore, 'has'>;
  readonly suppression?: ProviderSuppression;
  readonly descriptors?: SizeIndex;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly events: EventBus<CoordinationEvents>;
  readonly options: ColdStartSettings;
}

/** Shared by all runs of one {@link ColdStartParts}. */
export class CascadeContext {
  readonly parts: ColdStartParts;
  readonly view: ElectionView;
  readonly watch: StallWatch;
  readonly honour: HonourWindows;
  readonly ranks = new RankMemo();
  readonly mismatches = new MismatchLimiter();
  readonly #ownTime: Pick<Timers, 'after'>;
  readonly #answers = new AdaptiveTimeout(QUERY_TIMEOUT_MS, MAX_QUERY_TIMEOUT_MS);
  readonly #lacksPartialUntil = new Map<string, number>();

  constructor(parts: ColdStartParts) {
    this.parts = parts;
    this.#ownTime = ownTime(parts.timers);
    this.view = new ElectionView(parts.options);
    this.watch = new StallWatch(parts.options);
    this.honour = new HonourWindows(parts.options);
  }

  get self(): string {
    return this.parts.members.self();
  }

  /** Takes in who is in the cluster now, and the own zone, which the ready nodes need not show yet (7.2). */
  observeMembers(): void {
    const { members, clock } = this.parts;
    const snapshot = members.snapshot();
    const own =
      snapshot.find(({ id }) => id === this.self) ??
      members.bootstrapSnapshot().find(({ id }) => id === this.self);
    this.view.observe(snapshot, own?.zone ?? '', clock.monotonic());
  }

  /**
   * Calls back when an answer has been waited for long enough: two seconds in which this process ran, or longer where answers have
   * lately taken longer.
   */
  afterPatience(callback: () => void): TimerHandle {
    return this.#answers.after(this.#ownTime, this.parts.clock, callback);
  }

  /**
   * Asks another node with `remote`, or ourselves with `own`, for as long as {@link afterPatience} allows. Rejects RPC_TIMEOUT, with the
   * reason of the signal, and as they do.
   */
  async ask<T>(
    nodeId: string,
    signal: AbortSignal,
    questions: {
      readonly remote: (coordinator: Coordinator, limits: CallOptions) => Promise<T>;
      readonly own: (local: LocalCoordinator, limits: CallOptions) => Promise<T>;
    },
  ): Promise<T> {
    const { coordinator, local, clock } = this.parts;
    const work = async (inner: AbortSignal): Promise<T> => {
      const limits = { signal: inner, timeoutMs: MAX_CALL_MS };
      if (nodeId === this.self) {
        if (local === undefined) throw coordinationErrors.create('PEER_UNRESOLVED', 'no local coordinator');
        return questions.own(local, limits);
      }
      const since = clock.monotonic();
      const answer = await questions.remote(coordinator, limits);
      this.#answers.observe(clock.monotonic() - since, clock.monotonic());
      return answer;
    };
    return withinLimit((end) => this.afterPatience(end), signal, work, 'the time that answers take');
  }

  /** What a node, or we ourselves, say of the digest, as {@link ask} gets it. */
  async intent(nodeId: string, digest: Digest, signal: AbortSignal): Promise<PullIntent> {
    const intent = await this.ask(nodeId, signal, {
      remote: async (coordinator, limits) => coordinator.pullIntent(nodeId, digest, limits),
      own: async (local) => local.localPullIntent(digest),
    });
    this.#learnSize(digest, intent.totalBytes);
    return intent;
  }

  /** Whether the node would be asked for the object in vain. */
  isUseless(digest: Digest, node: ClusterNode): boolean {
    return this.parts.suppression?.isUseless?.(digest, providerOf(node)) === true;
  }

  /** The node has refused to be tailed. */
  markLacksPartial(nodeId: string): void {
    this.#lacksPartialUntil.delete(nodeId);
    if (this.#lacksPartialUntil.size >= MAX_LACKING) {
      const oldest = this.#lacksPartialUntil.keys().next();
      if (oldest.done !== true) this.#lacksPartialUntil.delete(oldest.value);
    }
    this.#lacksPartialUntil.set(nodeId, this.parts.clock.monotonic() + LACKS_PARTIAL_MS);
  }

  /** Whether the node may be tailed, as far as is known. */
  canTail(nodeId: string): boolean {
    if (!this.parts.options.partialTransfer) return false;
    const until = this.#lacksPartialUntil.get(nodeId);
    return until === undefined || this.parts.clock.monotonic() >= until;
  }

  /** Another node's word for a size is taken only while there is no better one. */
  #learnSize(digest: Digest, size: number | undefined): void {
    const { descriptors } = this.parts;
    if (size === undefined || descriptors === undefined) return;
    if (descriptors.get(digest)?.size === undefined) descriptors.learn(digest, { size });
  }
}
