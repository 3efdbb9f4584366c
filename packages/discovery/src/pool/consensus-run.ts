import { quickScore } from '../scoring/quick-score.ts';
import type { RecordDirectory } from '../parts.ts';
import type { AddrInfo, PeerId } from '../wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../wire/protocols.ts';
import { decodeCandidatesResponse, errorOf } from '../wire/schemas.ts';
import { probeCandidate } from './candidate-probe.ts';
import { keepEndorsed, tallyCandidates, type TalliedCandidate } from './consensus-tally.ts';
import type { PoolState } from './pool-state.ts';
import type { Replenisher } from './replenish.ts';
import { pickDiverse } from './subnet-diversity.ts';

/** Most candidates that one asks a voter for; what is above is answered with three (F:28). */
const MAX_COUNT = 10;

/**
 * Replaces indexers that have left by what the remaining ones agree on (14.5): candidates are counted by the voters that
 * name them, probed, and the best are taken. One run at a time; a second call raises its need.
 */
export class ConsensusRun {
  readonly #state: PoolState;
  readonly #records: RecordDirectory;
  readonly #replenisher: Replenisher;
  #need = 0;

  constructor(state: PoolState, records: RecordDirectory, replenisher: Replenisher) {
    this.#state = state;
    this.#records = records;
    this.#replenisher = replenisher;
  }

  start(need: number): void {
    const isRunning = this.#need > 0;
    this.#need = Math.max(this.#need, need);
    if (isRunning) return;
    this.#state.run('consensus', async () => {
      try {
        await this.#run();
      } finally {
        this.#need = 0;
      }
    });
  }

  async #run(): Promise<void> {
    const { constants, events } = this.#state.context;
    const votes = await this.#collect();
    const candidates = tallyCandidates(votes, (peer) => this.#state.isSkipped(peer))
      .map((candidate) => ({ ...candidate, Addrs: this.#state.usable(candidate)?.Addrs ?? [] }))
      .filter(({ Addrs }) => Addrs.length > 0);
    const kept = await this.#keep(candidates, votes.length);
    const ranked = await this.#rank(kept.slice(0, constants.candidatesProbed));
    const need = this.#need;
    let admitted = 0;
    for (const candidate of pickDiverse(ranked, need, this.#state.diversity())) {
      if (this.#state.isSkipped(candidate.ID)) continue;
      if (this.#state.add(candidate, { from: 'consensus' })) admitted += 1;
    }
    if (admitted > 0) this.#state.nudge();
    events.publish('consensus.finished', { voters: votes.length, candidates: candidates.length, admitted });
    this.#replenisher.start(need - admitted);
  }

  /** The answers of all healthy entries. */
  async #collect(): Promise<readonly (readonly AddrInfo[])[]> {
    const count = Math.min(MAX_COUNT, Math.max(1, this.#need + 2));
    const voters = this.#state.healthy().filter(({ peer }) => !this.#state.isBlacklisted(peer));
    const votes = await Promise.all(
      voters.map(({ peer, addresses }) => this.#ask({ ID: peer, Addrs: addresses }, count)),
    );
    return votes.filter((vote) => vote !== undefined);
  }

  async #ask(voter: AddrInfo, count: number): Promise<readonly AddrInfo[] | undefined> {
    const { context, signal } = this.#state;
    const endsAt = this.#state.now() + context.constants.candidatesMs;
    const left = (): { timeoutMs: number; signal: AbortSignal } => ({
      timeoutMs: Math.max(1, endsAt - this.#state.now()),
      signal,
    });
    try {
      const stream = await context.overlay.open(voter, PROTOCOLS.candidates, left());
      try {
        await stream.write({ count }, left());
        await stream.closeWrite();
        const value = await stream.read({ ...left(), maxBytes: FRAME_LIMITS.candidatesResponse });
        if (value === undefined || errorOf(value) !== undefined) return undefined;
        return decodeCandidatesResponse(value).candidates;
      } finally {
        stream.reset();
      }
    } catch {
      return undefined;
    }
  }

  async #keep(candidates: readonly TalliedCandidate[], voters: number): Promise<readonly TalliedCandidate[]> {
    const { indexerRecordFetchMs, candidatesProbed } = this.#state.context.constants;
    const unsure = voters < 3 ? [] : candidates.filter(({ endorsements }) => endorsements < 2);
    const withRecord = new Set<PeerId>();
    await Promise.all(
      unsure.slice(0, candidatesProbed).map(async ({ ID }) => {
        if ((await this.#records.indexerRecord(ID, indexerRecordFetchMs)) !== undefined) withRecord.add(ID);
      }),
    );
    return keepEndorsed(candidates, { voters, need: this.#need, hasRecord: (peer) => withRecord.has(peer) });
  }

  /** Probes them all, and orders those that are good enough: best first. */
  async #rank(candidates: readonly TalliedCandidate[]): Promise<readonly TalliedCandidate[]> {
    const { maxRttMs, minQuickScore } = this.#state.context.constants;
    const probed = await Promise.all(
      candidates.map(async (candidate) => {
        const figures = await probeCandidate(this.#state, candidate);
        return { candidate, score: figures === undefined ? 0 : quickScore(figures, maxRttMs) };
      }),
    );
    return probed
      .filter(({ score }) => score >= minQuickScore)
      .sort((a, b) => b.score - a.score || b.candidate.endorsements - a.candidate.endorsements)
      .map(({ candidate }) => candidate);
  }
}
