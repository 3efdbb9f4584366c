import { errorCode, type Timers } from '@muster/core';
import type { DiscoveryConstants } from '../constants.ts';
import type { FrameStream } from '../overlay/overlay.ts';
import type { HeartbeatResponse } from '../wire/messages.ts';
import { FRAME_LIMITS } from '../wire/protocols.ts';
import { decodeHeartbeatResponse } from '../wire/schemas.ts';
import { SequenceMatcher } from './sequence.ts';

export type ChannelAnswer =
  | { readonly kind: 'answer'; readonly response: HeartbeatResponse; readonly at: number }
  | { readonly kind: 'silent' }
  | { readonly kind: 'ended'; readonly reason: string };

/**
 * The persistent heartbeat stream with one indexer, our end of it. One loop reads it for as long as it lives, so an
 * answer is timed when it arrives, a late one is recognised (F:7), and a notice of the indexer is heard between two
 * heartbeats. A frame that can not be read ends the stream (F:2).
 */
export class HeartbeatChannel {
  readonly #stream: FrameStream;
  readonly #timers: Timers;
  readonly #constants: DiscoveryConstants;
  readonly #monotonic: () => number;
  readonly #onNotice: (notice: HeartbeatResponse) => void;
  readonly #matcher = new SequenceMatcher();
  #settle: ((answer: ChannelAnswer) => void) | undefined;
  #endReason: string | undefined;

  constructor(options: {
    readonly stream: FrameStream;
    readonly timers: Timers;
    readonly constants: DiscoveryConstants;
    readonly monotonic: () => number;
    readonly signal: AbortSignal;
    readonly onNotice: (notice: HeartbeatResponse) => void;
  }) {
    this.#stream = options.stream;
    this.#timers = options.timers;
    this.#constants = options.constants;
    this.#monotonic = options.monotonic;
    this.#onNotice = options.onNotice;
    void this.#readAll(options.signal);
  }

  get isOpen(): boolean {
    return this.#endReason === undefined;
  }

  /** Writes a heartbeat and waits for its answer, `heartbeatReadMs` at most. Rejects as `FrameStream.write` does. */
  async ask(message: object, seq: number, signal: AbortSignal): Promise<ChannelAnswer> {
    if (this.#endReason !== undefined) return { kind: 'ended', reason: this.#endReason };
    this.#matcher.sent(seq);
    const answer = new Promise<ChannelAnswer>((resolve) => {
      this.#settle = resolve;
    });
    await this.#stream.write(message, { timeoutMs: this.#constants.heartbeatWriteMs, signal });
    const timer = this.#timers.after(this.#constants.heartbeatReadMs, () => {
      this.#matcher.givenUp();
      this.#settled({ kind: 'silent' });
    });
    try {
      return await answer;
    } finally {
      timer.cancel();
    }
  }

  /** Ends the stream at once. */
  reset(): void {
    this.#end('reset by us');
    this.#stream.reset();
  }

  /** Ends the stream in order. */
  async close(): Promise<void> {
    this.#end('closed by us');
    await this.#stream.close();
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    while (this.isOpen && !signal.aborted) {
      try {
        const value = await this.#stream.read({
          timeoutMs: this.#constants.heartbeatStreamIdleMs,
          maxBytes: FRAME_LIMITS.heartbeatResponse,
          signal,
        });
        if (value === undefined) break;
        this.#take(decodeHeartbeatResponse(value));
      } catch (error) {
        if (errorCode(error) === 'STREAM_TIMEOUT' && !signal.aborted) continue;
        this.#end(errorCode(error) ?? 'error');
        this.#stream.reset();
        return;
      }
    }
    this.#end('closed by the indexer');
    await this.#stream.close();
  }

  #take(response: HeartbeatResponse): void {
    const role = this.#matcher.classify({
      ...(response.seq !== undefined && { seq: response.seq }),
      isError: response.error !== undefined,
    });
    if (role === 'answer') this.#settled({ kind: 'answer', response, at: this.#monotonic() });
    else if (role === 'notice') this.#onNotice(response);
  }

  #settled(answer: ChannelAnswer): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(answer);
  }

  #end(reason: string): void {
    if (this.#endReason !== undefined) return;
    this.#endReason = reason;
    this.#settled({ kind: 'ended', reason });
  }
}
