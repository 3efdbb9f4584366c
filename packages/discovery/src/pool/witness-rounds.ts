import {
  lacksWitnesses,
  noWitnessVerdict,
  witnessVerdict,
  type WitnessVerdict,
} from '../scoring/witness-verdict.ts';
import type { AddrInfo, PeerId, WitnessReport } from '../wire/messages.ts';
import { isTruthfulWitness } from './control-questions.ts';
import { askWitness } from './witness-client.ts';
import type { PoolEntry } from './pool-entry.ts';
import type { PoolState } from './pool-state.ts';
import { Testimony } from './testimony.ts';

export interface Opinion {
  readonly witness: AddrInfo;
  readonly isOwnChoice: boolean;
  readonly report: WitnessReport | undefined;
}

interface Round {
  readonly entry: PoolEntry;
  readonly opinions: readonly Opinion[];
}

/** Weight of a witness that we have chosen ourselves (13.6). */
const OWN_CHOICE_WEIGHT = 2;
/** Peers remembered as connected with one indexer, for its challenges (11.7). */
const CONNECTED_KEPT = 8;

export interface WitnessFindings {
  /** What peers have said when they were asked for other reasons than what the indexer lists. */
  readonly heard?: (entry: PoolEntry, opinions: readonly Opinion[]) => void;
  readonly suspect: (entry: PoolEntry, cause: string) => void;
  readonly judge: (entry: PoolEntry) => void;
}

/**
 * Asks others what they see of our indexers (13.6): those that the indexer names, and one of our own choice (F:50).
 *
 * A round that finds contradictions waits for the next answer of the indexer before it counts, since a witness may
 * know something newer than we do: a restart, or a fill rate that has just moved. And who contradicts is asked about other
 * indexers first, since a slanderer contradicts them all (control-questions.ts). In the hard evidence a round counts
 * once, by the weight of its witnesses, so that a single round of liars convicts nobody.
 */
export class WitnessRounds {
  readonly #state: PoolState;
  readonly #findings: WitnessFindings;
  readonly #testimony = new Testimony();
  readonly #running = new Set<PoolEntry>();
  /** Rounds that wait for the next answer. */
  readonly #waiting = new WeakMap<PoolEntry, readonly Round[]>();
  readonly #offered = new WeakMap<PoolEntry, readonly AddrInfo[]>();

  constructor(state: PoolState, findings: WitnessFindings) {
    this.#state = state;
    this.#findings = findings;
    state.onEvicted(({ peer }) => this.#testimony.forget(peer));
  }

  /** The witnesses of the newest answer that named any. */
  offered(entry: PoolEntry): readonly AddrInfo[] {
    return this.#offered.get(entry) ?? [];
  }

  /** Takes what an answer says of witnesses, settles the round that waited for it, and starts the next when it is due. */
  afterAnswer(entry: PoolEntry, witnesses: readonly AddrInfo[]): void {
    this.#settleWaiting(entry);
    if (witnesses.length > 0) this.#offered.set(entry, witnesses);
    else this.#countMissing(entry);
    const reading = entry.readings.newest;
    entry.answersWithoutWitness =
      reading !== undefined && lacksWitnesses(reading, witnesses.length)
        ? entry.answersWithoutWitness + 1
        : 0;
    const { witnessEveryAnswers } = this.#state.context.constants;
    entry.answersSinceWitnesses = (entry.answersSinceWitnesses ?? witnessEveryAnswers - 2) + 1;
    if (entry.answersSinceWitnesses >= witnessEveryAnswers) this.start(entry);
  }

  #countMissing(entry: PoolEntry): void {
    const reading = entry.readings.newest;
    if (reading === undefined) return;
    const isGood = noWitnessVerdict(reading, entry.answersWithoutWitness + 1);
    if (isGood === undefined) return;
    entry.witness.add(isGood);
    entry.confidence.add('witness', isGood);
    if (!isGood) this.#publish(entry, 'silent-witnesses', false, 'no witness offered');
  }

