import { isCachedScorePlausible } from '../scoring/cached-score.ts';
import { isFillConsistent } from '../scoring/fill-consistency.ts';
import type { PoolEntry } from '../pool/pool-entry.ts';
import type { HeartbeatResponse, PeerId } from '../wire/messages.ts';
import { parseTime } from '../wire/time.ts';
import type { EvidenceKind } from '../events.ts';
import { type Challenges, settleChallenges } from './challenge-schedule.ts';

/** An answered heartbeat. */
export interface Answer {
  readonly response: HeartbeatResponse;
  readonly rttMs: number;
  readonly challenges: Challenges;
}

/** What the record that came back for our own DID is (11.5.7). */
export type OwnRecordVerdict = 'genuine' | 'missing' | 'invalid' | 'forged';

export interface AnswerContext {
  readonly self: PeerId;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Milliseconds since the epoch. */
  readonly date: number;
  readonly judgeOwnRecord: (payload: unknown) => OwnRecordVerdict;
}

/** One observation, as it is published. */
export interface Observation {
  readonly kind: EvidenceKind;
  readonly isGood: boolean;
  readonly note?: string;
}

export interface AnswerFindings {
  readonly observations: readonly Observation[];
  /** Triggers of a suspicion round (24.4). */
  readonly suspicions: readonly string[];
  /** The DHT challenge failed: it counts in the confidence once our own lookup finds the record (see verification). */
  readonly hasFailedDhtChallenge: boolean;
}

const FILL_JUMP = 0.4;
/** Answers before an indexer's aggregate is compared with our score (24.4). */
const ANSWERS_TO_COMPARE = 10;

/**
 * Takes in one answer: steps 1 to 7 and 9 of 11.5, in their order. Witness rounds, eviction, suggestions and migration
 * follow when the whole tick is known.
 */
export function takeAnswer(entry: PoolEntry, answer: Answer, context: AnswerContext): AnswerFindings {
  const { response, challenges } = answer;
  const { now } = context;
  const observations: Observation[] = [{ kind: 'heartbeat', isGood: true }];
  const suspicions: string[] = [];

  entry.uptime.recordHeartbeat(now);
  entry.lastAnswered = now;
  entry.isResponding = true;
  entry.isUnusable = false;
  entry.consecutiveFails = 0;
  entry.silent = 0;
  entry.answers += 1;
  entry.confidence.add('heartbeat', true);

  // A lookup in the DHT may have delayed this answer: it says nothing of the network (F:8).
  if (challenges.did === undefined) entry.noteLatency(answer.rttMs);
  takeFigures(entry, response, now, observations, suspicions);
  takeOwnChallenge(entry, answer, context, observations, suspicions);
  const hasFailedDhtChallenge = takeDhtChallenge(entry, answer, context, observations, suspicions);
  settleChallenges(entry, challenges);
  if (response.dht_busy === true && challenges.did !== undefined) entry.isDhtChallengeForced = true;

  const score = entry.updateScore(now);
  takeCachedScore(entry, response, score, observations, suspicions);
  return { observations, suspicions, hasFailedDhtChallenge };
}

function takeFigures(
  entry: PoolEntry,
  response: HeartbeatResponse,
  now: number,
  observations: Observation[],
  suspicions: string[],
): void {
  const bornAt = parseTime(response.born_at);
  if (bornAt !== undefined) {
    const previous = parseTime(entry.bornAt);
    entry.bornAt = response.born_at;
    if (previous !== undefined && previous !== bornAt) {
      entry.bornAtChanges += 1;
      entry.lastBornAtChange = now;
      observations.push({ kind: 'born-at', isGood: false, note: response.born_at });
      suspicions.push('born_at changed');
    }
  }
  const fillRate = Math.min(1, Math.max(0, response.fill_rate));
  const last = entry.readings.newest;
  if (last !== undefined && Math.abs(last.fillRate - fillRate) > FILL_JUMP)
    suspicions.push('fill rate jumped');
  const reading = {
    at: now,
    fillRate,
    peerCount: response.peer_count,
    maxNodes: response.max_nodes,
    bornAt,
  };
  entry.readings.add(reading);
  const isConsistent = isFillConsistent(reading);
  if (isConsistent !== undefined) {
    entry.fill.add(isConsistent);
    if (!isConsistent) observations.push({ kind: 'fill', isGood: false });
  }
}

function takeOwnChallenge(
  entry: PoolEntry,
  { response, challenges }: Answer,
  { self, date }: AnswerContext,
  observations: Observation[],
  suspicions: string[],
): void {
  if (challenges.peers.length === 0) return;
  const own = response.challenges?.find((candidate) => candidate.peer_id === self);
  const lastSeen = parseTime(own?.last_seen);
  // The indexer's own clock, if it tells the time: differences between clocks are no lies (F:53).
  const ageMs = lastSeen === undefined ? Infinity : (response.ts ?? date) - lastSeen;
  const isGood = own?.found === true && ageMs < 2 * entry.constants.recommendedMs;
  entry.challenge.add(isGood);
  entry.confidence.add('own-challenge', isGood);
  entry.evidence.add('own-challenge', isGood);
  observations.push({ kind: 'own-challenge', isGood });
  if (!isGood) suspicions.push('own id denied');
}

/** True when the check failed and our own lookup must tell whose fault that is. */
function takeDhtChallenge(
  entry: PoolEntry,
  { response, challenges }: Answer,
  { judgeOwnRecord }: AnswerContext,
  observations: Observation[],
  suspicions: string[],
): boolean {
  if (challenges.did === undefined) return false;
  if (response.dht_busy === true) {
    entry.dhtBusyInARow += 1;
    // Once is load, twice is an excuse (8.3).
    if (entry.dhtBusyInARow < 2) return false;
  }
  entry.dhtBusyInARow = 0;
  const verdict = response.dht_found === true ? judgeOwnRecord(response.dht_payload) : 'missing';
  const isGood = verdict === 'genuine';
  entry.dht.add(isGood);
  if (isGood) {
    entry.confidence.add('dht-challenge', true);
    entry.evidence.add('dht-challenge', true);
    observations.push({ kind: 'dht-challenge', isGood });
    return false;
  }
  if (verdict === 'forged') {
    entry.evidence.addForgery();
    entry.confidence.add('dht-challenge', false);
    observations.push({ kind: 'dht-challenge', isGood, note: 'forged record' });
    return false;
  }
  suspicions.push(`own record ${verdict}`);
  return true;
}

function takeCachedScore(
  entry: PoolEntry,
  response: HeartbeatResponse,
  score: number,
  observations: Observation[],
  suspicions: string[],
): void {
  if (response.cached_score === undefined || entry.answers < ANSWERS_TO_COMPARE) return;
  if (isCachedScorePlausible(response.cached_score, score, response.peer_count)) return;
  entry.confidence.add('cached-score', false);
  observations.push({ kind: 'cached-score', isGood: false, note: String(response.cached_score) });
  suspicions.push('cached_score differs from our score');
}
