/**
 * The heartbeat protocol's server (discovery spec 12.1, 12.2): admits streams before it reads a byte, then answers one
 * heartbeat after the other. Fault model: peers open streams and stay silent, send rubbish or too much, stop reading,
 * or open one stream after the other. There is one stream a peer, every read and write has a deadline, and streams of
 * strangers are bounded in number.
 */

import { errorCode } from '@muster/core';
import type { ConnectionGuard } from '../behaviour/connection-guard.ts';
import { STRIKES } from '../behaviour/behaviour-tracker.ts';
import type { DiscoveryContext } from '../context.ts';
import type { FrameStream } from '../overlay/overlay.ts';
import { RELATIONS } from '../stores/peer-store.ts';
import { errorFrame } from '../wire/error-frames.ts';
import type { Heartbeat, PeerId, WireErrorCode } from '../wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../wire/protocols.ts';
import { decodeHeartbeat } from '../wire/schemas.ts';
import type { HeartbeatHandler, HeartbeatVerdict, Refusal } from './heartbeat-handler.ts';
import type { LiveNodeTable } from './node-table.ts';
import type { IndexerBehaviour } from './parts.ts';

/** The heartbeat stream of one peer. */
export interface HeartbeatSession {
  readonly peer: PeerId;
  readonly stream: FrameStream;
  /** Frames that came on this stream. */
  heard: number;
  /** Heartbeats of this stream that were accepted. */
  served: number;
  /** Replaced, dropped, or ended: nothing more happens for it. */
  isOver: boolean;
}

export type ServedHeartbeat = Extract<HeartbeatVerdict, { kind: 'served' }> & {
  readonly heartbeat: Heartbeat;
  readonly isFirstOfSession: boolean;
};

export interface ServerParts {
  readonly behaviour: IndexerBehaviour;
  readonly guard: ConnectionGuard;
  readonly table: LiveNodeTable;
  readonly handler: HeartbeatHandler;
  readonly isExempt: (peer: PeerId) => boolean;
  /** A heartbeat was answered; the slow work may begin (F:8). */
  readonly onServed: (served: ServedHeartbeat) => void;
  /** The stream of a peer has ended and no other has taken its place. */
  readonly onEnded: (peer: PeerId) => void;
}

export class HeartbeatServer {
  readonly #context: DiscoveryContext;
  readonly #parts: ServerParts;
  readonly #sessions = new Map<PeerId, HeartbeatSession>();
  #lingering = 0;
  #isStopping = false;

