import type { AnswerFindings } from '../heartbeat/answer.ts';
import type { RecordDirectory } from '../parts.ts';
import type { HeartbeatResponse } from '../wire/messages.ts';
import { subnetOf } from '../wire/addresses.ts';
import { BandwidthProbes } from './bandwidth-probes.ts';
import type { PoolEntry } from './pool-entry.ts';
import type { PoolState } from './pool-state.ts';
import { SpotChecks } from './spot-checks.ts';
import { type Opinion, WitnessRounds } from './witness-rounds.ts';

/**
 * The layers of verification (24.4): each answer is compared with what we know, every few answers something is checked
 * with third parties, and a suspicion has it all checked at once.
 */
export class Verification {
  readonly #state: PoolState;
  readonly #records: RecordDirectory;
  readonly #ownDid: () => string | undefined;
  readonly #judge: (entry: PoolEntry) => void;
  readonly #witnesses: WitnessRounds;
  readonly #spotChecks: SpotChecks;
  readonly #bandwidth: BandwidthProbes;

  /** `judge` applies the hard-evidence rule; it is called whenever evidence came in outside a tick. */
  constructor(
    state: PoolState,
    options: {
      readonly records: RecordDirectory;
      readonly ownDid: () => string | undefined;
      readonly judge: (entry: PoolEntry) => void;
    },
  ) {
    this.#state = state;
    this.#records = options.records;
    this.#ownDid = options.ownDid;
    this.#judge = options.judge;
    const findings = {
      suspect: (entry: PoolEntry, cause: string): void => this.suspect(entry, cause),
      judge: options.judge,
      heard: (entry: PoolEntry, opinions: readonly Opinion[]): void =>
        this.#spotChecks.heard(entry, opinions),
    };
    this.#witnesses = new WitnessRounds(state, findings);
    this.#spotChecks = new SpotChecks(state, options.records, findings, this.#witnesses);
    this.#bandwidth = new BandwidthProbes(state);
  }

  /** Goes on where {@link takeAnswer} has left off (11.5 step 8, 24.4 layers 1 and 2). */
  afterAnswer(entry: PoolEntry, response: HeartbeatResponse, findings: AnswerFindings): void {
    const { constants, events } = this.#state.context;
    for (const observation of findings.observations) {
      events.publish('evidence', { peer: entry.peer, ...observation });
    }
    if (findings.hasFailedDhtChallenge) this.#settleDhtFailure(entry);
    const witnesses = response.witnesses ?? [];
    this.#witnesses.afterAnswer(entry, witnesses);
    for (const { Addrs } of witnesses) entry.noteWitnessSubnet(subnetOf(Addrs));
    if (entry.answers % constants.spotCheckEveryAnswers === 0) this.#spotChecks.start(entry);
    if (entry.answers % constants.spreadEveryAnswers === 0) this.#logSpread(entry);
    if (entry.answers % constants.probeEveryHeartbeats === 0) this.#bandwidth.start(entry);
    const cause = findings.suspicions[0] ?? entry.suspicionDue;
    if (cause !== undefined) this.suspect(entry, cause);
  }

  /**
   * One round of everything, at most one an indexer per minute (24.4). What arouses suspicion before the minute is over
   * has its round when it is: else a lie that is seldom asked about would have to be met by chance three times.
   */
  suspect(entry: PoolEntry, cause: string): void {
    const { constants, events } = this.#state.context;
    const now = this.#state.now();
    if (!this.#state.directory.holds(entry)) return;
    if (entry.lastSuspicion !== undefined && now - entry.lastSuspicion < constants.suspicionGapMs) {
      entry.suspicionDue = cause;
      return;
    }
    entry.lastSuspicion = now;
    entry.suspicionDue = undefined;
    entry.isChallengeForced = true;
    entry.isDhtChallengeForced = this.#ownDid() !== undefined;
    events.publish('suspicion', { peer: entry.peer, cause });
    this.#spotChecks.start(entry, true);
    this.#witnesses.start(entry);
  }

  /**
   * A DHT challenge that failed convicts the indexer only if our record can be found: we look it up ourselves. If we do
   * not find it either, it was not kept alive, which is the business of our referent.
   */
  #settleDhtFailure(entry: PoolEntry): void {
    const did = this.#ownDid();
    if (did === undefined) return;
    const { constants, events, self } = this.#state.context;
    this.#state.run('lookup of our own record', async () => {
      const found = await this.#records.byDid(did, constants.dhtChallengeMs);
      if (!this.#state.directory.holds(entry)) return;
      if (found?.record.peer_id !== self) {
        this.#doubtReferent();
        return;
      }
      entry.confidence.add('dht-challenge', false);
      entry.evidence.add('dht-challenge', false);
      events.publish('evidence', { peer: entry.peer, kind: 'dht-challenge', isGood: false });
      this.#judge(entry);
    });
  }

  #doubtReferent(): void {
    const { constants } = this.#state.context;
    const { referent } = this.#state;
    if (referent === undefined) return;
    this.#state.doubtedReferents.add(
      referent,
      this.#state.now() + constants.switchPatienceMs,
      'our record can not be found',
    );
    this.#state.updateReferent();
  }

  /** Informational (24.4, every 10th answer). */
  #logSpread(entry: PoolEntry): void {
    this.#state.context.logger.debug(
      { peer: entry.peer, witnessSubnets: entry.witnessSubnets, region: subnetOf(entry.addresses) },
      'spread of the witnesses that an indexer names',
    );
  }
}
