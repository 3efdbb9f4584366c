/**
 * One pull in the background (coordination spec 15.7): looks whether a peer has the object, else reads it from the origin
 * into the one Download of its digest.
 *
 * Fault model: origin, peers, disk and discovery may each fail, hang or lie at any step; the run ends within its budget
 * whatever they do. What the origin is to blame for is told to the negative cache once, and for every `origin.started` there
 * is exactly one `origin.succeeded` or `origin.failed`, so that total = success + failure + running at any moment (15.6).
 */

import { errorCode, ownTime } from '@muster/core';
import type { InFlightHandle } from '../inflight/in-flight-map.ts';
import { RunLease } from '../lease/run-lease.ts';
import { originError, originFailureOf } from '../origin/failure.ts';
import type { Download, Feeder, OriginAdapter, OriginObject } from '../parts.ts';
import { CopyHistory } from '../sessions/peer-copy.ts';
import type { FailureClass, Provider } from '../types.ts';
import { within } from '../within.ts';
import { JobBudget } from './job-budget.ts';
import type { PullPumpParts, PullSource, PullSubject } from './parts.ts';

/** No byte from a peer for so long: the origin is asked after all (15.7). */
export const PEER_FIRST_BYTE_MS = 15_000;
/** A better puller is followed for so long without a byte from anybody, with pauses in between. */
export const FOLLOW_MS = 15_000;
const FOLLOW_PAUSE_MS = 1_000;
/** How often is looked at a Download that somebody else feeds. */
const WATCH_MS = 250;
/** Longest manifest that a pull takes: nothing larger is one, and it would be held in memory somewhere. */
const MAX_MANIFEST_BYTES = 16_777_216;

/** One of the places for pulls that read from an origin; who follows others gives it up meanwhile. */
export interface PullSlot {
  leave(): void;
  /** Resolves with the slot, or when there will be none. */
  take(): Promise<void>;
}

/** One pull. */
export class PullRun {
  readonly #parts: PullPumpParts;
  readonly #origin: OriginAdapter;
  readonly #subject: PullSubject;
  readonly #handle: InFlightHandle;
  readonly #abort = new AbortController();
  readonly #budget = new JobBudget();
  readonly #history = new CopyHistory();
  readonly #lease: RunLease;
  #hasOriginAnswered = false;
  /** Monotonic: since when the budget counts; undefined while others are followed. */
  #budgetSince: number | undefined;

  constructor(parts: PullPumpParts, origin: OriginAdapter, subject: PullSubject, handle: InFlightHandle) {
    this.#parts = parts;
    this.#origin = origin;
    this.#subject = subject;
    this.#handle = handle;
    this.#lease = new RunLease(parts, subject);
  }

  /** Ends the run: what is written is thrown away, and no failure is held against the origin. */
  stop(reason: Error): void {
    this.#abort.abort(new StopSignal(reason));
  }

  /** Resolves when the object is in the store; rejects with what went wrong, when all is told and cleaned up. */
  async run(slot: PullSlot): Promise<PullSource> {
    const endBudget = this.#watchBudget();
    let source: PullSource | undefined;
    try {
      this.#abort.signal.throwIfAborted();
      source = (await this.#isStored()) ? 'present' : await this.#pull(slot);
      return source;
    } catch (error) {
      throw error instanceof StopSignal ? error.reason : error;
    } finally {
      endBudget();
      // Only who keeps the object can be asked for it.
      this.#lease.giveBack(source !== undefined && (await this.#isStored()));
      // Whoever still works for this run, and connections whose body nobody has read.
      this.#abort.abort(new StopSignal(new Error('the pull has ended')));
    }
  }

  async #pull(slot: PullSlot): Promise<PullSource> {
    const { negative, descriptors, downloads } = this.#parts;
    const { digest, kind } = this.#subject;
    let download: Download | undefined;
    try {
      const size = descriptors.get(digest)?.size;
      let feeder: Feeder | undefined;
      for (let isRead = false; !isRead;) {
        download = await downloads.open(digest, { kind, ...(size === undefined ? {} : { size }) });
        await this.#seekLease(download, slot);
        await this.#copyFromPeers(download);
        await this.#followBetter(download);
        feeder = await this.#feederOf(download);
        // Others may have given up what they fed; that says nothing about the origin.
        if (stateOf(download) === 'failed') continue;
        isRead = feeder === undefined || (await this.#readOrigin(download, feeder));
      }
      if (download === undefined) throw new Error('nothing was pulled');
      negative.success(digest);
      descriptors.verified(digest, (await download.done).size);
      return feeder === undefined ? 'peer' : 'origin';
    } catch (error) {
      this.#note(error);
      this.#leave(download, error);
      throw error;
    }
  }

  // Looking around (15.9)

  async #copyFromPeers(download: Download): Promise<void> {
    const { copyFromPeers, options } = this.#parts;
    if (copyFromPeers === undefined || !options.pumpPeerCheck) return;
    if (!isOpen(download)) return;
    // In parallel; whoever opens the origin later shares the token, or the wait for it.
    void this.#origin.prepare?.(this.#subject.repository, this.#abort.signal).catch(() => {});
    await this.#copy(download, await this.#findProviders(), false);
  }

