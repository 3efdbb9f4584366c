import { takeAnswer, type AnswerContext, type OwnRecordVerdict } from '../heartbeat/answer.ts';
import { type Challenges, repeatChallenges, scheduleChallenges } from '../heartbeat/challenge-schedule.ts';
import type { Heartbeat, HeartbeatResponse, PeerId, PeerRecord } from '../wire/messages.ts';
import type { BeatOutcome, HeartbeatSender } from './beat.ts';
import { shuffled } from './known-peers.ts';
import { noteChallengers } from './migration.ts';
import type { PoolEntry } from './pool-entry.ts';
import type { PoolState } from './pool-state.ts';
import { takeRefusal } from './refusals.ts';
import type { TickScope } from './ticker.ts';
import type { Verification } from './verification.ts';

/** What a tick has seen, for the decisions that need the whole of it. */
export interface TickResult {
  readonly answered: readonly { readonly entry: PoolEntry; readonly response: HeartbeatResponse }[];
  readonly failed: readonly PoolEntry[];
  /** Those that did not answer, failed ones included. */
  readonly missed: readonly PoolEntry[];
  /** Suggestions of indexers that are full (7.3). */
  readonly refused: readonly { readonly entry: PoolEntry; readonly response: HeartbeatResponse }[];
}

export interface TickOptions {
  readonly ownDid: () => string | undefined;
  /** Absent on strict indexers, which send no record and designate no referent (F:59). */
  readonly recordBuilder: (() => PeerRecord) | undefined;
  readonly judgeOwnRecord: (payload: unknown) => OwnRecordVerdict;
  readonly name: () => string;
}

/** One round of heartbeats (11.3): sends them in parallel, and takes each answer in as it comes. */
export class Tick {
  readonly #state: PoolState;
  readonly #sender: HeartbeatSender;
  readonly #verification: Verification;
  readonly #options: TickOptions;

  constructor(state: PoolState, sender: HeartbeatSender, verification: Verification, options: TickOptions) {
    this.#state = state;
    this.#sender = sender;
    this.#verification = verification;
    this.#options = options;
  }