  constructor(context: DiscoveryContext, parts: ServerParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Open heartbeat streams. */
  get size(): number {
    return this.#sessions.size;
  }

  start(): void {
    this.#context.overlay.handle(PROTOCOLS.heartbeat, async (stream) => this.serve(stream));
  }

  /** New streams hear `shutting_down`. Each node gets a last frame and sees its stream closed. Never rejects. */
  async stop(notice: (peer: PeerId) => object): Promise<void> {
    this.#isStopping = true;
    const { heartbeatWriteMs, shutdownMs } = this.#context.constants;
    // Half of the time for shutdown: a node that does not read must not use up that of the others.
    const timeoutMs = Math.min(heartbeatWriteMs, shutdownMs / 2);
    const endings = [...this.#sessions.values()].map(async ({ peer, stream }) => {
      try {
        if (this.#parts.table.has(peer)) await stream.write(notice(peer), { timeoutMs });
        await stream.closeWrite();
      } catch {
        stream.reset();
      }
    });
    await Promise.all(endings);
  }

  /** Ends the stream of a peer at once. */
  end(peer: PeerId): void {
    const session = this.#sessions.get(peer);
    if (session === undefined) return;
    this.#sessions.delete(peer);
    session.isOver = true;
    session.stream.reset();
  }

  /** Serves one inbound stream until it ends. Never rejects. */
  async serve(stream: FrameStream): Promise<void> {
    const { peer } = stream.remote;
    const refusal = this.#refusalOf(peer);
    if (refusal !== undefined) return this.#refuse(stream, refusal);
    this.end(peer);
    const session: HeartbeatSession = { peer, stream, heard: 0, served: 0, isOver: false };
    this.#sessions.set(peer, session);
    this.#parts.behaviour.noteStream(peer);
    try {
      while (!session.isOver && !this.#isStopping) {
        if (!(await this.#serveOne(session))) break;
      }
    } catch {
      // Silence, a reset, or a peer that does not read: its record stays until it expires.
      stream.reset();
    } finally {
      session.isOver = true;
      if (this.#sessions.get(peer) === session) {
        this.#sessions.delete(peer);
        this.#parts.onEnded(peer);
      }
    }
  }

  /** 12.1, before anything is read. */
  #refusalOf(peer: PeerId): Refusal | undefined {
    const { behaviour, guard, table, isExempt } = this.#parts;
    const { peers, clock, settings, constants } = this.#context;
    if (this.#isStopping) return errorFrame('shutting_down', 'this indexer is shutting down');
    if (peers.findByPeerId(peer)?.relation === RELATIONS.BLACKLIST) {
      return errorFrame('blacklisted', 'this peer is blacklisted here');
    }
    const retryAfterMs = behaviour.bannedForMs(peer);
    if (retryAfterMs !== undefined) {
      return errorFrame('banned', 'this peer is banned for a while', { retryAfterMs });
    }
    if (table.has(peer) || isExempt(peer)) return undefined;
    const strangers = this.#sessions.size - table.size;
    const isCrowded = strangers >= Math.max(constants.strangerStreamsMin, settings.maxNodes);
    if (!isCrowded && guard.wouldAdmit(peer, clock.monotonic())) return undefined;
    this.#context.events.publish('guard.refused', { peer });
    return errorFrame('rate_limited', 'too many new peers', { retryAfterMs: guard.windowMs });
  }

  /** Reads and answers one heartbeat. False: the stream is done with. */
  async #serveOne(session: HeartbeatSession): Promise<boolean> {
    const { stream, peer } = session;
    const { clock, constants, events } = this.#context;
    const heartbeat = await this.#read(session);
    if (heartbeat === undefined) {
      await stream.close();
      return false;
    }
    const from = clock.monotonic();
    const verdict = await this.#parts.handler.handle(stream.remote, heartbeat);
    if (session.isOver) return false;
    const deadline = { timeoutMs: constants.heartbeatWriteMs, signal: this.#context.signal };
    if (verdict.kind === 'refused') {
      await this.#refuse(stream, verdict.refusal);
      return false;
    }
    if (verdict.kind === 'not-yet') {
      this.#publishRefusal(peer, verdict.refusal.error.code);
      await stream.write(verdict.refusal, deadline);
      return true;
    }
    await stream.write(verdict.response, deadline);
    const isProbe = verdict.kind === 'probe';
    events.publish('heartbeat.served', { peer, isProbe, handlingMs: clock.monotonic() - from });
    if (!isProbe && !session.isOver) {
      session.served += 1;
      this.#parts.onServed({ ...verdict, heartbeat, isFirstOfSession: session.served === 1 });
    }
    return true;
  }

  /** The next heartbeat, or undefined when the peer has closed. Rejects when there is none to come. */
  async #read(session: HeartbeatSession): Promise<Heartbeat | undefined> {
    const { stream, peer } = session;
    const { constants, signal } = this.#context;
    // A stranger says at once what he wants; the long silence is for nodes between two heartbeats.
    const isKnown = session.heard > 0 || this.#parts.table.has(peer);
    const timeoutMs = isKnown ? constants.heartbeatStreamIdleMs : constants.heartbeatFirstMs;
    try {
      const value = await stream.read({ timeoutMs, signal, maxBytes: FRAME_LIMITS.heartbeat });
      session.heard += 1;
      return value === undefined ? undefined : decodeHeartbeat(value);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'FRAME_TOO_LARGE' || code === 'FRAME_MALFORMED') {
        this.#parts.behaviour.strike(peer, STRIKES.badFrame, 'oversize or malformed heartbeat');
      }
      throw error;
    }
  }

  /** Says why, leaves the other side a moment to read it, and ends the stream. Never rejects. */
  async #refuse(stream: FrameStream, refusal: Refusal): Promise<void> {
    const { code } = refusal.error;
    const { peer } = stream.remote;
    this.#publishRefusal(peer, code);
    if (this.#lingering < this.#context.constants.lingeringStreams) {
      this.#lingering += 1;
      try {
        await stream.write(refusal, {
          timeoutMs: this.#context.constants.heartbeatWriteMs,
          signal: this.#context.signal,
        });
        await stream.closeWrite();
        await this.#endOf(stream);
      } catch {
        // It did not want to know.
      } finally {
        this.#lingering -= 1;
      }
    }
    stream.reset();
    if (code === 'blacklisted') await this.#context.overlay.disconnect(peer);
  }

  async #endOf(stream: FrameStream): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#context.timers.after(this.#context.constants.heartbeatWriteMs, resolve);
      void stream.ended.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #publishRefusal(peer: PeerId, code: WireErrorCode): void {
    this.#context.events.publish('heartbeat.refused', { peer, code });
  }
}
