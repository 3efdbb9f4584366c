import type { Socket } from 'node:net';
import { MusterError } from '@muster/core/identity';
import { clientErrors } from '../errors.ts';
import type { Link, LinkEvents, Slot } from '../link.ts';
import type { ResolvedOptions } from '../options.ts';
import { BINARY_PREAMBLE, type Frame, FrameReader } from '../wire/frames.ts';

/**
 * One connection. Replies belong to requests by their order alone, so anything that puts the order in doubt (a
 * reply that does not come, is too large or is not one) ends the connection.
 *
 * An open connection without unanswered requests does not keep the process alive.
 */
export class Connection implements Link {
  readonly #socket: Socket;
  readonly #events: LinkEvents;
  readonly #reader: FrameReader;
  readonly #slots: Slot[] = [];
  #state: 'open' | 'closed' = 'open';
  #corked = false;
  #replies = 0;

  constructor(socket: Socket, options: ResolvedOptions, events: LinkEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#reader = new FrameReader(options.encoding, options.maxReplyBytes);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('end', () => this.#fail(undefined));
    socket.on('close', () => this.#closed());
    socket.setTimeout(options.idleTimeoutMs, () => {
      if (this.#slots.length === 0) this.#fail(undefined);
    });
    // It may have ended since it was opened, unheard.
    if (socket.closed) process.nextTick(() => this.#closed());
    socket.unref();
    if (options.encoding === 'binary') this.#write(BINARY_PREAMBLE);
  }

  get unanswered(): number {
    return this.#slots.length;
  }

  get replies(): number {
    return this.#replies;
  }

  send(frame: Uint8Array, slot: Slot): void {
    if (this.#slots.length === 0) this.#socket.ref();
    this.#slots.push(slot);
    this.#write(frame);
  }

  destroy(error: Error): void {
    this.#fail(error);
  }

  /** Frames that are sent in one turn of the event loop leave in one write. */
  #write(bytes: Uint8Array): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(bytes);
  }

  #receive(chunk: Buffer): void {
    try {
      this.#reader.push(chunk, (frame) => this.#accept(frame));
    } catch (error) {
      // What can't be read as a frame would have been the reply to the request that is first in line.
      if (error instanceof MusterError) this.#slots.shift()?.onFailed(error);
      this.#fail(error as Error);
    }
    if (this.#state === 'open') this.#events.onProgress(this);
  }

  #accept(frame: Frame): void {
    if (this.#state === 'closed') return;
    const slot = this.#slots.shift();
    if (slot === undefined) {
      this.#fail(clientErrors.create('PROTOCOL', 'the server sent a reply that nobody asked for'));
      return;
    }
    this.#replies++;
    if (this.#slots.length === 0) this.#socket.unref();
    if (!slot.onReply(frame)) {
      this.#fail(clientErrors.create('PROTOCOL', 'the server sent a reply to another request'));
    }
  }

  #fail(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#socket.destroy();
    const cause = error ?? clientErrors.create('CONNECTION_LOST', 'the server closed the connection');
    const unanswered = this.#slots.splice(0);
    this.#events.onLost(this, cause);
    // The last first, so that those which are queued again keep their order.
    for (const slot of unanswered.toReversed()) slot.onLost(cause);
  }

  #closed(): void {
    this.#fail(undefined);
    this.#events.onClosed(this);
  }
}