  /** Whether the first of the providers was asked and has nothing of the object. */
  async #copy(download: Download, providers: readonly Provider[], isPartial: boolean): Promise<boolean> {
    const { copyFromPeers, leasing, logger } = this.#parts;
    const [first] = providers;
    if (copyFromPeers === undefined || first === undefined) return false;
    const { digest, kind, registry, repository } = this.#subject;
    const { signal } = this.#abort;
    const copying = new AbortController();
    const onAbort = (): void => copying.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const unwatch = this.#watchPeerCopy(download, copying);
    try {
      // Only who follows others copies more than once.
      const following = leasing === undefined && !isPartial ? {} : { isPartial, history: this.#history };
      const request = { digest, kind, registry, repository, providers, ...following };
      const report = await copyFromPeers(request, copying.signal);
      return report?.lacking.includes(first.addr) ?? false;
    } catch (error) {
      signal.throwIfAborted();
      logger.debug({ ...this.#logFields(), err: error }, 'no peer gave the object');
      return false;
    } finally {
      unwatch();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Copies from who was to pull it rather than this node, while that one is at it. Not where leases settle it, nor as the last resort. */
  async #followBetter(download: Download): Promise<void> {
    const { betterPuller, leasing, copyFromPeers, options, clock, timers } = this.#parts;
    if (betterPuller === undefined || copyFromPeers === undefined) return;
    if (leasing !== undefined || this.#subject.trigger === 'fallback' || !options.pumpPeerCheck) return;
    const { signal } = this.#abort;
    let [received, since] = [download.receivedBytes, clock.monotonic()];
    while (isOpen(download)) {
      const puller = await betterPuller(this.#subject.digest, signal);
      if (puller === undefined || !isOpen(download)) return;
      await this.#copy(download, [puller], true);
      if (download.receivedBytes !== received) since = clock.monotonic();
      received = download.receivedBytes;
      if (clock.monotonic() - since >= FOLLOW_MS) return;
      if (isOpen(download)) await timers.sleep(FOLLOW_PAUSE_MS, signal);
    }
  }

  async #findProviders(): Promise<readonly Provider[]> {
    const { discovery, options, timers } = this.#parts;
    try {
      return await within(ownTime(timers), options.pumpPeerCheckMs, this.#abort.signal, async (signal) =>
        discovery.findProviders(this.#subject.digest, { timeoutMs: PEER_FIRST_BYTE_MS, signal }),
      );
    } catch {
      this.#abort.signal.throwIfAborted();
      return [];
    }
  }

  #watchPeerCopy(download: Download, copying: AbortController): () => void {
    const { clock, timers } = this.#parts;
    const startedAt = clock.monotonic();
    const from = download.receivedBytes;
    let hasBytes = false;
    const timer = timers.every(WATCH_MS, () => {
      this.#report(download);
      hasBytes ||= download.receivedBytes !== from;
      if (!hasBytes && clock.monotonic() - startedAt >= PEER_FIRST_BYTE_MS) {
        copying.abort(new Error('no byte from any peer in time'));
      }
    });
    return () => timer.cancel();
  }

  /** The writing half, as soon as nobody else has it; undefined when the download has ended meanwhile. */
  async #feederOf(download: Download): Promise<Feeder | undefined> {
    for (;;) {
      if (download.state === 'committed' || download.state === 'failed') return undefined;
      const feeder = download.feed();
      if (feeder !== undefined) return feeder;
      this.#report(download);
      await this.#parts.timers.sleep(WATCH_MS, this.#abort.signal);
    }
  }

  // The lease

  /** Waits until this node may read from the origin, or need not any more. */
  async #seekLease(download: Download, slot: PullSlot): Promise<void> {
    const { clock } = this.#parts;
    await this.#lease.seek(download, {
      follow: async (holder) => this.#follow(download, holder),
      onWaiting: () => {
        this.#budgetSince = undefined;
        this.#handle.queued();
        slot.leave();
      },
      onAsking: slot.take,
      signal: this.#abort.signal,
    });
    if (this.#budgetSince !== undefined) return;
    this.#budgetSince = clock.monotonic();
    this.#handle.running(clock.now());
  }

  /** Copies from whoever pulls or has pulled the object, then from others; true when that one has nothing of it. */
  async #follow(download: Download, holder: Provider | undefined): Promise<boolean> {
    if (!isOpen(download)) return false;
    const isLacking = holder !== undefined && (await this.#copy(download, [holder], true));
    if (isOpen(download)) await this.#copy(download, await this.#findProviders(), false);
    return isLacking;
  }

  // The origin

  /** False when the lease was lost meanwhile: what has come stays in the Download. */
  async #readOrigin(download: Download, feeder: Feeder): Promise<boolean> {
    const { clock, events, logger } = this.#parts;
    const { digest, kind, trigger } = this.#subject;
    const startedAt = clock.monotonic();
    if (this.#lease.hasLost(download)) {
      feeder.release();
      return false;
    }
    const endIdle = this.#lease.watchIdle(download, (error) => this.#abort.abort(error));
    events.publish('origin.started', { digest, kind });
    try {
      await this.#feedUntilVerified(download, feeder, this.#lease.readingSignal(this.#abort.signal));
    } catch (error) {
      this.#publishFailure(error);
      if (!this.#abort.signal.aborted && this.#lease.hasLost(download)) return false;
      throw error;
    } finally {
      endIdle();
      feeder.release();
    }
    const { size: bytes } = await download.done;
    const ms = Math.round(clock.monotonic() - startedAt);
    events.publish('origin.succeeded', { digest, kind, bytes, ms, trigger });
    logger.info({ ...this.#logFields(), bytes, elapsed_ms: ms, trigger }, 'pulled from the origin');
    return true;
  }

  /** Bytes of others may be the wrong ones: then once more, all of it from the origin (13.7). */
  async #feedUntilVerified(download: Download, feeder: Feeder, signal: AbortSignal): Promise<void> {
    feeder.setSource({ kind: 'origin', nodeId: '' });
    const isMixed = feeder.offset > 0;
    try {
      await this.#feed(download, feeder, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isMixed || errorCode(error) !== 'DIGEST_MISMATCH' || download.state !== 'open') throw error;
      await feeder.restart();
      feeder.setSource({ kind: 'origin', nodeId: '' });
      await this.#feed(download, feeder, signal);
    }
  }

  async #feed(download: Download, feeder: Feeder, signal: AbortSignal): Promise<void> {
    const { digest, kind, repository } = this.#subject;
    const object = await this.#origin.open(repository, digest, kind, feeder.offset, signal);
    this.#hasOriginAnswered = true;
    if (object.size !== undefined) await this.#learnSize(object, object.size, feeder);
    let at = object.offset;
    for await (const chunk of object.body) {
      this.#lease.require(signal);
      const known = Math.min(chunk.length, Math.max(0, feeder.offset - at));
      at += chunk.length;
      this.#requirePlausible(at);
      if (known < chunk.length) await feeder.write(known === 0 ? chunk : chunk.subarray(known));
      this.#report(download);
    }
    this.#lease.require(signal);
    await feeder.complete();
  }

  async #learnSize({ mediaType }: OriginObject, size: number, feeder: Feeder): Promise<void> {
    const { digest, kind, registry, repository } = this.#subject;
    this.#requirePlausible(size);
    if (feeder.offset === 0) {
      // A size that others have told goes with what they have told.
      try {
        feeder.setSize(size);
      } catch {
        await feeder.restart();
        feeder.setSize(size);
      }
    } else feeder.setSize(size);
    this.#handle.size(size);
    this.#budget.sizeKnown(size);
    const type = mediaType === undefined ? {} : { mediaType };
    this.#parts.descriptors.learn(digest, { size, kind, registry, repository, ...type });
  }

