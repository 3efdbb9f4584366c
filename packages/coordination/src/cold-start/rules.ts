/**
 * What to do with the answers of one probe (coordination spec 10.2): the rules, strictly in their order, as a function without
 * time, I/O or memory. Answers come from other nodes and may say anything; whatever they say, nothing here makes a puller of a
 * node by the rank that it claims.
 */

import { HEALTHY_SCORE, UNHEALTHY_SCORE } from '../health/health-score.ts';
import type { ClusterNode, FailureClass, PullIntent } from '../types.ts';

/** A node that has answered a probe. */
export interface ProbeAnswer {
  readonly node: ClusterNode;
  /** The requester's own rank of the node. */
  readonly rank: number;
  readonly isSelf: boolean;
  /** Asked because of an earlier view (7.3). */
  readonly isFromBefore: boolean;
  readonly intent: PullIntent;
  /** What 8.4 says of the pull that it reports. */
  readonly isStalled: boolean;
}

export interface RuleInput {
  readonly answers: readonly ProbeAnswer[];
  /** True on the second, wider pass. */
  readonly isExpanded: boolean;
  /** Whether a second pass would ask anybody more by configuration (a factor above 1). */
  readonly canExpand: boolean;
  readonly health: number;
  readonly trustedClasses: readonly FailureClass[];
  /** Nodes given up in this run. */
  readonly excluded: ReadonlySet<string>;
}

export type ExpansionReason = 'all_unreachable' | 'degraded_health' | 'unhealthy_health';

export type Decision =
  | { readonly rule: 1; readonly answer: ProbeAnswer }
  | { readonly rule: 2; readonly answer: ProbeAnswer }
  | { readonly rule: 3; readonly answer: ProbeAnswer }
  | { readonly rule: 4; readonly cooldownUntil: number | undefined }
  | { readonly rule: 5 | 6; readonly reason: ExpansionReason }
  | { readonly rule: 7; readonly candidates: readonly ProbeAnswer[] }
  | { readonly rule: 'unreachable' };

/** The nodes in the order in which rules look at them: others by rank, self last. */
export function evaluationOrder(answers: readonly ProbeAnswer[]): readonly ProbeAnswer[] {
  return answers.toSorted((a, b) => Number(a.isSelf) - Number(b.isSelf) || compareRanks(a, b));
}

/** True when what the answer says ends the cascade by rule 1, whatever others say. */
export function isTrustedFailure(intent: PullIntent, trusted: readonly FailureClass[]): boolean {
  return intent.recentlyFailed && trusted.includes(intent.failureClass);
}

/** The first rule that applies. */
export function decide(input: RuleInput): Decision {
  const answers = evaluationOrder(input.answers);
  const failed = answers.find(({ intent }) => isTrustedFailure(intent, input.trustedClasses));
  if (failed !== undefined) return { rule: 1, answer: failed };

  const hits = answers.filter(({ intent }) => intent.hasCached);
  const hit = hits.find(({ isSelf }) => isSelf) ?? hits[0];
  if (hit !== undefined) return { rule: 2, answer: hit };

  const pulling = answers.find(
    ({ intent, isStalled, node }) => intent.inFlight && !isStalled && !input.excluded.has(node.id),
  );
  if (pulling !== undefined) return { rule: 3, answer: pulling };

  const cooling = answers.filter(({ intent }) => isTransient(intent));
  if (cooling.length > 0) return { rule: 4, cooldownUntil: latestCooldown(cooling) };

  return expansion(input) ?? electPuller(answers, input.excluded);
}

function expansion(input: RuleInput): Decision | undefined {
  const isUnreachable = input.answers.length === 0;
  if (!input.isExpanded && input.canExpand) {
    if (isUnreachable) return { rule: 5, reason: 'all_unreachable' };
    if (input.health < HEALTHY_SCORE) {
      return { rule: 6, reason: input.health < UNHEALTHY_SCORE ? 'unhealthy_health' : 'degraded_health' };
    }
  }
  return isUnreachable ? { rule: 'unreachable' } : undefined;
}

function electPuller(answers: readonly ProbeAnswer[], excluded: ReadonlySet<string>): Decision {
  const current = answers.filter(({ isFromBefore }) => !isFromBefore);
  const eligible = (current.length > 0 ? current : answers).filter(({ node }) => !excluded.has(node.id));
  return { rule: 7, candidates: eligible.toSorted(compareRanks) };
}

function isTransient(intent: PullIntent): boolean {
  return intent.recentlyFailed && intent.failureClass === 'transient';
}

function latestCooldown(answers: readonly ProbeAnswer[]): number | undefined {
  return answers.reduce<number | undefined>((latest, { intent }) => {
    if (intent.cooldownUntil === undefined) return latest;
    return latest === undefined ? intent.cooldownUntil : Math.max(latest, intent.cooldownUntil);
  }, undefined);
}

function compareRanks(a: ProbeAnswer, b: ProbeAnswer): number {
  return a.rank === b.rank ? 0 : a.rank - b.rank;
}
