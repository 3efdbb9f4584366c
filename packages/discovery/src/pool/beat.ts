import { errorCode } from '@muster/core';
import type { Challenges } from '../heartbeat/challenge-schedule.ts';
import { HeartbeatChannel } from '../heartbeat/heartbeat-channel.ts';
import type { Heartbeat, HeartbeatResponse, PeerId, WireError } from '../wire/messages.ts';
import { PROTOCOLS } from '../wire/protocols.ts';
import type { PoolEntry } from './pool-entry.ts';
import type { PoolState } from './pool-state.ts';

/** How one heartbeat ended (11.3 g). */
export type BeatOutcome =
  | { readonly kind: 'ok'; readonly response: HeartbeatResponse; readonly rttMs: number }
  | { readonly kind: 'silent' }
  | { readonly kind: 'refused'; readonly error: WireError; readonly response: HeartbeatResponse }
  | { readonly kind: 'failed'; readonly reason: string };

/** Sends heartbeats, over one stream for each indexer, and keeps these streams. */
export class HeartbeatSender {
  readonly #state: PoolState;
  readonly #onNotice: (peer: PeerId, notice: HeartbeatResponse) => void;
  readonly #channels = new Map<PeerId, HeartbeatChannel>();

  /** `onNotice` hears of frames that answer nothing: an indexer that shuts down says so (5.4.2). */
  constructor(state: PoolState, onNotice: (peer: PeerId, notice: HeartbeatResponse) => void) {
    this.#state = state;
    this.#onNotice = onNotice;
    state.onEvicted((entry) => this.#closeOf(entry.peer));
  }

  /** Streams that are open. */
  get openStreams(): number {
    return [...this.#channels.values()].filter(({ isOpen }) => isOpen).length;
  }

  /** One heartbeat (11.3 c to g). Never rejects. */
  async beat(entry: PoolEntry, base: Heartbeat, challenges: Challenges): Promise<BeatOutcome> {
    const seq = (entry.seq += 1);
    const message: Heartbeat = {
      ...base,
      ...(challenges.peers.length > 0 && { challenges: challenges.peers }),
      ...(challenges.did !== undefined && { challenge_did: challenges.did }),
      ...(entry.score !== undefined && { local_score: entry.score }),
      seq,
    };
    entry.lastTried = this.#state.now();
    entry.retrySoon = false;
    const reused = this.#openChannel(entry.peer);
    const outcome = await this.#send(entry, message, reused);
    // A stream that had ended before we wrote says nothing about the indexer: it gets one new stream.
    if (outcome.kind !== 'unsent') return outcome;
    const second = reused === undefined ? outcome : await this.#send(entry, message, undefined);
    return second.kind === 'unsent' ? { kind: 'failed', reason: second.reason } : second;
  }

  async #send(
    entry: PoolEntry,
    message: Heartbeat,
    reused: HeartbeatChannel | undefined,
  ): Promise<BeatOutcome | { readonly kind: 'unsent'; readonly reason: string }> {
    const { signal } = this.#state;
    let channel = reused;
    let sentAt: number;
    try {
      channel ??= await this.#open(entry);
      sentAt = this.#state.now();
      entry.lastSent = sentAt;
      const answer = await channel.ask(message, message.seq ?? 0, signal);
      if (answer.kind === 'ended') {
        this.#reset(entry.peer, channel);
        // Links break although nobody is down. Who takes a new stream at once has only failed to answer this heartbeat;
        // it is not sent again, since it may have arrived and the gap holds.
        if (answer.reason === 'STREAM_RESET' && (await this.#canReopen(entry))) return { kind: 'silent' };
        return { kind: 'failed', reason: answer.reason };
      }
      if (answer.kind === 'silent') {
        this.#reset(entry.peer, channel);
        return { kind: 'silent' };
      }
      const { response } = answer;
      if (response.error !== undefined) return { kind: 'refused', error: response.error, response };
      return { kind: 'ok', response, rttMs: answer.at - sentAt };
    } catch (error) {
      if (channel !== undefined) this.#reset(entry.peer, channel);
      return { kind: 'unsent', reason: errorCode(error) ?? 'error' };
    }
  }

  #openChannel(peer: PeerId): HeartbeatChannel | undefined {
    const channel = this.#channels.get(peer);
    return channel?.isOpen === true ? channel : undefined;
  }

  async #canReopen(entry: PoolEntry): Promise<boolean> {
    try {
      await this.#open(entry);
      return true;
    } catch {
      return false;
    }
  }

  async #open(entry: PoolEntry): Promise<HeartbeatChannel> {
    const { context, signal } = this.#state;
    const { peer } = entry;
    const stream = await context.overlay.open({ ID: peer, Addrs: entry.addresses }, PROTOCOLS.heartbeat, {
      timeoutMs: context.constants.heartbeatDialMs,
      signal,
    });
    const channel = new HeartbeatChannel({
      stream,
      timers: context.timers,
      constants: context.constants,
      monotonic: () => this.#state.now(),
      signal,
      onNotice: (notice) => this.#onNotice(peer, notice),
    });
    // Evicted while we dialled: nobody would close this stream later.
    if (!this.#state.directory.holds(entry)) channel.reset();
    else this.#channels.set(peer, channel);
    return channel;
  }

  #reset(peer: PeerId, channel: HeartbeatChannel): void {
    channel.reset();
    if (this.#channels.get(peer) === channel) this.#channels.delete(peer);
  }

  #closeOf(peer: PeerId): void {
    const channel = this.#channels.get(peer);
    this.#channels.delete(peer);
    void channel?.close();
  }

  /** Closes all of them. */
  async stop(): Promise<void> {
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    await Promise.all(channels.map((channel) => channel.close()));
  }
}