  #requirePlausible(bytes: number): void {
    if (this.#subject.kind !== 'manifest' || bytes <= MAX_MANIFEST_BYTES) return;
    throw originError(
      this.#subject,
      { failureClass: 'transient' },
      `a manifest of more than ${MAX_MANIFEST_BYTES} bytes`,
    );
  }

  // Failures

  /** Into the negative cache, when it is a failure of the origin or of this node's attempt at it. */
  #note(error: unknown): void {
    if (error instanceof StopSignal || errorCode(error) === 'SHUTTING_DOWN') return;
    const { clock, negative, logger } = this.#parts;
    const failure = originFailureOf(error);
    if (failure?.isLocal === true) return;
    const failureClass = this.#classOf(error);
    negative.fail(this.#subject.digest, failureClass, clock.now(), failure?.retryAfterMs);
    const fields = { ...this.#logFields(), failure_class: failureClass, status: failure?.status, err: error };
    logger.warn(fields, 'the pull failed');
  }

  #publishFailure(error: unknown): void {
    const { digest, kind } = this.#subject;
    const isOurs = error instanceof StopSignal || originFailureOf(error)?.isLocal === true;
    const isOriginSide = !this.#hasOriginAnswered && !isOurs;
    const failureClass = isOriginSide ? this.#classOf(error) : 'transient';
    this.#parts.events.publish('origin.failed', { digest, kind, failureClass, isOriginSide });
  }

