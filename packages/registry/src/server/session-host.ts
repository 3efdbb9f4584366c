import type { Clock, PeerAddress, StreamSink, Timers } from '@muster/core';
import { type AddressState, type AdmissionControl, DeadlineWheel } from '../admission/index.ts';
import type { Engine } from '../engine/engine.ts';
import type { ConnectionLimits } from './limits.ts';
import { NativeOperations } from './native.ts';
import { Output } from './output.ts';
import { Session } from './session.ts';

export interface SessionHostOptions {
  readonly engine: Engine;
  readonly admission: AdmissionControl;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** What the sessions of a server share: the engine, the gathering of answers, deadlines, and the wait for the disk. */
export class SessionHost {
  readonly engine: Engine;
  readonly native: NativeOperations;
  readonly admission: AdmissionControl;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly output = new Output();
  readonly deadlines: DeadlineWheel<Session>;
  /** No further request is taken; what is under way is still answered. For an end under load. */
  isStopping = false;
  readonly #sessions = new Set<Session>();
  #waiting = new Set<Session>();

  constructor(options: SessionHostOptions) {
    this.engine = options.engine;
    this.admission = options.admission;
    this.limits = options.limits;
    this.clock = options.clock;
    this.timers = options.timers;
    this.native = new NativeOperations(options.engine);
    this.deadlines = new DeadlineWheel<Session>({ startMs: options.clock.monotonic() });
  }

  get durableSeq(): number {
    return this.engine.options.log.durableSeq;
  }

  get appendedSeq(): number {
    return this.engine.options.log.appendedSeq;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /**
   * Counts a connection that has yet to prepare itself; undefined when it is refused and must be closed without a reply.
   * An admitted one is given to {@link SessionHost.accept}, or back to {@link AdmissionControl.release}.
   */
  admit(source: PeerAddress): AddressState | undefined {
    const verdict = this.admission.admitConnection(source.address, this.clock.monotonic());
    return verdict.admitted ? verdict.state : undefined;
  }

  /** Takes a new connection; undefined when it is refused and must be closed without a reply. */
  accept(sink: StreamSink, source: PeerAddress, admitted = this.admit(source)): Session | undefined {
    if (admitted === undefined) return undefined;
    const session = new Session(this, sink, source, admitted);
    this.#sessions.add(session);
    return session;
  }

  /** Called by a session that has closed. */
  forget(session: Session, admission: AddressState, deadline: number): void {
    this.#sessions.delete(session);
    this.#waiting.delete(session);
    this.deadlines.remove(deadline);
    this.admission.release(admission);
    this.engine.options.verifier.cancel(session);
  }

  /** Asks for {@link Session.release} when the disk has caught up. */
  awaitDurable(session: Session): void {
    this.#waiting.add(session);
  }

  /** To be called when the log has made more events durable. */
  durable(seq: number): void {
    if (this.#waiting.size === 0) return;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const session of waiting) if (!session.release(seq)) this.#waiting.add(session);
  }

  /** To be called about every {@link DeadlineWheel.tickMs}. */
  tick(): void {
    const now = this.clock.monotonic();
    this.deadlines.advance(now, (session) => session.deadlinePassed(now));
  }
}
