/**
 * Leases of a registry, for whoever may do a piece of work once for the whole fleet.
 *
 * Fault model: the registry may be down, slow, a standby, or older than leases; answers may get lost; this process may be paused, and
 * its clocks may jump. What is promised all the same:
 *
 * - A lease is never believed in for longer than the registry keeps it: its time is counted from before the request was sent, less a
 *   margin for clocks that run at different speeds, on the monotonic and on the wall clock, whichever is sooner over (the monotonic
 *   one of some systems stands still while the machine sleeps).
 * - A registry that does not answer delays work by a second, then for {@link PAUSE_MS} not at all.
 * - A grant whose answer is not waited for any more is given back.
 */
import {
  type Clock,
  coreErrors,
  type Lease,
  type LeaseAnswer,
  type Leases,
  type LeaseStamp,
  type Logger,
  type MusterError,
  type TimerHandle,
  type Timers,
  type WaitLimit,
} from '@muster/core';
import { peerIdOf } from '@muster/core/identity';
import { type GrantedLease, type LeaseReply, type RegistryClient, refusalOf } from '@muster/client';

/** How long leases are asked for. */
export const LEASE_TTL_MS = 10_000;
/** Longest wait for one answer of the registry. */
const ANSWER_MS = 1_000;
/** After a failure nobody asks for so long; then one does, and the others follow when that went well. */
export const PAUSE_MS = 5_000;
/** Part of the time of a lease for which it is not believed in. */
const MARGIN = 0.1;
const RENEWALS_PER_TTL = 3;
const RETRY_MS = 250;

/** What is needed of the client. */
export type LeaseClient = Pick<RegistryClient, 'nodeId' | 'acquireLease' | 'renewLease' | 'releaseLease'>;

export interface RegistryLeasesOptions {
  /** With an identity. As long as it has no node id, no lease can be had. */
  readonly client: LeaseClient;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Goes before each resource: `<network>:`, the network whose members share the leases; 0 is all registered nodes. */
  readonly prefix: string;
  /** 1000 to 60000. @default 10000 */
  readonly ttlMs?: number;
}

/** Leases by a registry. Disposing gives back what is held. */
export function registryLeases(options: RegistryLeasesOptions): Leases & AsyncDisposable {
  return new RegistryLeases(options);
}

