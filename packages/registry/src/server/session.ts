import type { PeerAddress, StreamSink } from '@muster/core';
import {
  type AddressState,
  CHARGE_PAUSE,
  CHARGE_REFUSE,
  RATE_LIMITED_TEXT,
  TOO_MANY_LOOKUPS_TEXT,
} from '../admission/index.ts';
import { type Caller, Proofs } from '../engine/caller.ts';
import { Engine } from '../engine/engine.ts';
import { Refusal } from '../operations/refusal.ts';
import {
  classifyPreamble,
  decodeMessage,
  HEARTBEAT_REQUEST_BYTES,
  heartbeatTooShortText,
  LENGTH_BYTES,
  LOOKUP_REQUEST_BYTES,
  lookupTooShortText,
  MAX_FRAME_BYTES,
  OPCODE,
  PREAMBLE_BYTES,
  PREAMBLE_KIND,
  readText,
  readU32At,
  RESOLVE_REQUEST_BYTES,
  resolveTooShortText,
  unknownOpcodeText,
  unsupportedVersionText,
  WIRE_VERSION,
} from '../wire/index.ts';
import { Outbox } from './outbox.ts';
import type { SessionHost } from './session-host.ts';

const NO_BYTES = Buffer.alloc(0);

type Mode = 'preamble' | 'json' | 'binary';

/**
 * One connection: bytes in, answers out, in the order of the requests (spec 2). It knows no sockets: bytes come through
 * {@link Session.receive}, answers go to a {@link StreamSink}.
 *
 * Fault model: the peer may send anything, cut anywhere, as slowly or as fast as it likes, and may never read. Then:
 * memory follows the bytes that arrived and stays below the limit that the peer's proofs allow; a peer that does not
 * read its answers is not read either; deadlines close the rest. What one connection waits for (a signature, the
 * disk, a list) holds back only that connection.
 */
export class Session implements Caller {
  readonly source: PeerAddress;
  readonly proofs: Proofs;
  isAdmin = false;
  /** The answers. */
  readonly out: Outbox;
  readonly #host: SessionHost;
  readonly #sink: StreamSink;
  readonly #admission: AddressState;
  #mode: Mode = 'preamble';
  /** Received bytes that belong to a message which is not complete, or has to wait. */
  #held = NO_BYTES;
  #heldEnd = 0;
  /** When the message whose beginning is held must have arrived; 0 = nothing is held. */
  #arrivalDeadline = 0;
  /** The answer to the last request is being worked on. */
  #busy = false;
  #processing = false;
  #paused = false;
  #pausedUntil = 0;
  #closed = false;
  /** What the peer sends is no longer looked at; the connection ends when its answers are out. */
  #ending = false;
  /** The peer sends nothing more, but may still read. */
  #inputEnded = false;
  /** The end has been sent. */
  #ended = false;
  #deadline: number;

  constructor(host: SessionHost, sink: StreamSink, source: PeerAddress, admission: AddressState) {
    this.#host = host;
    this.#sink = sink;
    this.source = source;
    this.#admission = admission;
    this.proofs = new Proofs(host.engine.state.nodes);
    this.out = new Outbox(host, sink, () => host.awaitDurable(this));
    const now = host.clock.monotonic();
    this.#deadline = host.deadlines.add(this, now + host.limits.idleTimeoutMs);
  }

  admitNewKey(): boolean {
    return this.#host.admission.admitRegistration(this.#admission, this.#host.clock.monotonic());
  }