  /** Starts a round, unless one runs. */
  start(entry: PoolEntry): void {
    if (this.#running.has(entry)) return;
    const asked = this.#choose(entry);
    if (asked.length === 0) return;
    entry.answersSinceWitnesses = 0;
    this.#running.add(entry);
    this.#state.run('witness round', async () => {
      try {
        await this.#ask(entry, asked);
      } finally {
        this.#running.delete(entry);
      }
    });
  }

  #choose(entry: PoolEntry): readonly Omit<Opinion, 'report'>[] {
    const { context, known } = this.#state;
    const isFit = (peer: PeerId): boolean =>
      peer !== context.self && peer !== entry.peer && !this.#state.isBlacklisted(peer);
    const named = this.offered(entry)
      .filter(({ ID }) => isFit(ID))
      .map((witness) => this.#state.usable(witness))
      .filter((witness) => witness !== undefined)
      .slice(0, context.constants.maxWitnesses);
    const [own] = known.candidates(
      entry.peer,
      context.random,
      (peer) => isFit(peer) && known.isCredible(peer) && !named.some(({ ID }) => ID === peer),
    );
    const asked = new Set([...named.map(({ ID }) => ID), own?.ID]);
    const doubtful = this.#state.directory
      .entries()
      .find(
        ({ peer }) =>
          isFit(peer) &&
          !asked.has(peer) &&
          this.#testimony.isDoubtful(peer) &&
          !this.#testimony.hasSpokenOf(peer, entry.peer),
      );
    return [
      ...named.map((witness) => ({ witness, isOwnChoice: false })),
      ...(own === undefined ? [] : [{ witness: own, isOwnChoice: true }]),
      ...(doubtful === undefined
        ? []
        : [{ witness: { ID: doubtful.peer, Addrs: doubtful.addresses }, isOwnChoice: false }]),
    ];
  }

  async #ask(entry: PoolEntry, asked: readonly Omit<Opinion, 'report'>[]): Promise<void> {
    const { known, context, directory } = this.#state;
    const opinions = await Promise.all(
      asked.map(async (opinion): Promise<Opinion> => {
        const report = await askWitness(
          this.#state,
          opinion.witness,
          entry.peer,
          context.constants.witnessMs,
        );
        return { ...opinion, report };
      }),
    );
    if (!directory.holds(entry)) return;
    for (const { witness, isOwnChoice, report } of opinions) {
      if (report === undefined) continue;
      known.note(witness, isOwnChoice ? undefined : entry.peer);
      if (report.seen) noteConnected(entry, witness.ID);
    }
    this.#findings.heard?.(entry, opinions);
    this.#take({ entry, opinions });
  }

  /** Takes what peers have said in a spot check: a round as well, unless it is the word of a single one. */
  testify(entry: PoolEntry, opinions: readonly Opinion[]): void {
    const conclusive = opinions.filter(({ report }) => this.#verdict(entry, report) !== 'inconclusive');
    if (conclusive.length >= 2) this.#take({ entry, opinions: conclusive });
  }

  #take(round: Round): void {
    const { entry, opinions } = round;
    const isContradicted = opinions.some(({ report }) => this.#verdict(entry, report) === 'inconsistent');
    if (isContradicted) this.#waiting.set(entry, [...(this.#waiting.get(entry) ?? []), round]);
    else this.#settle(round);
  }

  #settleWaiting(entry: PoolEntry): void {
    const rounds = this.#waiting.get(entry) ?? [];
    this.#waiting.delete(entry);
    for (const round of rounds) if (this.#state.directory.holds(entry)) this.#settle(round);
  }

  /** Who contradicts an indexer is asked about others first, and counts if it tells the truth about them. */
  #settle(round: Round): void {
    const { entry, opinions } = round;
    const { known, directory } = this.#state;
    const accusers = opinions.filter(
      ({ witness, report }) =>
        this.#verdict(entry, report) === 'inconsistent' && known.isCredible(witness.ID),
    );
    if (accusers.length === 0) {
      this.#count(round, new Set());
      return;
    }
    this.#state.run('control questions', async () => {
      const truthful = new Set<PeerId>();
      await Promise.all(
        accusers.map(async ({ witness }) => {
          if (await this.#isTruthful(entry, witness)) truthful.add(witness.ID);
        }),
      );
      if (directory.holds(entry)) this.#count(round, truthful);
    });
  }

  async #isTruthful(entry: PoolEntry, witness: AddrInfo): Promise<boolean> {
    return isTruthfulWitness(this.#state, { witness, accused: entry }, (answer) => {
      this.#state.known.noteVerdict(witness.ID, answer.about, answer.isConsistent);
      this.#judgeWitness(witness.ID, answer.about, answer.confirmsBirth);
    });
  }

  #count({ entry, opinions }: Round, truthful: ReadonlySet<PeerId>): void {
    const { known, context } = this.#state;
    let against = 0;
    let inFavour = 0;
    for (const { witness, isOwnChoice, report } of opinions) {
      const verdict = witnessVerdict(report, entry.readings);
      if (verdict.verdict === 'inconclusive') continue;
      const isGood = verdict.verdict === 'consistent';
      known.noteVerdict(witness.ID, entry.peer, isGood);
      this.#judgeWitness(witness.ID, entry.peer, verdict.isBornAtEqual);
      if (!known.isCredible(witness.ID) || (!isGood && !truthful.has(witness.ID))) continue;
      const weight = isOwnChoice ? OWN_CHOICE_WEIGHT : 1;
      if (isGood) inFavour += weight;
      else against += weight;
      entry.witness.add(isGood, weight);
      entry.confidence.add('witness', isGood, weight);
      this.#publish(entry, 'witness', isGood, isGood ? undefined : contradiction(verdict));
      if (isOwnChoice) {
        const { bornAtEvidenceMs } = context.constants;
        entry.evidence.addBornAt(witness.ID, verdict.isBornAtEqual, this.#state.now(), bornAtEvidenceMs);
      }
    }
    if (against === 0 && inFavour === 0) return;
    if (against !== inFavour) entry.evidence.add('witness', inFavour > against);
    if (against > 0) this.#findings.suspect(entry, 'witnesses see it otherwise');
    this.#findings.judge(entry);
  }

  /** A witness that is an indexer of the pool answers for what it says of the others. */
  #judgeWitness(witness: PeerId, about: PeerId, confirmsBirth: boolean): void {
    const entry = this.#state.directory.get(witness);
    if (entry === undefined) return;
    this.#testimony.note(witness, about, confirmsBirth);
    const slandered = this.#testimony.slandered(witness);
    if (slandered === 0) return;
    entry.evidence.addSlander(slandered);
    this.#findings.judge(entry);
  }

  #verdict(entry: PoolEntry, report: WitnessReport | undefined): WitnessVerdict['verdict'] {
    return witnessVerdict(report, entry.readings).verdict;
  }

  #publish(
    entry: PoolEntry,
    kind: 'witness' | 'silent-witnesses',
    isGood: boolean,
    note: string | undefined,
  ): void {
    this.#state.context.events.publish('evidence', {
      peer: entry.peer,
      kind,
      isGood,
      ...(note !== undefined && { note }),
    });
  }
}

function contradiction(verdict: WitnessVerdict): string {
  return verdict.verdict === 'inconsistent' && verdict.isBornAtEqual
    ? 'another fill rate'
    : 'another born_at';
}

function noteConnected(entry: PoolEntry, peer: PeerId): void {
  entry.connectedPeers = [...entry.connectedPeers.filter((known) => known !== peer), peer].slice(
    -CONNECTED_KEPT,
  );
}
