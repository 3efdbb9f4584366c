import type { DiscoveryConstants } from '../constants.ts';
import type { PoolEntryView } from '../parts.ts';
import { Confidence } from '../scoring/confidence.ts';
import { HardEvidence } from '../scoring/hard-evidence.ts';
import { latencyScore } from '../scoring/latency.ts';
import { dynamicMinScore } from '../scoring/minimum.ts';
import { nodeScore, restartPenalty } from '../scoring/node-score.ts';
import { Tally } from '../scoring/tally.ts';
import type { ScoreTerms } from '../scoring/terms.ts';
import { UptimeTracker } from '../scoring/uptime.ts';
import { Readings } from '../scoring/witness-verdict.ts';
import type { PeerId } from '../wire/messages.ts';

/** Answers that the health of an entry may miss: two ticks and the wait for one answer (11.1). */
function healthyForMs(constants: DiscoveryConstants): number {
  return 2 * constants.tickMs + constants.heartbeatReadMs;
}

/**
 * Everything that this process knows of one indexer of its pool (11.1). There is exactly one live object for each
 * entry (F:1): the models of `pool/` and `heartbeat/` write to it, in one turn of the event loop, and everyone else is
 * handed {@link view}. Times are monotonic milliseconds.
 */
export class PoolEntry {
  readonly peer: PeerId;
  readonly constants: DiscoveryConstants;
  readonly firstContacted: number;
  readonly uptime: UptimeTracker;

  addresses: readonly string[];
  isSeed: boolean;
  /** Who suggested it, if an indexer of the pool did (14.2). */
  suggestedBy: PeerId | undefined;

  lastAnswered: number | undefined;
  /** When the newest heartbeat was written: what the indexer counts. */
  lastSent: number | undefined;
  /** When the newest heartbeat was begun, whether or not it got as far as that. */
  lastTried: number | undefined;
  /** The newest heartbeat did not fail. Health also needs a recent answer: {@link isHealthy}. */
  isResponding = false;
  consecutiveFails = 0;
  silent = 0;
  retrySoon = false;
  /** Not heartbeated before this time (`full`, `banned`, `rate_limited`). */
  suspendedUntil: number | undefined;
  /** It refuses us for long, so its slot may go to another. */
  isUnusable = false;
  answers = 0;
  seq = 0;

  /** Challenge schedule (11.7). */
  heartbeatsSinceChallenge = 0;
  nextChallenge: number;
  challengeBatches = 0;
  /** Challenges that the next heartbeat carries whatever the schedule says (24.4). */
  isChallengeForced = false;
  isDhtChallengeForced = false;
  dhtBusyInARow = 0;

  readonly challenge = new Tally();
  readonly fill = new Tally();
  readonly dht = new Tally();
  readonly witness = new Tally();
  bornAtChanges = 0;
  lastBornAtChange: number;
  readonly readings = new Readings();
  /** Last `born_at`, as it came. */
  bornAt: string | undefined;
  rttMs: number | undefined;
  latency = 1;
  score: number | undefined;
  readonly confidence = new Confidence();
  readonly evidence = new HardEvidence();
  #lastFaded: number;

  /** Evidence has taken the flag of a seed from it, and it stays for want of another healthy entry (14.10). */
  isConvicted = false;

  /** Cadence of verification (24.4). */
  answersSinceWitnesses: number | undefined;
  answersWithoutWitness = 0;
  lastSuspicion: number | undefined;
  /** Cause of a suspicion that came too soon after the last one. */
  suspicionDue: string | undefined;
  /** Peers that have confirmed, as witnesses, that they are connected with it; newest last. */
  connectedPeers: readonly PeerId[] = [];
  readonly #witnessSubnets = new Set<string>();

  /** It asks us to move, and there was nowhere to go yet: one extra slot is open (14). */
  isMigrationPending = false;
  /** Since when another entry is better by the margin of 24.3. */
  outdoneSince: number | undefined;

  constructor(options: {
    readonly peer: PeerId;
    readonly addresses: readonly string[];
    readonly isSeed: boolean;
    readonly suggestedBy?: PeerId | undefined;
    readonly now: number;
    readonly constants: DiscoveryConstants;
    readonly nextChallenge: number;
  }) {
    this.peer = options.peer;
    this.addresses = options.addresses;
    this.isSeed = options.isSeed;
    this.suggestedBy = options.suggestedBy;
    this.constants = options.constants;
    this.firstContacted = options.now;
    this.lastBornAtChange = options.now;
    this.#lastFaded = options.now;
    this.uptime = new UptimeTracker(options.now, 2 * options.constants.recommendedMs);
    this.nextChallenge = options.nextChallenge;
  }