  /** Takes received bytes, which the caller may reuse afterwards. */
  receive(chunk: Buffer, start: number, end: number): void {
    if (this.#closed || this.#ending) return;
    if (this.#heldEnd > 0 || this.#blocked()) {
      this.#hold(chunk, start, end);
      if (this.#blocked()) this.#pause();
      else this.#processHeld();
      return;
    }
    const consumed = this.#process(chunk, start, end);
    if (consumed < end && !this.#closed && !this.#ending) this.#hold(chunk, consumed, end);
    this.#settle();
  }

  /** The peer sends nothing more. What it asked is still answered, then the connection ends. */
  inputEnded(): void {
    this.#inputEnded = true;
    this.#processHeld();
  }

  /** The network has taken what was queued. */
  drained(): void {
    if (!this.#closed && !this.#busy) this.#processHeld();
  }

  /** Sends the answers that had to wait for event `durableSeq`; false when more wait. */
  release(durableSeq: number): boolean {
    if (this.#closed) return true;
    this.out.release(durableSeq);
    if (!this.#busy) this.#processHeld();
    return this.out.waiting === 0;
  }

  /** Called by the wheel of deadlines, which has forgotten this one. */
  deadlinePassed(nowMs: number): void {
    if (this.#closed) return;
    const { limits, deadlines } = this.#host;
    this.#deadline = deadlines.add(this, nowMs + limits.writeTimeoutMs);
    if (this.out.isAwaitingPeer) {
      if (this.out.isStuck()) return this.#sink.destroy();
      return deadlines.move(this.#deadline, this.#nextDeadline());
    }
    if (this.#ended) return this.#sink.destroy();
    if (this.#blocked()) return;
    const due = this.#nextDeadline();
    // What is awaited of the peer may have changed since the deadline was set.
    if (this.#heldEnd > 0 && due > nowMs) return deadlines.move(this.#deadline, due);
    this.#sink.destroy();
  }

  /** The connection is gone. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#held = NO_BYTES;
    this.out.close();
    this.#host.forget(this, this.#admission, this.#deadline);
  }

  /** Stops reading requests until {@link Session.continueWith} is called. */
  waitForContinuation(): void {
    this.#busy = true;
  }

  /** Goes on after {@link Session.waitForContinuation}: `step` answers the request that waited. */
  continueWith(step: () => void): void {
    if (this.#closed) return;
    this.#busy = false;
    step();
    this.out.flush();
    this.#processHeld();
  }

  #blocked(): boolean {
    return (
      this.#busy ||
      this.#host.isStopping ||
      this.#pausedUntil !== 0 ||
      this.out.waiting >= this.#host.limits.maxWaitingReplies ||
      this.out.pendingBytes > this.#host.limits.maxOutputBytes
    );
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#sink.pause();
  }

  #processHeld(): void {
    if (this.#processing || this.#closed) return;
    if (this.#heldEnd > 0 && !this.#ending && !this.#blocked()) {
      const held = this.#held;
      const end = this.#heldEnd;
      const consumed = this.#process(held, 0, end);
      if (this.#closed) return;
      if (consumed === end || this.#ending) {
        this.#held = NO_BYTES;
        this.#heldEnd = 0;
      } else if (consumed > 0) {
        held.copyWithin(0, consumed, end);
        this.#heldEnd = end - consumed;
        this.#arrivalDeadline = 0;
      }
    }
    this.#settle();
  }

  /** After a round: answers out, reading on or off, the next deadline. */
  #settle(): void {
    this.out.flush();
    if (this.#closed || this.#ended) return;
    if (this.out.waiting === 0 && (this.#ending || (this.#inputEnded && !this.#blocked()))) {
      return this.#end();
    }
    if (this.#paused && !this.#blocked()) {
      this.#paused = false;
      this.#sink.resume();
    }
    this.#host.deadlines.move(this.#deadline, this.#nextDeadline());
  }

  #nextDeadline(): number {
    const { limits, clock } = this.#host;
    const now = clock.monotonic();
    const writeDeadline = this.out.writeDeadline(now, limits.writeTimeoutMs);
    if (writeDeadline !== undefined) return writeDeadline;
    if (this.#ended) return now + limits.writeTimeoutMs;
    if (this.#heldEnd === 0 || this.#blocked()) {
      this.#arrivalDeadline = 0;
      return now + limits.idleTimeoutMs;
    }
    if (this.#arrivalDeadline === 0) this.#arrivalDeadline = now + limits.headerTimeoutMs;
    if (this.#heldEnd < LENGTH_BYTES || this.#mode === 'preamble') return this.#arrivalDeadline;
    const bodyMs = (readU32At(this.#held, 0) / limits.minBodyBytesPerSecond) * 1000;
    return this.#arrivalDeadline + bodyMs;
  }

  /** Keeps bytes for later; the buffer grows with what has arrived, never with what was announced. */
  #hold(chunk: Buffer, start: number, end: number): void {
    const needed = this.#heldEnd + end - start;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(
        Math.max(256, needed, Math.min(needed * 2, needed + 1024 * 1024)),
      );
      this.#held.copy(larger, 0, 0, this.#heldEnd);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldEnd, start, end);
    this.#heldEnd = needed;
  }

  /** Answers the complete messages between `start` and `end`; returns where the first one begins that has to wait. */
  #process(buffer: Buffer, start: number, end: number): number {
    this.#processing = true;
    const startedMs = this.#host.clock.monotonic();
    let at = start;
    if (this.#mode === 'preamble') at = this.#preamble(buffer, start, end);
    if (this.#mode !== 'preamble' && !this.#ending) at = this.#messages(buffer, at, end);
    this.#host.native.countChunk(this.#host.clock.monotonic() - startedMs);
    this.#processing = false;
    return at;
  }

  #preamble(buffer: Buffer, start: number, end: number): number {
    const kind = classifyPreamble(buffer, start, end);
    if (kind === PREAMBLE_KIND.json) {
      this.#mode = 'json';
      return start;
    }
    if (kind === PREAMBLE_KIND.incomplete || end - start < PREAMBLE_BYTES) return start;
    const version = buffer[start + PREAMBLE_BYTES - 1] as number;
    this.#mode = 'binary';
    this.out.isBinary = true;
    if (version !== WIRE_VERSION) this.#refuseAndEnd(unsupportedVersionText(version));
    return start + PREAMBLE_BYTES;
  }

  #messages(buffer: Buffer, start: number, end: number): number {
    const nowMs = this.#host.clock.monotonic();
    const now = Math.floor(this.#host.clock.now() / 1000);
    const isBinary = this.#mode === 'binary';
    let at = start;
    let readTo = isBinary ? start : end;
    while (!this.#closed && !this.#ending && !this.#blocked()) {
      if (at >= readTo) readTo = this.#host.native.readAhead(buffer, at, end);
      if (end - at < LENGTH_BYTES) break;
      const length = readU32At(buffer, at);
      if (length > this.#maxFrameBytes()) {
        this.#tooLarge(length);
        return end;
      }
      const bodyAt = at + LENGTH_BYTES;
      const bodyEnd = bodyAt + length;
      if (bodyEnd > end) break;
      const verdict = this.#host.admission.charge(this.#admission, 1, nowMs);
      if (verdict === CHARGE_PAUSE) {
        this.#pauseFor(this.#host.admission.retryAfterMs(this.#admission, 1, nowMs));
        break;
      }
      at = bodyEnd;
      if (verdict === CHARGE_REFUSE)
        this.#rateLimited(isBinary && buffer[bodyAt] !== OPCODE.jsonPassthrough, nowMs);
      else if (isBinary) this.#binaryFrame(buffer, bodyAt, bodyEnd, now, nowMs);
      else this.#jsonMessage(buffer.subarray(bodyAt, bodyEnd));
    }
    return at;
  }

  #maxFrameBytes(): number {
    const { limits } = this.#host;
    if (this.isAdmin) return limits.maxAdminFrameBytes;
    return this.proofs.slot >= 0 ? limits.maxProvenFrameBytes : limits.maxFrameBytes;
  }

  #binaryFrame(buffer: Buffer, at: number, end: number, now: number, nowMs: number): void {
    if (end === at) return this.#finish();
    const { native } = this.#host;
    const payload = end - at - 1;
    switch (buffer[at]) {
      case OPCODE.heartbeat:
        if (payload < HEARTBEAT_REQUEST_BYTES) return this.out.sendError(heartbeatTooShortText(payload));
        return native.heartbeat(this, buffer, at + 1, now);
      case OPCODE.lookup:
        if (payload < LOOKUP_REQUEST_BYTES) return this.out.sendError(lookupTooShortText(payload));
        if (!this.#host.admission.admitLookup(this.#admission, readU32At(buffer, at + 1), nowMs)) {
          return this.out.sendError(TOO_MANY_LOOKUPS_TEXT);
        }
        return native.lookup(this, buffer, at + 1);
      case OPCODE.resolve:
        if (payload < RESOLVE_REQUEST_BYTES) return this.out.sendError(resolveTooShortText(payload));
        return native.resolve(this, buffer, at + 1, now);
      case OPCODE.jsonPassthrough:
        return this.#jsonMessage(buffer.subarray(at + 1, end));
      default:
        return this.out.sendError(unknownOpcodeText(buffer[at] as number));
    }
  }

  #jsonMessage(body: Buffer): void {
    const decoded = decodeMessage(body);
    if (!decoded.ok) {
      if (this.#mode === 'binary') return this.out.sendError(decoded.error);
      return this.#finish();
    }
    if (readText(decoded.message, 'type') === 'subscribe_replication') return this.#noReplication();
    if (decoded.message['type'] === 'lookup' && !this.#admitJsonLookup(decoded.message['node_id'])) {
      const { admission, clock } = this.#host;
      const retryAfterMs = admission.lookupRetryAfterMs(this.#admission, clock.monotonic());
      return this.#refuseJson(new Refusal('rate_limited', TOO_MANY_LOOKUPS_TEXT, { retryAfterMs }));
    }
    const outcome = this.#host.engine.execute(decoded.message, this);
    if (!(outcome instanceof Promise)) return this.out.send(outcome.body, outcome.seq);
    this.waitForContinuation();
    void outcome.then((settled) => this.continueWith(() => this.out.send(settled.body, settled.seq)));
  }

  #admitJsonLookup(nodeId: unknown): boolean {
    if (typeof nodeId !== 'number') return true;
    return this.#host.admission.admitLookup(this.#admission, nodeId, this.#host.clock.monotonic());
  }

  #noReplication(): void {
    if (this.#mode === 'binary') return this.out.sendError('replication not supported over binary protocol');
    this.out.send(Buffer.from('{"error":"replication not configured","type":"error"}'), 0);
    this.#finish();
  }

  #rateLimited(isNative: boolean, nowMs: number): void {
    if (isNative) return this.out.sendError(RATE_LIMITED_TEXT);
    const retryAfterMs = this.#host.admission.retryAfterMs(this.#admission, 1, nowMs);
    this.#refuseJson(new Refusal('rate_limited', RATE_LIMITED_TEXT, { retryAfterMs }));
  }

  #refuseJson(refusal: Refusal): void {
    this.out.send(Engine.errorBody(refusal), 0);
  }

  /** Larger than the protocol allows: closed without a reply, like the original. Larger than this peer may: told so. */
  #tooLarge(length: number): void {
    if (length > MAX_FRAME_BYTES) return this.#finish();
    const text = `message too large: ${length} bytes (max ${this.#maxFrameBytes()})`;
    if (this.#mode === 'binary') return this.#refuseAndEnd(text);
    this.#refuseJson(new Refusal('frame_too_large', text));
    this.#finish();
  }

  #refuseAndEnd(text: string): void {
    this.out.sendError(text);
    this.#finish();
  }

  /** The end of what is read. Answers to what came before still go out, also those that wait for the disk. */
  #finish(): void {
    this.#ending = true;
  }

  /** Ends a connection whose answers are out; whoever got none has nothing to wait for. */
  #end(): void {
    this.#ended = true;
    if (!this.out.hasWritten) return this.#sink.destroy();
    this.#sink.end();
    if (this.#closed) return;
    // What still comes is read and thrown away: closing over unread bytes could take the answers from the peer.
    if (this.#paused) this.#sink.resume();
    this.#host.deadlines.move(this.#deadline, this.#nextDeadline());
  }

  #pauseFor(delayMs: number): void {
    this.#pausedUntil = this.#host.clock.monotonic() + delayMs;
    this.#pause();
    this.#host.timers.after(delayMs, () => {
      this.#pausedUntil = 0;
      this.drained();
    });
  }
}
