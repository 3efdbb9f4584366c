/**
 * One run of the cascade (coordination spec 10.6): rounds of probing, deciding, asking and waiting.
 *
 * Fault model: nodes lie, hang, vanish in the middle and differ about the members. The run ends within its budget, accepts at
 * most two pullers, and so causes at most one origin read more than needed, whatever it is told.
 */

import type { MusterError } from '@muster/core';
import type { Candidate } from '../election/view.ts';
import { coordinationErrors } from '../errors.ts';
import { pollIntervalMs } from '../inflight/stall.ts';
import type { PullVerdict } from '../inflight/stall.ts';
import type { ClusterNode, FailureClass, PullIntent } from '../types.ts';
import { within } from '../within.ts';
import { askToPull } from './ask.ts';
import { type CascadeContext, providerOf } from './context.ts';
import { probe } from './probe.ts';
import type { ProbeReply } from './probe.ts';
import { reportMismatches } from './rank-check.ts';
import type { ColdStartRequest, CooldownDetails, Resolution, ShortCircuitDetails } from './resolution.ts';
import { decide } from './rules.ts';
import type { Decision, ProbeAnswer } from './rules.ts';
import { askAgain, newWait, noteUnreachable, waitForPull } from './wait.ts';
import type { PullWait } from './wait.ts';

/** Pullers that one run may get going. */
export const MAX_ACCEPTED_PULLERS = 2;

const MIN_BUDGET_MS = 30_000;
const BUDGET_THRESHOLDS = 3;

export class CascadeRun {
  readonly context: CascadeContext;
  readonly request: ColdStartRequest;
  /** Changes when a resumed run goes on under another caller's signal. */
  signal: AbortSignal;
  readonly #excluded = new Set<string>();
  readonly #accepted = new Set<string>();
  readonly #takenOver = new Set<string>();
  readonly #health: number;
  readonly #budgetEnd: number;
  #round = 0;
  #prefix = '';

  constructor(context: CascadeContext, request: ColdStartRequest, signal: AbortSignal) {
    this.context = context;
    this.request = request;
    this.signal = signal;
    this.#health = context.parts.discovery.health();
    const threshold = context.watch.thresholdMs(request.kind, request.expectedSize ?? 0);
    const budget = Math.max(MIN_BUDGET_MS, BUDGET_THRESHOLDS * threshold);
    this.#budgetEnd = this.#now() + Math.min(budget, context.parts.options.coldStartBudgetMaxMs);
  }

  /** Plays the rounds that are left. Rejects with one of the three errors of the cascade, or the reason of the signal. */
  async play(): Promise<Resolution> {
    while (this.#round < this.context.parts.options.coldStartRounds && this.#hasBudget()) {
      this.#round += 1;
      const resolution = await this.#playRound();
      if (resolution !== undefined) return resolution;
    }
    throw this.#exhausted('rounds and time are used up');
  }

  /** Runs `work` within the time, under the signal of the run. */
  async within<T>(budgetMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(this.context.parts.timers, budgetMs, this.signal, work);
  }

