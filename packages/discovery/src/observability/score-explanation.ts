/**
 * A score taken apart (discovery spec 13.3, 13.4, 13.8): what each term adds and loses, the counters behind it, and
 * what would put the indexer out of the pool (14.4). Computed from a view, so that it can't change what it explains.
 */

import type { DiscoveryConstants } from '../constants.ts';
import type { PoolEntryView } from '../parts.ts';
import { SCORE_DIMENSIONS, SCORE_WEIGHTS, type ScoreDimension } from '../scoring/node-score.ts';
import { dynamicMinScore } from '../scoring/minimum.ts';

const MEANINGS: Readonly<Record<ScoreDimension, string>> = {
  uptime: 'share of the time that it answered heartbeats',
  challenge: 'right answers to questions about peers that we know',
  latency: 'round trip, 1 at 0 ms and 0 at ten times the base',
  freeCapacity: 'free slots, as it says',
  fillConsistency: 'whether fill rate, node count and slots agree',
  witness: 'whether third parties tell the same of it',
  dht: 'whether it finds our own record in the hash table',
};

/** Which counters of the view a term comes from. */
const COUNTERS: Readonly<Record<ScoreDimension, readonly string[]>> = {
  uptime: ['answers', 'totalOnlineMs'],
  challenge: ['challengesCorrect', 'challengesChecked'],
  latency: [],
  freeCapacity: [],
  fillConsistency: ['fillConsistent', 'fillChecked'],
  witness: ['witnessesConsistent', 'witnessesChecked'],
  dht: ['dhtSucceeded', 'dhtChecked'],
};

/** One of the seven dimensions. Points are of 100. */
export interface ExplainedTerm {
  readonly name: ScoreDimension;
  readonly meaning: string;
  /** In [0, 1]. */
  readonly value: number;
  readonly weight: number;
  readonly points: number;
  readonly lostPoints: number;
  /** The counters behind the value. */
  readonly evidence: Readonly<Record<string, number>>;
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
  /** All counters. */
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
  const terms = explainTerms(entry);
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

function explainTerms(entry: PoolEntryView): readonly ExplainedTerm[] {
  const { terms } = entry;
  if (terms === undefined) return [];
  return SCORE_DIMENSIONS.map((name) => {
    const value = terms[name];
    const weight = SCORE_WEIGHTS[name];
    const points = 100 * weight * value;
    return {
      name,
      meaning: MEANINGS[name],
      value,
      weight,
      points,
      lostPoints: 100 * weight - points,
      evidence: evidenceOf(entry, name),
    };
  });
}

function evidenceOf(entry: PoolEntryView, name: ScoreDimension): Readonly<Record<string, number>> {
  if (name === 'latency') return entry.rttMs === undefined ? {} : { rttMs: entry.rttMs };
  if (name === 'freeCapacity') return { fillRate: entry.fillRate };
  return Object.fromEntries(
    COUNTERS[name].flatMap((counter) => {
      const value = entry.evidence[counter];
      return value === undefined ? [] : [[counter, value]];
    }),
  );
}

function evictionOf(
  entry: PoolEntryView,
  { constants, otherHealthy }: { readonly constants: DiscoveryConstants; readonly otherHealthy: number },
): readonly string[] {
  return [scoreRule(entry, constants, otherHealthy), failureRule(entry, constants), evidenceRule(entry)];
}

/** 14.4. */
function scoreRule(entry: PoolEntryView, constants: DiscoveryConstants, otherHealthy: number): string {
  const { score, minimumScore, isSeed, ageMs } = entry;
  if (isSeed) return 'By score: never, it is a seed from the configuration.';
  if (score === undefined) return 'By score: not before it has answered.';
  if (otherHealthy === 0) return 'By score: not while no other indexer of the pool is healthy.';
  const online = entry.evidence['totalOnlineMs'] ?? 0;
  const grace = 2 * constants.recommendedMs;
  if (score < minimumScore) {
    const when = online >= grace ? 'at the next look' : `after ${duration(grace - online)} more online`;
    return `By score: ${when}; it has ${score.toFixed(1)} and needs ${minimumScore.toFixed(1)}.`;
  }
  const highest = dynamicMinScore(Infinity, constants.hourMs);
  if (score >= highest)
    return `By score: when it falls below ${highest}, the minimum after a day; it has ${score.toFixed(1)}.`;
  const atBirth = dynamicMinScore(0, constants.hourMs);
  const reachedAtMs = ((score - atBirth) / (highest - atBirth)) * 24 * constants.hourMs;
  return `By score: in ${duration(Math.max(0, reachedAtMs - ageMs))} if it stays at ${score.toFixed(1)}, when the minimum for its age has risen to that.`;
}

/** 11.6. */
function failureRule(entry: PoolEntryView, constants: DiscoveryConstants): string {
  const { isSeed, silent, consecutiveFails } = entry;
  if (isSeed) return 'By failing: never, a seed is tried again at each tick.';
  const now = consecutiveFails > 0 ? ` It has failed ${consecutiveFails} times in a row.` : '';
  const more = Math.max(0, constants.silentToFail - silent);
  return `By failing: when a heartbeat fails while others are answered; ${more} more unanswered ones count as failed.${now}`;
}

/** 13.8: at least three checks of its answers failed, and more than succeeded. */
function evidenceRule({ evidence, isSeed }: PoolEntryView): string {
  const good = evidence['verificationsPassed'] ?? 0;
  const bad = evidence['verificationsFailed'] ?? 0;
  const then = isSeed ? ' Then it is no seed any more.' : '';
  let more = 0;
  while (bad + more < 3 || (1 + good) / (2 + good + bad + more) >= 0.5) more += 1;
  if (more === 0)
    return `By evidence: at the next look; ${count(bad)} of ${count(good + bad)} checks failed.${then}`;
  return `By evidence: after ${more} failed checks in a row at the latest; so far ${count(good)} were good and ${count(bad)} failed.${then}`;
}

/** Counters fade, and then have fractions. */
function count(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** `95 s`, `12 min`, `7.5 h`. */
function duration(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}
