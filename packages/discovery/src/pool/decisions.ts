import type { HeartbeatResponse } from '../wire/messages.ts';
import type { ConsensusRun } from './consensus-run.ts';
import { isEvictedByScore, sentence } from './eviction.ts';
import { applyFailures } from './failures.ts';
import { migrationStep } from './migration.ts';
import type { PoolEntry } from './pool-entry.ts';
import type { PoolState } from './pool-state.ts';
import type { Recovery } from './recovery.ts';
import type { Replenisher } from './replenish.ts';
import { acceptSuggestions } from './suggestions.ts';
import type { TickResult } from './tick.ts';

/** Who stays in the pool and who joins it, once a tick is known as a whole (11.3 steps 7 to 9, 11.5 steps 10 to 12). */
export class Decisions {
  readonly #state: PoolState;
  readonly #consensus: ConsensusRun;
  readonly #replenisher: Replenisher;
  readonly #recovery: Recovery;

  constructor(
    state: PoolState,
    parts: {
      readonly consensus: ConsensusRun;
      readonly replenisher: Replenisher;
      readonly recovery: Recovery;
    },
  ) {
    this.#state = state;
    this.#consensus = parts.consensus;
    this.#replenisher = parts.replenisher;
    this.#recovery = parts.recovery;
  }

  afterTick(result: TickResult): void {
    const { answered, refused } = result;
    const { directory, context } = this.#state;
    this.#applyFailures(result);
    for (const { entry, response } of answered) {
      if (!directory.holds(entry)) continue;
      this.judge(entry);
      if (!directory.holds(entry) || this.#evictByScore(entry)) continue;
      this.#takeSuggestions(entry, response);
      this.#migrate(entry, response);
    }
    for (const { entry, response } of refused) {
      if (directory.holds(entry)) this.#takeSuggestions(entry, response);
    }
    this.#state.publishHealth();
    const { minIndexer } = context.settings;
    // A convicted entry that stays for want of another is no reason to stop looking for one.
    if (this.#state.healthy().filter(({ isConvicted }) => !isConvicted).length < minIndexer) {
      this.#replenisher.startIfDue(Math.max(1, directory.need));
    }
  }

  /** A frame that answered nothing: an indexer that shuts down, and where to go (5.4.2). */
  takeNotice(entry: PoolEntry, notice: HeartbeatResponse): void {
    this.#takeSuggestions(entry, notice);
    // A seed that is restarted comes back, and we want it then: only an answer can discharge it.
    if (!entry.isSeed) this.#migrate(entry, notice);
  }

  #applyFailures({ failed, missed, answered }: TickResult): void {
    const { directory, context } = this.#state;
    if (failed.length === 0) return;
    const { victims, recovery } = applyFailures(failed, directory.entries(), {
      now: this.#state.now(),
      constants: context.constants,
      maxSize: directory.maxSize,
      hasAnswer: answered.length > 0,
      missed,
    });
    for (const victim of victims) this.#state.evict(victim, 'failed');
    switch (recovery.kind) {
      case 'none':
        return;
      case 'retry-seeds':
        return this.#recovery.start();
      case 'consensus':
        return this.#consensus.start(recovery.need);
      case 'replenish-and-retry':
        if (victims.length > 0) this.#replenisher.start(recovery.need);
        else this.#replenisher.startIfDue(recovery.need);
        return this.#recovery.start();
      default:
        recovery satisfies never;
    }
  }

  /** Applies the hard-evidence rule (13.8). */
  judge(entry: PoolEntry): void {
    const { directory, context } = this.#state;
    if (!directory.holds(entry)) return;
    const verdict = sentence(entry, directory.entries(), this.#state.now(), context.constants);
    if (verdict.kind === 'none') return;
    if (verdict.kind === 'discharge') {
      this.#discharge(entry);
      entry.isConvicted = true;
      this.#replenisher.startIfDue(Math.max(1, directory.need));
      return;
    }
    if (entry.isSeed) this.#discharge(entry);
    this.#state.evict(entry, 'hard-evidence', verdict.evidence);
    this.#replace();
  }

  #discharge(entry: PoolEntry): void {
    entry.isSeed = false;
    this.#state.context.events.publish('pool.discharged', { peer: entry.peer });
  }

  #evictByScore(entry: PoolEntry): boolean {
    const { directory, context } = this.#state;
    if (!isEvictedByScore(entry, directory.entries(), this.#state.now(), context.constants)) return false;
    this.#state.evict(entry, 'score');
    this.#replace();
    return true;
  }

  /** Looks for somebody in the place of one that was evicted (14.4). */
  #replace(): void {
    const { directory } = this.#state;
    const need = Math.max(directory.maxSize - directory.size, 1);
    if (directory.size === 0) this.#recovery.start();
    if (this.#state.healthy().length > 0) this.#consensus.start(need);
    else this.#replenisher.start(need);
  }

  #takeSuggestions(entry: PoolEntry, response: HeartbeatResponse): void {
    const { directory, context, need } = this.#state;
    if (need === 0 && directory.need > 0) return;
    const accepted = acceptSuggestions(response.suggestions ?? [], {
      ...this.#state.diversity(),
      need,
      allowLoopback: context.settings.allowLoopback,
      skip: (peer) => this.#state.isSkipped(peer),
    });
    const added = accepted.filter((candidate) =>
      this.#state.add(candidate, { from: 'suggestion', suggestedBy: entry.peer }),
    );
    if (added.length > 0) this.#state.nudge();
  }

  #migrate(entry: PoolEntry, response: HeartbeatResponse): void {
    const { directory, context } = this.#state;
    if (response.suggest_migrate !== true) {
      entry.isMigrationPending = false;
      return;
    }
    const step = migrationStep(entry, directory.entries(), {
      now: this.#state.now(),
      minIndexer: context.settings.minIndexer,
      constants: context.constants,
    });
    entry.isMigrationPending = step === 'stay';
    if (step === 'discharge') this.#discharge(entry);
    if (step === 'evict') this.#state.evict(entry, 'migration');
  }
}
