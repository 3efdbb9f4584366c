import type { Socket } from 'node:net';
import type { StreamSink } from '@muster/core';

/** More than this goes out at once: the limits on output must see it. */
const MAX_GATHERED_BYTES = 64 * 1024;

/** How much of what was written is with the system. */
interface WriteProgress {
  readonly _handle: { readonly writeQueueSize?: number } | null;
  readonly _writableState?: { readonly writelen?: number };
}

/**
 * Answers that wait for the end of the turn: first all chunks that have arrived are worked off, then all answers go out.
 * A peer that is woken by its answer takes the processor, or the core's other half, from the chunks that still wait;
 * this way a whole batch is answered before the first peer runs.
 */
export class WriteTurn {
  #sinks: SocketSink[] = [];
  readonly #flush = (): void => this.flush();

  /** Has `sink` flushed at the end of the turn. */
  add(sink: SocketSink): void {
    if (this.#sinks.length === 0) setImmediate(this.#flush);
    this.#sinks.push(sink);
  }

  /** Sends what has gathered. */
  flush(): void {
    const sinks = this.#sinks;
    this.#sinks = [];
    for (const sink of sinks) sink.flush();
  }
}

/** A socket as a sink. Of what is written in a turn the first piece waits for the end of the turn, if it is small. */
export class SocketSink implements StreamSink {
  readonly #socket: Socket;
  readonly #turn: WriteTurn;
  #gathered: Uint8Array | undefined;
  /** Called when the system has not taken at once what had gathered. */
  onBacklog: () => void = () => {};

  constructor(socket: Socket, turn: WriteTurn) {
    this.#socket = socket;
    this.#turn = turn;
  }

  /**
   * What the system has not taken; without what has gathered in this turn, which nobody had the chance to take. The stream
   * counts what it has handed to the system as unsent up to the last byte; the system knows better.
   */
  get bufferedBytes(): number {
    const queued = this.#socket.writableLength;
    if (queued === 0) return 0;
    const { _handle, _writableState } = this.#socket as unknown as WriteProgress;
    const handed = _writableState?.writelen;
    const left = _handle?.writeQueueSize;
    return handed === undefined || left === undefined ? queued : queued - handed + Math.min(left, handed);
  }

  write(data: Uint8Array): void {
    if (this.#gathered === undefined && data.length <= MAX_GATHERED_BYTES) {
      this.#gathered = data;
      this.#turn.add(this);
      return;
    }
    this.#writeGathered();
    this.#send(data);
  }

  /** Sends what has gathered. */
  flush(): void {
    this.#writeGathered();
    if (this.#socket.writableLength > 0) this.onBacklog();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#writeGathered();
    this.#socket.end();
  }

  destroy(): void {
    this.#gathered = undefined;
    this.#socket.destroy();
  }

  #writeGathered(): void {
    const data = this.#gathered;
    if (data === undefined) return;
    this.#gathered = undefined;
    this.#send(data);
  }

  #send(data: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(data);
  }
}
