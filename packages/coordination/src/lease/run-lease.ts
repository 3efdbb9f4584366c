import type { Lease } from '@muster/core';
import { originError } from '../origin/failure.ts';
import type { Download } from '../parts.ts';
import type { PullPumpParts, PullSubject } from '../pump/parts.ts';
import { LeaseSeeker, type LeaseWish } from './pull-leasing.ts';

/** No byte from the origin for so long: the lease goes to somebody who may have better luck. */
export const LEASE_IDLE_MS = 120_000;
/** Leases that one pull may lose while it reads. */
export const MAX_LOST_LEASES = 5;

/** The lease of one pull, as long as there is one; without an authority all of this does nothing. */
export class RunLease {
  readonly #parts: PullPumpParts;
  readonly #subject: PullSubject;
  #lease: Lease | undefined;
  #lost = 0;

  constructor(parts: PullPumpParts, subject: PullSubject) {
    this.#parts = parts;
    this.#subject = subject;
  }

  /**
   * Resolves when the origin may be read, or when the Download has ended. Rejects as ORIGIN_FAILED, by us, when others have had the
   * lease for too long, and with the reason of the signal.
   */
  async seek(download: Download, wish: Omit<LeaseWish, 'digest' | 'kind' | 'download'>): Promise<void> {
    const { leasing } = this.#parts;
    if (leasing === undefined || this.#lease?.isHeld() === true) return;
    this.#lease = undefined;
    const seeker = new LeaseSeeker({ ...this.#parts, ...leasing }, { ...this.#subject, ...wish, download });
    const permit = await seeker.seek();
    if (permit.kind === 'granted') this.#lease = permit.lease;
    if (permit.kind === 'late')
      throw this.#failure('others were to pull it, and it could not be had from them', true);
  }

  /** For reading from the origin: ends with `signal`, and with the lease. */
  readingSignal(signal: AbortSignal): AbortSignal {
    return this.#lease === undefined ? signal : AbortSignal.any([signal, this.#lease.lost]);
  }

  /** To be called before each effect of a read. A pause of the process leaves no time for signals: what counts is the clock. */
  require(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#lease?.isHeld() === false) throw this.#failure('the lease has run out', true);
  }

  /**
   * Whether the lease was lost before the object was complete; then another one is to be sought, and what has come stays in the
   * Download. Throws ORIGIN_FAILED when that happens again and again.
   */
  hasLost(download: Download): boolean {
    const lease = this.#lease;
    if (lease === undefined || lease.isHeld() || download.state !== 'open') return false;
    const { events, logger } = this.#parts;
    const { digest } = this.#subject;
    const { epoch, token } = lease;
    events.publish('lease.lost', { digest, epoch, token });
    logger.warn({ digest, epoch, token }, 'the lease was lost during the pull');
    this.#lease = undefined;
    this.#lost += 1;
    if (this.#lost > MAX_LOST_LEASES) throw this.#failure('the lease was lost again and again', true);
    return true;
  }

  /** Calls `onIdle` when no byte comes for too long: a lease is for who gets on with it. Returns the function that ends this. */
  watchIdle(download: Download, onIdle: (error: Error) => void): () => void {
    const { clock, timers } = this.#parts;
    if (this.#lease === undefined) return () => {};
    let bytes = download.receivedBytes;
    let since = clock.monotonic();
    const timer = timers.every(LEASE_IDLE_MS / 10, () => {
      if (download.receivedBytes !== bytes) since = clock.monotonic();
      bytes = download.receivedBytes;
      if (clock.monotonic() - since < LEASE_IDLE_MS) return;
      timer.cancel();
      onIdle(this.#failure(`no byte from the origin for ${LEASE_IDLE_MS} ms`, false));
    });
    return () => timer.cancel();
  }

  /** To be called once, at the end. `isDone`: this node has the object, and serves it. */
  giveBack(isDone: boolean): void {
    const lease = this.#lease;
    if (lease === undefined) return;
    this.#lease = undefined;
    const { digest } = this.#subject;
    const { epoch, token } = lease;
    const outcome = isDone ? 'done' : 'given_up';
    this.#parts.events.publish('lease.released', { digest, epoch, token, outcome });
    void lease.release(isDone ? 'done' : undefined);
  }

  #failure(message: string, isLocal: boolean): Error {
    return originError(this.#subject, { failureClass: 'transient', isLocal }, message);
  }
}
