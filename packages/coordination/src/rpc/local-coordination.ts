/**
 * The answers of a node, whoever asks: the wire's handler and the local calls come here, so that a node never tells
 * itself anything else than others (5.3, 5.4).
 */

import { errorCode, type Clock, type Logger, type Timers } from '@muster/core';
import { isDigest } from '../digest.ts';
import { RankMemo } from '../election/hrw.ts';
import type { ClusterMembers, ContentStore, InFlightEntry, NegativeCacheReader, Pump } from '../parts.ts';
import type {
  Digest,
  ObjectKind,
  PleasePullResult,
  PullIntent,
  PullJob,
  PumpAnswer,
  Repository,
} from '../types.ts';
import { settleWithin, TIMED_OUT } from './bounded-wait.ts';
import type { CoordHooks } from './hooks.ts';

/** A place that can say whether it has an object; rejects STORAGE_UNAVAILABLE when it can't. */
export type PresenceSource = Pick<ContentStore, 'has'>;

export interface LocalCoordinationParts {
  readonly store: Pick<ContentStore, 'has' | 'size'>;
  readonly secondary?: PresenceSource | undefined;
  readonly members: Pick<ClusterMembers, 'self' | 'snapshot'>;
  readonly inflight: { lookup(digest: Digest): InFlightEntry | undefined };
  readonly negative?: NegativeCacheReader | undefined;
  readonly pump?: Pump | undefined;
  readonly hooks: Required<CoordHooks>;
  readonly clock: Clock;
  readonly timers: Pick<Timers, 'after'>;
  readonly logger: Logger;
}

/** How long one source is asked whether it has an object. */
const PRESENCE_TIMEOUT_MS = 500;
/** At most one warning about storage in this time. */
const WARNING_INTERVAL_MS = 30_000;

type Presence = boolean | 'unavailable';

/** Computes intents and hands pulls to the pump. */
export class LocalCoordination {
  readonly #parts: LocalCoordinationParts;
  /** Everybody asks the puller of a digest about it, and hashing ten thousand members for each takes ten milliseconds. */
  readonly #ranks = new RankMemo();
  #lastWarningAt = Number.NEGATIVE_INFINITY;

  constructor(parts: LocalCoordinationParts) {
    this.#parts = parts;
  }

  /** What this node says about the digest. Never rejects: what a source does not know is not claimed. */
  async intent(digest: Digest): Promise<PullIntent> {
    const { members, inflight, negative, clock } = this.#parts;
    const hasCached = await this.#hasCached(digest);
    const entry = inflight.lookup(digest);
    const failure = negative?.lookup(digest);
    const totalBytes = entry?.totalBytes ?? (hasCached ? await this.#size(digest) : undefined);
    return {
      hasCached,
      inFlight: entry !== undefined,
      // A pull that waits for its turn cannot be late.
      ...(entry === undefined
        ? {}
        : {
            startedAt: entry.isQueued ? clock.now() : entry.startedAt,
            progressBytes: entry.progressBytes,
          }),
      // Over the whole view, also where pullers are chosen in the zone only.
      rank: this.#ranks.rankOf(members.snapshot(), members.self(), digest),
      recentlyFailed: failure !== undefined,
      ...(failure === undefined ? {} : { cooldownUntil: failure.cooldownUntil }),
      failureClass: failure?.failureClass ?? '',
      ...(totalBytes === undefined ? {} : { totalBytes }),
    };
  }

  /** Asks the pump for one digest. Never rejects. */
  async pull(
    job: Repository & { readonly kind: ObjectKind; readonly trigger: PullJob['trigger'] },
    digest: Digest,
  ): Promise<PleasePullResult> {
    const { pump, hooks, logger } = this.#parts;
    if (pump === undefined) return unspecified(digest);
    let answer: PumpAnswer;
    try {
      answer = await pump({
        registry: job.registry,
        repository: job.repository,
        kind: job.kind,
        trigger: job.trigger,
        digest,
      });
    } catch (error) {
      logger.error({ digest, err: error }, 'the pump failed to decide about a pull');
      answer = { kind: 'declined' };
    }
    switch (answer.kind) {
      case 'failed': {
        const { cooldownUntil, failureClass } = answer.entry;
        return { digest, outcome: 'recently_failed', cooldownUntil, failureClass };
      }
      case 'already':
        return { digest, outcome: 'already_pulling', startedAt: answer.startedAt, failureClass: '' };
      case 'started':
        hooks.pleasePullStarted(digest);
        return { digest, outcome: 'started', startedAt: answer.startedAt, failureClass: '' };
      case 'declined':
        hooks.pleasePullDeclined(digest);
        return unspecified(digest);
    }
  }

  /**
   * Works through a batch in order. Texts that are no digests are skipped, each counted as one stream error. Once `isOver`
   * says so, the rest is answered without the pump.
   */
  async pullAll(
    job: Repository & { readonly kind: ObjectKind; readonly trigger: PullJob['trigger'] },
    digests: readonly string[],
    limit: { readonly remainingMs: () => number } | undefined,
  ): Promise<readonly PleasePullResult[]> {
    const results: PleasePullResult[] = [];
    for (const digest of digests) {
      if (!isDigest(digest)) {
        this.#parts.hooks.streamError('bad_digest');
        this.#parts.logger.debug({}, 'a digest of a batch is none and was skipped');
      } else if (limit === undefined) {
        results.push(await this.pull(job, digest));
      } else {
        const remainingMs = limit.remainingMs();
        const result =
          remainingMs <= 0
            ? TIMED_OUT
            : await settleWithin(this.pull(job, digest), remainingMs, this.#parts.timers);
        results.push(result === TIMED_OUT ? unspecified(digest) : result);
      }
    }
    return results;
  }

  async #hasCached(digest: Digest): Promise<boolean> {
    const { store, secondary, hooks, logger, clock } = this.#parts;
    const first = await this.#presence(store, digest);
    if (first === true) return true;
    const second = secondary === undefined ? false : await this.#presence(secondary, digest);
    if (second === true) return true;
    if (first === 'unavailable' || second === 'unavailable') {
      hooks.storageUnavailable();
      if (clock.monotonic() - this.#lastWarningAt >= WARNING_INTERVAL_MS) {
        this.#lastWarningAt = clock.monotonic();
        logger.warn(
          { digest },
          'the storage cannot say whether it has the object; "not cached" was answered',
        );
      }
    }
    return false;
  }

  async #presence(source: PresenceSource, digest: Digest): Promise<Presence> {
    try {
      const found = await settleWithin(source.has(digest), PRESENCE_TIMEOUT_MS, this.#parts.timers);
      return found === TIMED_OUT ? 'unavailable' : found;
    } catch (error) {
      if (errorCode(error) === 'STORAGE_UNAVAILABLE') return 'unavailable';
      this.#parts.logger.debug({ digest, err: error }, 'asking for an object failed');
      return false;
    }
  }

  async #size(digest: Digest): Promise<number | undefined> {
    try {
      const size = await settleWithin(
        this.#parts.store.size(digest),
        PRESENCE_TIMEOUT_MS,
        this.#parts.timers,
      );
      return size === TIMED_OUT ? undefined : size;
    } catch {
      return undefined;
    }
  }
}

function unspecified(digest: Digest): PleasePullResult {
  return { digest, outcome: 'unspecified', failureClass: '' };
}