  ageMs(now: number): number {
    return now - this.firstContacted;
  }

  isHealthy(now: number): boolean {
    return (
      this.isResponding &&
      this.lastAnswered !== undefined &&
      now - this.lastAnswered <= healthyForMs(this.constants)
    );
  }

  isSuspended(now: number): boolean {
    return this.suspendedUntil !== undefined && now < this.suspendedUntil;
  }

  minimumScore(now: number): number {
    return dynamicMinScore(this.ageMs(now), this.constants.hourMs);
  }

  get fillRate(): number {
    return this.readings.newest?.fillRate ?? 0;
  }

  terms(now: number): ScoreTerms {
    return {
      uptime: this.uptime.ratio(now),
      challenge: this.challenge.ratio,
      latency: this.latency,
      freeCapacity: 1 - this.fillRate,
      fillConsistency: this.fill.ratio,
      witness: this.witness.ratio,
      dht: this.dht.ratio,
      restartPenalty: restartPenalty(this.bornAtChanges),
    };
  }

  noteLatency(rttMs: number): void {
    this.rttMs = rttMs;
    this.latency = latencyScore(rttMs, this.constants.maxRttMs);
  }

  /** Distinct subnets of the witnesses that it has named (24.4). */
  get witnessSubnets(): number {
    return this.#witnessSubnets.size;
  }

  noteWitnessSubnet(subnet: string | undefined): void {
    if (subnet !== undefined && this.#witnessSubnets.size < MAX_SUBNETS) this.#witnessSubnets.add(subnet);
  }

  /** Forgets old evidence (13.3, 13.8), then scores. */
  updateScore(now: number): number {
    this.#fade(now);
    this.score = nodeScore(this.terms(now));
    return this.score;
  }

  #fade(now: number): void {
    const { hourMs, dayMs } = this.constants;
    const hours = Math.floor((now - this.#lastFaded) / hourMs);
    if (hours > 0) {
      this.#lastFaded += hours * hourMs;
      this.confidence.fade(hours);
      for (let hour = 0; hour < Math.min(hours, MAX_HALVINGS); hour += 1) {
        for (const tally of [this.challenge, this.fill, this.dht, this.witness]) tally.fade();
        this.evidence.fade();
      }
    }
    while (this.bornAtChanges > 0 && now - this.lastBornAtChange >= dayMs) {
      this.bornAtChanges -= 1;
      this.lastBornAtChange += dayMs;
    }
  }

  /** A copy for readers. */
  view(now: number, isReferent: boolean): PoolEntryView {
    return {
      peer: this.peer,
      addresses: [...this.addresses],
      isSeed: this.isSeed,
      isHealthy: this.isHealthy(now),
      isReferent,
      score: this.score,
      minimumScore: this.minimumScore(now),
      terms: this.score === undefined ? undefined : this.terms(now),
      confidence: this.confidence.value,
      evidence: this.#counters(),
      ageMs: this.ageMs(now),
      fillRate: this.fillRate,
      bornAt: this.bornAt,
      lastSeen: this.lastAnswered,
      rttMs: this.rttMs,
      consecutiveFails: this.consecutiveFails,
      silent: this.silent,
      suspendedUntil: this.suspendedUntil,
    };
  }

  #counters(): Readonly<Record<string, number>> {
    return {
      answers: this.answers,
      totalOnlineMs: this.uptime.totalOnlineMs,
      challengesChecked: this.challenge.checked,
      challengesCorrect: this.challenge.good,
      fillChecked: this.fill.checked,
      fillConsistent: this.fill.good,
      witnessesChecked: this.witness.checked,
      witnessesConsistent: this.witness.good,
      dhtChecked: this.dht.checked,
      dhtSucceeded: this.dht.good,
      bornAtChanges: this.bornAtChanges,
      witnessSubnets: this.witnessSubnets,
      alpha: this.confidence.alpha,
      beta: this.confidence.beta,
      verificationsPassed: this.evidence.ok,
      verificationsFailed: this.evidence.failed,
    };
  }
}

/** Subnets counted. */
const MAX_SUBNETS = 64;

/** After this many halvings nothing is left that is above the amount which is kept whole. */
const MAX_HALVINGS = 64;