class RegistryLeases implements Leases, AsyncDisposable {
  readonly #options: RegistryLeasesOptions;
  readonly #contact: Contact;
  readonly #held = new Set<HeldLease>();
  readonly #releasing = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: RegistryLeasesOptions) {
    this.#options = options;
    this.#contact = new Contact(options);
  }

  async acquire(
    resource: string,
    limit: WaitLimit & { readonly notwithstanding?: LeaseStamp },
  ): Promise<LeaseAnswer> {
    const { client, clock } = this.#options;
    limit.signal?.throwIfAborted();
    if (this.#isClosed || client.nodeId === undefined) {
      throw unavailable(this.#isClosed ? 'the program is stopping' : 'the node is not registered yet');
    }
    if (!this.#contact.admits()) throw unavailable('the registry did not answer a moment ago');
    const asked = momentOf(clock);
    const { notwithstanding, signal } = limit;
    const asking = client.acquireLease(`${this.#options.prefix}${resource}`, {
      ttlMs: this.#options.ttlMs ?? LEASE_TTL_MS,
      timeoutMs: answerMs(limit.timeoutMs),
      ...(notwithstanding === undefined ? {} : { notwithstanding }),
    });
    const answering = asking.then(
      (reply) => {
        this.#contact.succeeded();
        return this.#answer(resource, reply, asked);
      },
      (error: unknown) => {
        this.#contact.failed(error);
        throw unavailable('the registry gave no lease', error);
      },
    );
    return unlessAborted(answering, signal, (answer) => {
      if (answer.kind === 'granted') void answer.lease.release();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const lease of this.#held) void lease.release();
    await Promise.all(this.#releasing);
  }

  #track(releasing: Promise<void>): void {
    const tracked: Promise<void> = releasing.finally(() => this.#releasing.delete(tracked));
    this.#releasing.add(tracked);
  }

  #answer(resource: string, reply: LeaseReply, asked: Moment): LeaseAnswer {
    const { epoch, token } = reply;
    if (reply.state === 'granted') {
      const lease: HeldLease = new HeldLease({
        options: this.#options,
        contact: this.#contact,
        resource,
        grant: reply,
        ttlMs: reply.ttlMs,
        asked,
        onEnd: () => this.#held.delete(lease),
        onRelease: (releasing) => this.#track(releasing),
        isClosing: () => this.#isClosed,
      });
      this.#held.add(lease);
      return { kind: 'granted', lease };
    }
    const { publicKey } = reply.holder;
    const holder = publicKey === undefined ? '' : peerIdOf(publicKey);
    return reply.state === 'held'
      ? { kind: 'held', holder, epoch, token, remainingMs: reply.remainingMs }
      : { kind: 'done', holder, epoch, token };
  }
}

/** Whether the registry is worth asking. */
class Contact {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #pausedUntil: number | undefined;
  #isTrying = false;

  constructor({ clock, logger }: Pick<RegistryLeasesOptions, 'clock' | 'logger'>) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** True when one may ask; after a pause for one at a time. To be followed by `succeeded` or `failed`. */
  admits(): boolean {
    if (this.#pausedUntil === undefined) return true;
    if (this.#isTrying || this.#clock.monotonic() < this.#pausedUntil) return false;
    this.#isTrying = true;
    return true;
  }

  succeeded(): void {
    if (this.#pausedUntil !== undefined) this.#logger.info({}, 'the registry grants leases again');
    this.#pausedUntil = undefined;
    this.#isTrying = false;
  }

  failed(error: unknown): void {
    this.#isTrying = false;
    // The registry has answered; only this one is one too many.
    if (refusalOf(error)?.code === 'limit_reached') return;
    if (this.#pausedUntil === undefined) {
      this.#logger.warn({ err: error }, 'the registry grants no leases; going on without');
    }
    this.#pausedUntil = this.#clock.monotonic() + PAUSE_MS;
  }
}

/** One moment on both clocks, in milliseconds. */
interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() };
}

interface HeldLeaseParts {
  readonly options: RegistryLeasesOptions;
  readonly contact: Contact;
  readonly resource: string;
  readonly grant: GrantedLease;
  readonly ttlMs: number;
  readonly asked: Moment;
  readonly onEnd: () => void;
  readonly onRelease: (releasing: Promise<void>) => void;
  /** Then nothing is tried again. */
  readonly isClosing: () => boolean;
}

class HeldLease implements Lease {
  readonly resource: string;
  readonly epoch: number;
  readonly token: number;
  readonly ttlMs: number;
  readonly #parts: HeldLeaseParts;
  readonly #lost = new AbortController();
  #confirmed: Moment;
  #isEnded = false;
  #expiry: TimerHandle;
  #renewal: TimerHandle;

  constructor(parts: HeldLeaseParts) {
    this.#parts = parts;
    this.resource = parts.resource;
    this.epoch = parts.grant.epoch;
    this.token = parts.grant.token;
    this.ttlMs = parts.ttlMs;
    this.#confirmed = parts.asked;
    this.#expiry = this.#watch();
    this.#renewal = this.#renewIn(this.ttlMs / RENEWALS_PER_TTL);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  isHeld(): boolean {
    return !this.#isEnded && this.#remainingMs() > 0;
  }

  async release(outcome?: 'done'): Promise<void> {
    if (this.#isEnded && outcome === undefined) return;
    this.#end();
    const releasing = this.#giveBack(outcome === 'done');
    this.#parts.onRelease(releasing);
    await releasing;
  }

  /** Until it is not believed in any more. */
  #remainingMs(): number {
    const { clock } = this.#parts.options;
    const elapsed = Math.max(
      clock.monotonic() - this.#confirmed.monotonic,
      clock.now() - this.#confirmed.wall,
    );
    return this.ttlMs * (1 - MARGIN) - elapsed;
  }

  #watch(): TimerHandle {
    return this.#parts.options.timers.after(this.#remainingMs(), () => {
      const restMs = this.#remainingMs();
      if (restMs > 0) this.#expiry = this.#watch();
      else this.#lose('it ran out');
    });
  }

  #renewIn(delayMs: number): TimerHandle {
    return this.#parts.options.timers.after(delayMs, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { options, contact, grant } = this.#parts;
    const restMs = this.#remainingMs();
    if (this.#isEnded) return;
    if (restMs <= 0) return this.#lose('it ran out');
    const asked = momentOf(options.clock);
    try {
      await options.client.renewLease(grant, { timeoutMs: answerMs(restMs) });
    } catch (error) {
      if (this.#isEnded) return;
      if (isFinal(error)) return this.#lose('the registry has taken it back', error);
      contact.failed(error);
      this.#renewal = this.#renewIn(RETRY_MS);
      return;
    }
    contact.succeeded();
    if (this.#isEnded) return;
    this.#confirmed = asked;
    this.#renewal = this.#renewIn(this.ttlMs / RENEWALS_PER_TTL);
  }

  #lose(why: string, cause?: unknown): void {
    if (this.#isEnded) return;
    this.#end();
    const { logger } = this.#parts.options;
    logger.warn(
      { resource: this.resource, epoch: this.epoch, token: this.token, err: cause },
      `a lease is lost: ${why}`,
    );
    this.#lost.abort(unavailable(`the lease of ${this.resource} is lost: ${why}`, cause));
  }

  #end(): void {
    this.#isEnded = true;
    this.#expiry.cancel();
    this.#renewal.cancel();
    this.#parts.onEnd();
  }

  /** That the work is done is told again and again while the registry keeps the lease; else it runs out by itself. */
  async #giveBack(isDone: boolean): Promise<void> {
    const { options, grant } = this.#parts;
    const { client, clock, timers, logger } = options;
    const until = clock.monotonic() + (isDone ? this.ttlMs : 0);
    for (;;) {
      try {
        await client.releaseLease(grant, { done: isDone, timeoutMs: ANSWER_MS });
        return;
      } catch (error) {
        if (isFinal(error) || clock.monotonic() >= until || this.#parts.isClosing()) {
          logger.debug(
            { resource: this.resource, token: this.token, err: error },
            'a lease was not given back',
          );
          return;
        }
        await timers.sleep(RETRY_MS);
      }
    }
  }
}

/** The registry has answered, and will answer the same again. */
function isFinal(error: unknown): boolean {
  const code = refusalOf(error)?.code;
  return code !== undefined && !PASSING.has(code);
}

const PASSING: ReadonlySet<string> = new Set(['rate_limited', 'overloaded', 'standby', 'breaker_open']);

/** How long one answer is waited for: whole milliseconds. */
function answerMs(atMostMs: number): number {
  return Math.max(1, Math.ceil(Math.min(ANSWER_MS, atMostMs)));
}

function unavailable(message: string, cause?: unknown): MusterError {
  return coreErrors.create('LEASE_UNAVAILABLE', message, cause === undefined ? {} : { cause });
}

/** The outcome of the work, or the reason of the signal when that comes first; then `late` gets the outcome. */
async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  late: (outcome: T) => void,
): Promise<T> {
  if (signal === undefined) return work;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    work.then(late, () => {});
    reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    aborted.catch(() => {});
  }
}