  /** The monotonic time until which a pull of that size may go on without sign of life, from now. */
  deadline(expectedSize: number): number {
    const threshold = this.context.watch.thresholdMs(this.request.kind, expectedSize);
    return Math.min(this.#now() + threshold, this.#budgetEnd);
  }

  judge(nodeId: string, intent: PullIntent): PullVerdict {
    const { digest, kind, expectedSize = 0 } = this.request;
    const { startedAt, progressBytes, totalBytes } = intent;
    const size = totalBytes ?? expectedSize;
    const report = { digest, nodeId, kind, expectedSize: size, startedAt, progressBytes };
    return this.context.watch.judge(report, this.context.parts.clock.now());
  }

  /** Whether the node would be asked for the object in vain. */
  isUseless(node: ClusterNode): boolean {
    return this.context.isUseless(this.request.digest, node);
  }

  /** The node has the object. */
  cached(node: ClusterNode, outcome: string): Resolution {
    if (node.id === this.context.self) return { how: 'local', outcome: 'local_hit' };
    this.context.parts.suppression?.hasCached?.(this.request.digest, node.id);
    return { how: 'providers', providers: [providerOf(node)], outcome };
  }

  shortCircuit(
    node: string,
    failure: { readonly failureClass: FailureClass; readonly cooldownUntil?: number | undefined },
  ): MusterError {
    const { failureClass, cooldownUntil } = failure;
    const details: ShortCircuitDetails = { digest: this.request.digest, node, failureClass, cooldownUntil };
    const message = `${node} reports that the origin refuses ${this.request.digest}: ${failureClass}`;
    return coordinationErrors.create('FAILURE_SHORT_CIRCUIT', message, { details: { ...details } });
  }

  /** Opens the honour window, if there is one to open, and makes the error. */
  coolDown(cooldownUntil: number | undefined): MusterError {
    this.context.honour.record(this.request.digest, cooldownUntil, this.context.parts.clock.now());
    return cooldownError({ digest: this.request.digest, cooldownUntil });
  }

  /** Hands the pull to the caller to be tailed, with the way back. */
  tail(wait: PullWait): Resolution {
    let resumed: Promise<Resolution> | undefined;
    return {
      how: 'tail',
      provider: providerOf(wait.puller),
      outcome: wait.outcome,
      resume: async (refusal, signal) => {
        resumed ??= this.#resume(wait, refusal, signal);
        return resumed;
      },
    };
  }

  async #resume(
    wait: PullWait,
    refusal: Parameters<Extract<Resolution, { how: 'tail' }>['resume']>[0],
    signal: AbortSignal | undefined,
  ): Promise<Resolution> {
    const { timers } = this.context.parts;
    this.signal = signal ?? new AbortController().signal;
    const left = Math.max(0, wait.deadline - this.#now());
    if (refusal.kind === 'refused') {
      // A pull that has failed or ended meanwhile is refused in the same way: that says nothing about the node, and whoever
      // waits for it is to hear of it at once.
      const look = await askAgain(this, wait);
      if (look === 'give-up') {
        this.#giveUp(wait);
        return this.play();
      }
      if (look !== 'go-on') return look;
      this.context.markLacksPartial(wait.puller.id);
    } else if (refusal.kind === 'busy') {
      await timers.sleep(Math.min(refusal.retryAfterMs, left), this.signal);
    } else if (noteUnreachable(wait)) {
      this.#giveUp(wait);
      return this.play();
    } else {
      await timers.sleep(Math.min(pollIntervalMs(this.request.kind), left), this.signal);
    }
    return (await this.#wait(wait)) ?? this.play();
  }

  async #playRound(): Promise<Resolution | undefined> {
    const { hrwK, expansionFactor } = this.context.parts.options;
    this.#prefix = '';
    let { decision, probed } = await this.#probe(hrwK, false);
    if (decision.rule === 5 || decision.rule === 6) {
      this.#prefix = decision.rule === 5 ? 'rule5_all_unreachable/' : 'rule6_degraded_expand/';
      this.context.parts.events.publish('coldstart.expanded', { reason: decision.reason });
      ({ decision, probed } = await this.#probe(hrwK * expansionFactor, true));
    }
    switch (decision.rule) {
      case 1:
        throw this.shortCircuit(decision.answer.node.id, decision.answer.intent);
      case 2:
        return this.#cacheHit(decision.answer, probed);
      case 3:
        return this.#joinPull(decision.answer);
      case 4:
        throw this.coolDown(decision.cooldownUntil);
      case 7:
        return this.#coldStart(decision.candidates);
      default:
        throw this.#exhausted('nobody can be reached');
    }
  }

  async #probe(
    count: number,
    isExpanded: boolean,
  ): Promise<{ readonly decision: Decision; readonly probed: readonly Candidate[] }> {
    const { parts, view } = this.context;
    const { hrwK, trustedClasses, expansionFactor } = parts.options;
    this.context.observeMembers();
    const limit = Math.max(count, 2 * hrwK);
    const probed = view.candidates(this.request.digest, count, limit, this.#now());
    const replies = await probe({
      candidates: probed.filter(({ node }) => node.id !== this.context.self || parts.local !== undefined),
      afterBudget: (end) => this.context.afterPatience(end),
      trustedClasses,
      timers: parts.timers,
      signal: this.signal,
      ask: async ({ node }, signal) => this.context.intent(node.id, this.request.digest, signal),
      onFailure: ({ node }, error) =>
        parts.logger.debug({ node_id: node.id, digest: this.request.digest, err: error }, 'probe failed'),
    });
    reportMismatches(this.context, this.request, replies);
    const answers = await this.#judgeAll(replies);
    const decision = decide({
      answers,
      isExpanded,
      canExpand: expansionFactor > 1,
      health: this.#health,
      trustedClasses,
      excluded: this.#excluded,
    });
    return { decision, probed };
  }

  /** Judges the reported pulls. One that is old but tells its progress gets a second look before it is given up. */
  async #judgeAll(replies: readonly ProbeReply[]): Promise<readonly ProbeAnswer[]> {
    const judged = replies.map((reply) => ({
      ...reply,
      verdict: this.#judgeReply(reply.candidate, reply.intent),
    }));
    if (judged.some(({ verdict }) => verdict?.isUndecided === true)) {
      await this.context.parts.timers.sleep(pollIntervalMs(this.request.kind), this.signal);
    }
    const answers = await Promise.all(
      judged.map(async ({ candidate, intent, verdict }): Promise<ProbeAnswer> => {
        const { node, rank, isFromBefore } = candidate;
        const isSelf = node.id === this.context.self;
        const answer = { node, rank, isSelf, isFromBefore, intent, isStalled: verdict?.isStalled === true };
        return this.#believed(verdict?.isUndecided === true ? await this.#lookAgain(answer) : answer);
      }),
    );
    for (const { node, intent, isStalled } of answers) {
      if (!intent.inFlight || !isStalled) continue;
      this.#excluded.add(node.id);
      this.#takeOver(node.id);
    }
    return answers;
  }

  /**
   * A node from which the object could not be had does not have it, whatever it says; else its word would keep everybody from
   * asking the next one to pull (rule 2 before rule 7).
   */
  #believed(answer: ProbeAnswer): ProbeAnswer {
    const { node, intent, isSelf } = answer;
    if (!intent.hasCached || isSelf || !this.isUseless(node)) return answer;
    this.#excluded.add(node.id);
    return { ...answer, intent: { ...intent, hasCached: false } };
  }

