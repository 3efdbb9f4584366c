import type { StreamSink } from '@muster/core';
import { ListReply } from '../operations/operation.ts';
import {
  BINARY_HEADER_BYTES,
  errorFrameBytes,
  LENGTH_BYTES,
  OPCODE,
  writeErrorFrame,
  writeU32,
} from '../wire/index.ts';
import type { Output } from './output.ts';
import { ReplyQueue } from './reply-queue.ts';

const LIST_HEAD = Buffer.from('{"type":"list_nodes_ok","nodes":[');

/** What an outbox needs of its server. */
export interface OutboxHost {
  readonly output: Output;
  readonly durableSeq: number;
  readonly appendedSeq: number;
}

/**
 * The answers of one connection on their way out, in order. Those of one turn gather in the server's {@link Output} and
 * go out in one write; those that show an event which is not durable yet wait, and what comes after them too.
 *
 * Fault model: the peer may never read. Answers then wait in the network's queue and here; the session stops reading
 * requests long before that is much, and {@link Outbox.isStuck} tells when the peer has taken nothing for a while.
 */
export class Outbox {
  /** Offset of the bytes that {@link Outbox.reserve} gave. */
  reservedAt = 0;
  /** Whether JSON bodies go out in binary frames. */
  isBinary = false;
  readonly #host: OutboxHost;
  readonly #sink: StreamSink;
  /** Called when answers begin to wait for the disk. */
  readonly #awaitDurable: () => void;
  readonly #replies = new ReplyQueue();
  #writtenBytes = 0;
  #closed = false;
  /** When the peer must have taken some of what is unsent; 0 = nothing is unsent. */
  #deadline = 0;
  /** Bytes that the network had taken when the deadline was set. */
  #takenBytes = 0;

  constructor(host: OutboxHost, sink: StreamSink, awaitDurable: () => void) {
    this.#host = host;
    this.#sink = sink;
    this.#awaitDurable = awaitDurable;
  }

  /** Answers that wait for the disk. */
  get waiting(): number {
    return this.#replies.length;
  }

  /** Bytes that wait here or in the network's queue. */
  get pendingBytes(): number {
    return this.#sink.bufferedBytes + this.#replies.bytes;
  }

  /** Whether anything has been sent. */
  get hasWritten(): boolean {
    return this.#writtenBytes > 0;
  }

  /**
   * Room for an answer of exactly `bytes` bytes at {@link Outbox.reservedAt} of the buffer that is returned; it must be
   * filled before anything else happens. The answer is sent once event `seq` is durable.
   */
  reserve(bytes: number, seq: number): Buffer {
    const { output } = this.#host;
    if (seq > this.#host.durableSeq || this.#replies.length > 0) {
      this.reservedAt = 0;
      const reply = Buffer.allocUnsafe(bytes);
      this.#wait(reply, seq);
      return reply;
    }
    if (!output.fits(bytes)) this.flush();
    if (!output.fits(bytes)) {
      this.reservedAt = 0;
      const reply = Buffer.allocUnsafe(bytes);
      // Goes out with the next flush, when the caller has filled it.
      this.#replies.add(reply, 0);
      return reply;
    }
    this.reservedAt = output.length;
    output.length += bytes;
    return output.buffer;
  }

  /** Adds an error frame; an error shows nothing newer than what has been applied. */
  sendError(text: string): void {
    const out = this.reserve(errorFrameBytes(text), this.#host.appendedSeq);
    writeErrorFrame(out, this.reservedAt, text);
  }

  /** Adds a JSON body, framed as the connection has it. */
  send(body: Buffer | ListReply, seq: number): void {
    if (body instanceof ListReply) return this.#sendList(body, seq);
    const overhead = this.#headerBytes();
    const out = this.reserve(overhead + body.length, seq);
    this.#writeHeader(out, this.reservedAt, body.length);
    body.copy(out, this.reservedAt + overhead);
  }

  /** Sends what has gathered, then what waits for nothing any more. */
  flush(): void {
    const { output } = this.#host;
    if (output.length > 0) {
      const bytes = output.take();
      if (!this.#closed) this.#write(bytes);
    }
    if (this.#replies.length > 0 && !this.#closed) this.release(this.#host.durableSeq);
  }

  /** Sends the answers that had to wait for event `durableSeq`. */
  release(durableSeq: number): void {
    for (const piece of this.#replies.take(durableSeq)) this.#write(piece);
  }

  /** When the peer must have taken something of what is unsent; undefined when nothing is unsent. */
  writeDeadline(nowMs: number, timeoutMs: number): number | undefined {
    const unsent = this.#sink.bufferedBytes;
    if (unsent === 0) {
      this.#deadline = 0;
      return undefined;
    }
    // Further answers do not move it: only a peer that takes some gets more time.
    if (this.#deadline === 0) {
      this.#deadline = nowMs + timeoutMs;
      this.#takenBytes = this.#writtenBytes - unsent;
    }
    return this.#deadline;
  }

  /** Whether a deadline for writing was set. */
  get isAwaitingPeer(): boolean {
    return this.#deadline !== 0;
  }

  /** At the deadline: whether the peer has taken nothing since it was set. If it has, the next deadline is a new one. */
  isStuck(): boolean {
    const unsent = this.#sink.bufferedBytes;
    if (unsent > 0 && this.#writtenBytes - unsent === this.#takenBytes) return true;
    this.#deadline = 0;
    return false;
  }

  /** The connection is gone: nothing is sent any more. */
  close(): void {
    this.#closed = true;
    this.#replies.clear();
  }

  #sendList(list: ListReply, seq: number): void {
    const tail = Buffer.from(`]${list.tail}}`);
    const header = Buffer.allocUnsafe(this.#headerBytes());
    this.#writeHeader(header, 0, LIST_HEAD.length + list.body.bytes + tail.length);
    const pieces = [header, LIST_HEAD, ...list.body.pieces, tail];
    if (seq > this.#host.durableSeq || this.#replies.length > 0) {
      for (const piece of pieces) this.#wait(piece, seq);
      return;
    }
    this.flush();
    for (const piece of pieces) this.#write(piece);
  }

  #headerBytes(): number {
    return this.isBinary ? BINARY_HEADER_BYTES : LENGTH_BYTES;
  }

  #writeHeader(target: Buffer, at: number, bodyBytes: number): void {
    if (!this.isBinary) {
      writeU32(target, at, bodyBytes);
      return;
    }
    writeU32(target, at, bodyBytes + 1);
    target[at + LENGTH_BYTES] = OPCODE.jsonPassthrough;
  }

  #wait(reply: Buffer, seq: number): void {
    this.#replies.add(reply, seq);
    this.#awaitDurable();
  }

  #write(bytes: Buffer): void {
    this.#writtenBytes += bytes.length;
    this.#sink.write(bytes);
  }
}
