/** What a frame is to the heartbeat that waits for an answer. */
export type FrameRole =
  /** The answer. */
  | 'answer'
  /** The answer to an earlier heartbeat that was given up. */
  | 'late'
  /** Not an answer: the indexer speaks by itself, as it does when it shuts down (5.4.2). */
  | 'notice';

/**
 * Matches answers on one stream with heartbeats by `seq` (F:7), so that a late answer never counts for the next
 * heartbeat. A peer that echoes no `seq` is believed as long as no heartbeat on this stream went unanswered.
 */
export class SequenceMatcher {
  #waitingFor: number | undefined;
  #hasMissed = false;
  #echoesSeq = false;

  /** A heartbeat with this number was written. */
  sent(seq: number): void {
    if (this.#waitingFor !== undefined) this.#hasMissed = true;
    this.#waitingFor = seq;
  }

  /** Nobody waits any longer for the answer. */
  givenUp(): void {
    if (this.#waitingFor !== undefined) this.#hasMissed = true;
    this.#waitingFor = undefined;
  }

  /** Takes a frame. Errors may lack `seq` (an admission that fails has read nothing), and then answer what waits. */
  classify(frame: { readonly seq?: number; readonly isError: boolean }): FrameRole {
    if (frame.seq !== undefined) {
      this.#echoesSeq = true;
      if (frame.seq !== this.#waitingFor) return 'late';
      this.#waitingFor = undefined;
      return 'answer';
    }
    if (this.#waitingFor === undefined) return this.#hasMissed ? 'late' : 'notice';
    if (!frame.isError && this.#echoesSeq) return 'notice';
    if (!frame.isError && this.#hasMissed) return 'late';
    this.#waitingFor = undefined;
    return 'answer';
  }
}