  async run(scope: TickScope): Promise<TickResult> {
    const { context, directory } = this.#state;
    const due = shuffled(directory.entries(), context.random).filter((entry) => this.#isDue(entry, scope));
    const isDesignating = this.#options.recordBuilder !== undefined;
    if (isDesignating) this.#state.updateReferent();
    const base = this.#baseMessage();
    const result = {
      answered: [] as { entry: PoolEntry; response: HeartbeatResponse }[],
      failed: [] as PoolEntry[],
      missed: [] as PoolEntry[],
      refused: [] as { entry: PoolEntry; response: HeartbeatResponse }[],
    };
    await mapLimited(due, context.constants.heartbeatsAtOnce, async (entry) => {
      if (this.#state.signal.aborted || !directory.holds(entry)) return;
      const challenges = this.#challenges(entry);
      const message: Heartbeat = {
        ...base,
        referent: isDesignating && entry.peer === this.#state.referent,
      };
      const outcome = await this.#sender.beat(entry, message, challenges);
      if (this.#state.signal.aborted || !directory.holds(entry)) return;
      this.#publish(entry, outcome);
      if (outcome.kind === 'silent' || outcome.kind === 'failed') result.missed.push(entry);
      this.#take(entry, outcome, challenges, result);
    });
    return result;
  }

  #isDue(entry: PoolEntry, scope: TickScope): boolean {
    const now = this.#state.now();
    if (entry.isSuspended(now)) return false;
    if (entry.suspendedUntil !== undefined) {
      entry.suspendedUntil = undefined;
      entry.retrySoon = true;
    }
    if (this.#state.isBlacklisted(entry.peer)) return false;
    // The indexer's limit holds whatever asks for a heartbeat (F:15). A dial that failed has sent none.
    const { heartbeatMinGapMs } = this.#state.context.constants;
    if (entry.lastSent !== undefined && now - entry.lastSent < heartbeatMinGapMs) return false;
    if (entry.lastTried === undefined) return true;
    return scope === 'full' || entry.retrySoon;
  }

  #baseMessage(): Heartbeat {
    const { context, directory } = this.#state;
    const record = this.#options.recordBuilder?.();
    return {
      name: this.#options.name(),
      peer_id: context.self,
      timestamp: Math.floor(context.clock.now() / 1000),
      indexers_binded: directory.entries().map(({ peer }) => peer),
      need: this.#state.need,
      ...(record !== undefined && { record }),
    };
  }

  #challenges(entry: PoolEntry): Challenges {
    const { context, directory } = this.#state;
    const others: PeerId[] = [
      ...entry.connectedPeers.toReversed(),
      ...shuffled(directory.entries(), context.random).map(({ peer }) => peer),
    ];
    return scheduleChallenges(entry, {
      self: context.self,
      ownDid: this.#options.ownDid(),
      others: [...new Set(others)],
      random: context.random,
      constants: context.constants,
    });
  }

  #take(
    entry: PoolEntry,
    outcome: BeatOutcome,
    challenges: Challenges,
    result: { answered: object[]; failed: PoolEntry[]; refused: object[] },
  ): void {
    const { constants, logger } = this.#state.context;
    switch (outcome.kind) {
      case 'ok':
        this.#takeAnswer(entry, outcome, challenges);
        result.answered.push({ entry, response: outcome.response });
        return;
      case 'silent':
        repeatChallenges(entry, challenges);
        entry.silent += 1;
        this.#noteMissed(entry, 'silent');
        if (entry.silent >= constants.silentToFail) result.failed.push(entry);
        return;
      case 'failed':
        repeatChallenges(entry, challenges);
        this.#noteMissed(entry, outcome.reason);
        result.failed.push(entry);
        return;
      case 'refused': {
        repeatChallenges(entry, challenges);
        const effect = takeRefusal(entry, outcome.error, this.#state.now(), constants);
        if (effect === 'failure') {
          this.#noteMissed(entry, outcome.error.code);
          result.failed.push(entry);
        } else if (effect === 'own-bug') {
          logger.error({ peer: entry.peer, code: outcome.error.code }, 'an indexer refuses our heartbeat');
        } else if (outcome.error.code === 'full') {
          this.#state.noteShortage();
          result.refused.push({ entry, response: outcome.response });
        }
        this.#planRetry(entry);
        return;
      }
      default:
        outcome satisfies never;
    }
  }

  #takeAnswer(entry: PoolEntry, outcome: Extract<BeatOutcome, { kind: 'ok' }>, challenges: Challenges): void {
    const { context, directory } = this.#state;
    const now = this.#state.now();
    const answerContext: AnswerContext = {
      self: context.self,
      now,
      date: context.clock.now(),
      judgeOwnRecord: this.#options.judgeOwnRecord,
    };
    const findings = takeAnswer(entry, { ...outcome, challenges }, answerContext);
    noteChallengers(entry, directory.entries(), now);
    context.events.publish('score.updated', {
      peer: entry.peer,
      score: entry.score ?? 0,
      terms: entry.terms(now),
      confidence: entry.confidence.value,
    });
    this.#verification.afterAnswer(entry, outcome.response, findings);
    this.#state.publishHealth();
  }

  #noteMissed(entry: PoolEntry, note: string): void {
    entry.confidence.add('heartbeat', false);
    this.#state.context.events.publish('evidence', {
      peer: entry.peer,
      kind: 'heartbeat',
      isGood: false,
      note,
    });
  }

  /** A back-off that ends between two ticks is ended by a nudge. */
  #planRetry(entry: PoolEntry): void {
    const now = this.#state.now();
    const { suspendedUntil } = entry;
    if (suspendedUntil === undefined || suspendedUntil <= now) return;
    this.#state.run('end of a back-off', async () => {
      if (await this.#state.sleep(suspendedUntil - now)) this.#state.nudge();
    });
  }

  #publish(entry: PoolEntry, outcome: BeatOutcome): void {
    this.#state.context.events.publish('heartbeat.outcome', {
      peer: entry.peer,
      outcome: outcome.kind,
      ...(outcome.kind === 'refused' && { code: outcome.error.code }),
      ...(outcome.kind === 'failed' && { code: outcome.reason }),
      ...(outcome.kind === 'ok' && { rttMs: outcome.rttMs }),
    });
  }
}

/** Runs `task` for every item, `limit` at most at one time. */
async function mapLimited<T>(
  items: readonly T[],
  limit: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await task(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
}
