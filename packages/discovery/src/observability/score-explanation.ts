/**
 * A score taken apart (discovery spec 13.3, 13.4, 13.8): what each term adds and loses, the counters behind it, and
 * what would put the indexer out of the pool (14.4). Computed from a view, so that it can't change what it explains.
 */

import type { DiscoveryConstants } from '../constants.ts';
import type { PoolEntryView } from '../parts.ts';
import type { ScoreTerms } from '../scoring/terms.ts';

type Dimension = Exclude<keyof ScoreTerms, 'restartPenalty'>;

/** Weights of 13.3; they add up to 1. */
export const SCORE_WEIGHTS: Readonly<Record<Dimension, number>> = {
  uptime: 0.2,
  challenge: 0.2,
  latency: 0.15,
  freeCapacity: 0.1,
  fillConsistency: 0.1,
  witness: 0.15,
  dht: 0.1,
};

const MEANINGS: Readonly<Record<Dimension, string>> = {
  uptime: 'share of the time that it answered heartbeats',
  challenge: 'right answers to questions about peers that we know',
  latency: 'round trip, 1 at 0 ms and 0 at ten times the base',
  freeCapacity: 'free slots, as it says',
  fillConsistency: 'whether fill rate, node count and slots agree',
  witness: 'whether third parties tell the same of it',
  dht: 'whether it finds our own record in the hash table',
};

/** One of the seven dimensions. Points are of 100. */
export interface ExplainedTerm {
  readonly name: Dimension;
  readonly meaning: string;
  /** In [0, 1]. */
  readonly value: number;
  readonly weight: number;
  readonly points: number;
  readonly lostPoints: number;
}

export interface ScoreExplanation {
  readonly peer: string;
  readonly isSeed: boolean;
  readonly isHealthy: boolean;
  readonly isReferent: boolean;
  /** Undefined before the first answer. */
  readonly score: number | undefined;
  readonly minimumScore: number;
  readonly terms: readonly ExplainedTerm[];
  /** Sum of the points, before the penalty. */
  readonly base: number | undefined;
  /** Factor of 13.3 for restarts. */
  readonly restartPenalty: number | undefined;
  readonly confidence: number;
  readonly evidence: Readonly<Record<string, number>>;
  readonly ageMs: number;
  /** Whole sentences: what would evict it, and how near that is. */
  readonly eviction: readonly string[];
}

/** Explains an entry. `otherHealthy` is how many other entries of the pool are healthy. */
export function explainScore(
  entry: PoolEntryView,
  context: { readonly constants: DiscoveryConstants; readonly otherHealthy: number },
): ScoreExplanation {
  const { peer, isSeed, isHealthy, isReferent, score, minimumScore, confidence, evidence, ageMs } = entry;
  const terms = entry.terms === undefined ? [] : explainTerms(entry.terms);
  return {
    peer,
    isSeed,
    isHealthy,
    isReferent,
    score,
    minimumScore,
    terms,
    base: entry.terms === undefined ? undefined : terms.reduce((sum, { points }) => sum + points, 0),
    restartPenalty: entry.terms?.restartPenalty,
    confidence,
    evidence,
    ageMs,
    eviction: evictionOf(entry, context),
  };
}

function explainTerms(terms: ScoreTerms): readonly ExplainedTerm[] {
  return (Object.keys(SCORE_WEIGHTS) as readonly Dimension[]).map((name) => {
    const value = terms[name];
    const weight = SCORE_WEIGHTS[name];
    const points = 100 * weight * value;
    return { name, meaning: MEANINGS[name], value, weight, points, lostPoints: 100 * weight - points };
  });
}

function evictionOf(
  entry: PoolEntryView,
  { constants, otherHealthy }: { readonly constants: DiscoveryConstants; readonly otherHealthy: number },
): readonly string[] {
  return [scoreRule(entry, constants, otherHealthy), failureRule(entry, constants), evidenceRule(entry)];
}

/** 14.4. */
function scoreRule(
  { score, minimumScore, isSeed, ageMs }: PoolEntryView,
  constants: DiscoveryConstants,
  otherHealthy: number,
): string {
  if (isSeed) return 'By score: never, it is a seed from the configuration.';
  if (score === undefined) return 'By score: not before it has answered.';
  if (otherHealthy === 0) return 'By score: not while no other indexer of the pool is healthy.';
  if (score < minimumScore) {
    return `By score: at the next look, once it has been online for ${seconds(2 * constants.recommendedMs)}; it has ${score.toFixed(1)} and needs ${minimumScore.toFixed(1)}.`;
  }
  if (score >= HIGHEST_MINIMUM) return `By score: below ${HIGHEST_MINIMUM} points, which it has.`;
  const reachedAtMs = ((score - 20) / 60) * constants.dayMs;
  return `By score: in ${seconds(Math.max(0, reachedAtMs - ageMs))} at this score, when the minimum for its age has risen above it.`;
}

const HIGHEST_MINIMUM = 80;

/** 11.6. */
function failureRule(
  { isSeed, silent, consecutiveFails }: PoolEntryView,
  constants: DiscoveryConstants,
): string {
  if (isSeed) return 'By failing: never, a seed is tried again at each tick.';
  const now = consecutiveFails > 0 ? `; it has failed ${consecutiveFails} times in a row` : '';
  return `By failing: when a heartbeat fails while others answer, or after ${Math.max(0, constants.silentToFail - silent)} more silent ticks${now}.`;
}

/** 13.8: `vFail` of 3 or more, and less than half of the checks good. */
function evidenceRule({ evidence }: PoolEntryView): string {
  const good = evidence['vOk'];
  const bad = evidence['vFail'];
  if (good === undefined || bad === undefined) return 'By evidence: when most checks of its answers fail.';
  let more = 0;
  while (bad + more < 3 || (1 + good) / (2 + good + bad + more) >= 0.5) more += 1;
  return more === 0
    ? `By evidence: now; ${bad} of ${good + bad} checks failed.`
    : `By evidence: after ${more} more failed checks without a good one; ${good} were good, ${bad} failed.`;
}

/** `95 s`, `12 min`, `7.5 h`. */
function seconds(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}