  /** After the origin has begun to deliver, nothing is its verdict about the object (15.6). */
  #classOf(error: unknown): FailureClass {
    const failureClass = this.#hasOriginAnswered ? undefined : originFailureOf(error)?.failureClass;
    return failureClass === undefined || failureClass === '' ? 'transient' : failureClass;
  }

  #leave(download: Download | undefined, error: unknown): void {
    if (download === undefined) return;
    const isStopped = error instanceof StopSignal;
    if (!isStopped && this.#parts.isFollowed?.(this.#subject.digest) === true) return;
    const feeder = download.feed();
    // While somebody else feeds it, it is theirs.
    if (feeder === undefined) return;
    feeder.release();
    download.fail(isStopped ? error.reason : error);
  }

  // Odds and ends

  #report(download: Download): void {
    const { receivedBytes } = download;
    this.#handle.progress(receivedBytes, this.#parts.clock.now());
    this.#budget.received(receivedBytes);
  }

  #watchBudget(): () => void {
    const { clock, timers } = this.#parts;
    this.#budgetSince = clock.monotonic();
    const arm = (delayMs: number): { cancel(): void } =>
      timers.after(delayMs, () => {
        const sinceMs = clock.monotonic() - (this.#budgetSince ?? clock.monotonic());
        const leftMs = this.#budget.totalMs - sinceMs;
        if (leftMs > 0) timer = arm(leftMs);
        else {
          const message = `the pull took more than ${this.#budget.totalMs} ms`;
          this.#abort.abort(originError(this.#subject, { failureClass: 'transient' }, message));
        }
      });
    let timer = arm(this.#budget.totalMs);
    return () => timer.cancel();
  }

  async #isStored(): Promise<boolean> {
    try {
      return await this.#parts.store.has(this.#subject.digest);
    } catch {
      return false;
    }
  }

  #logFields(): Readonly<Record<string, unknown>> {
    const { digest, registry, repository, kind } = this.#subject;
    return { digest, registry, repository, kind };
  }
}

/** The state now: the compiler believes that what it has seen once stays so. */
function stateOf(download: Download): Download['state'] {
  return download.state;
}

/** Whether it has not ended, and nobody is at it. */
function isOpen(download: Download): boolean {
  return download.state === 'open' && download.source === undefined;
}

/** Why a run was stopped by us; never leaves it. */
class StopSignal extends Error {
  readonly reason: Error;

  constructor(reason: Error) {
    super(reason.message);
    this.reason = reason;
  }
}