  async #lookAgain(answer: ProbeAnswer): Promise<ProbeAnswer> {
    try {
      const intent = await this.context.intent(answer.node.id, this.request.digest, this.signal);
      const isStalled = this.#judgeReply(answer, intent)?.isStalled === true;
      return { ...answer, intent, isStalled };
    } catch {
      this.signal.throwIfAborted();
      return answer;
    }
  }

  #judgeReply({ node }: { readonly node: ClusterNode }, intent: PullIntent): PullVerdict | undefined {
    return intent.inFlight ? this.judge(node.id, intent) : undefined;
  }

  #cacheHit(hit: ProbeAnswer, probed: readonly Candidate[]): Resolution {
    const { digest, kind } = this.request;
    const outcome = `${this.#prefix}rule2_cache_hit`;
    this.context.parts.events.publish('coldstart.probe-hit', { digest, kind, rule: 2 });
    if (hit.isSelf) return { how: 'local', outcome };
    this.context.parts.suppression?.hasCached?.(digest, hit.node.id);
    const others = probed.filter(({ node }) => node.id !== hit.node.id && node.id !== this.context.self);
    return { how: 'providers', providers: [hit, ...others].map(({ node }) => providerOf(node)), outcome };
  }

  async #joinPull({ node, intent }: ProbeAnswer): Promise<Resolution | undefined> {
    const { digest, kind, expectedSize = 0 } = this.request;
    this.context.parts.events.publish('coldstart.probe-hit', { digest, kind, rule: 3 });
    const size = intent.totalBytes ?? expectedSize;
    return this.#wait(newWait(this, node, `${this.#prefix}rule3_inflight`, size));
  }

  async #coldStart(candidates: readonly ProbeAnswer[]): Promise<Resolution | undefined> {
    const { registry, repository, expectedSize = 0 } = this.request;
    if (registry === '' || repository === '') throw this.#exhausted('registry or repository is not known');
    const outcome = `${this.#prefix}rule7_cold_start`;
    for (const { node } of candidates) {
      if (this.#accepted.size >= MAX_ACCEPTED_PULLERS || !this.#hasBudget()) break;
      const answer = await askToPull(this.context, this.request, node.id, this.signal);
      if (answer.kind === 'accepted') {
        this.#accept(node.id);
        if (answer.hasCached) return this.cached(node, outcome);
        return this.#wait(newWait(this, node, outcome, expectedSize));
      }
      if (answer.kind === 'failed') throw this.#refusal(node.id, answer);
      this.#excluded.add(node.id);
    }
    throw this.#exhausted('nobody could be made to pull it');
  }

  #accept(nodeId: string): void {
    const { digest, kind } = this.request;
    this.#accepted.add(nodeId);
    if (this.#accepted.size > 1) this.context.parts.events.publish('coldstart.repull', { digest, kind });
  }

  #refusal(
    nodeId: string,
    failure: { readonly failureClass: FailureClass; readonly cooldownUntil: number | undefined },
  ): MusterError {
    const isTrusted = this.context.parts.options.trustedClasses.includes(failure.failureClass);
    return isTrusted ? this.shortCircuit(nodeId, failure) : this.coolDown(failure.cooldownUntil);
  }

  async #wait(wait: PullWait): Promise<Resolution | undefined> {
    const resolution = await waitForPull(this, wait);
    if (resolution === undefined) this.#giveUp(wait);
    return resolution;
  }

  #giveUp(wait: PullWait): void {
    this.#excluded.add(wait.puller.id);
    if (wait.isInFlight) this.#takeOver(wait.puller.id);
  }

  /** Once per node and run. */
  #takeOver(node: string): void {
    if (this.#takenOver.has(node)) return;
    this.#takenOver.add(node);
    const { digest, kind } = this.request;
    this.context.parts.events.publish('coldstart.takeover', { digest, kind, node });
  }

  #exhausted(why: string): MusterError {
    const { digest } = this.request;
    return coordinationErrors.create('CASCADE_EXHAUSTED', `${digest}: ${why}`, { details: { digest } });
  }

  #hasBudget(): boolean {
    return this.#now() < this.#budgetEnd;
  }

  #now(): number {
    return this.context.parts.clock.monotonic();
  }
}

/** The error of rules 0 and 4. */
export function cooldownError(details: CooldownDetails): MusterError {
  const message = `the origin failed for ${details.digest} a moment ago`;
  return coordinationErrors.create('COOLDOWN_ACTIVE', message, { details: { ...details } });
}
