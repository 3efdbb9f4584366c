/**
 * Checking of Ed25519 signatures, the dearest thing the registry does (100 µs each; B-50).
 *
 * A signature that verified before is answered at once from memory. Any other goes to threads of their own, in batches
 * that grow with the queue, or, without such threads, to the thread pool, a few at a time: the write-ahead log uses
 * that pool and must never find hundreds of checks before its writes. The rest waits here, one queue per source,
 * served in turn, so that a source with thousands of checks delays only itself.
 *
 * Fault model: any input may be hostile. Keys of small order, keys and signatures of a wrong length and scalars that
 * are not canonical (S ≥ L) are invalid. The queue is bounded in total and per source; what does not fit is refused
 * as overloaded and never reported as invalid. Only success is remembered.
 */
import { verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Random } from '@muster/core';
import { authErrors } from './errors.ts';
import { Fifo } from './fifo.ts';
import { isWeakPublicKey, PublicKeyCache } from './public-keys.ts';
import type { PublicKeyCacheOptions } from './public-keys.ts';
import { MAX_BATCHED_BYTES } from './verification-batch.ts';
import { VerificationCache } from './verification-cache.ts';
import type { VerificationCacheOptions } from './verification-cache.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../wire/index.ts';

/** Whom a check is done for, compared by identity: a connection object, a number, a name. */
export type VerificationSource = object | string | number;

/** What {@link SignatureVerifier.verifyWith} knows at once. `pending`: the callback will be called, once. */
export type VerificationStatus = 'valid' | 'invalid' | 'pending' | 'overloaded';

/** Checks many signatures at once, elsewhere. */
export interface BatchVerifier {
  /** How many can work; 0 = it can't be used any more. */
  readonly size: number;
  /** Whether another batch may be given now. */
  readonly hasRoom: boolean;
  /**
   * Checks signatures, each given as key ‖ signature ‖ message. `done` is called later, once: with one byte a check
   * (1 = valid), or with undefined when they could not be checked.
   */
  verify(checks: readonly Uint8Array[], done: (results: Uint8Array | undefined) => void): void;
}

/** Checks that travel together: as many as a thread does in about 3 ms. */
const MAX_BATCH = 24;

/** Bounds of a {@link SignatureVerifier}. */
export interface SignatureVerifierOptions extends PublicKeyCacheOptions, VerificationCacheOptions {
  /** Checks on the thread pool at one time: see {@link recommendedConcurrency}. @default 3 */
  readonly maxConcurrent?: number;
  /** Checks that wait for the thread pool, over all sources; about 300 bytes each. @default 16384 */
  readonly maxQueuedVerifications?: number;
  /** Checks of one source that wait for the thread pool. @default 1024 */
  readonly maxQueuedPerSource?: number;
  /** Threads of their own for the checks, instead of the thread pool. @default none */
  readonly threads?: BatchVerifier;
}

/** What became of the checks so far (for `pilot_signature_verify_total{result}`). */
export interface VerificationCounts {
  /** Answered from memory. */
  readonly cached: number;
  /** Verified on the thread pool. */
  readonly valid: number;
  /** Did not verify, or could not (wrong length, weak key). */
  readonly invalid: number;
  /** Not checked because a queue was full. */
  readonly overloaded: number;
}

/**
 * How many checks to keep on a thread pool of `threadPoolSize` threads (libuv's default is 4). Two more than cores
 * hide the way to the pool and back; one thread is left to the log. On 2 cores, with a log that writes all the time,
 * 3 gave 80 % of the best throughput at a median write of 0.7 ms; 16 gave all of it at 3 ms.
 */
export function recommendedConcurrency(cores: number, threadPoolSize = 4): number {
  return Math.max(1, Math.min(cores + 2, threadPoolSize - 1));
}

interface Job {
  readonly source: VerificationSource;
  /** key ‖ signature ‖ message: a copy, because the caller's buffers are reused while the job waits. */
  readonly bytes: Buffer;
  readonly digest: string | undefined;
  readonly callbacks: ((ok: boolean) => void)[];
  started: boolean;
}

/** The waiting jobs of one source, in order of arrival. */
interface SourceQueue {
  readonly source: VerificationSource;
  readonly jobs: Fifo<Job>;
  /** Callbacks held, which is what the bounds count: several may wait for one job. */
  waiting: number;
}

/** Checks signatures: see the head of this file for what it promises. */
export class SignatureVerifier {
  readonly maxConcurrent: number;
  readonly maxQueuedVerifications: number;
  readonly maxQueuedPerSource: number;
  readonly keys: PublicKeyCache;
  readonly cache: VerificationCache;
  readonly #threads: BatchVerifier | undefined;
  /** The queue of each source that has waiting jobs. */
  readonly #queues = new Map<VerificationSource, SourceQueue>();
  /** The same queues in order of their turn. One that was cancelled stays here, empty, until its turn. */
  readonly #turns = new Fifo<SourceQueue>();
  /** Jobs not finished, by digest, so that a repeated check waits for the first instead of being done again. */
  readonly #unfinished = new Map<string, Job>();
  #running = 0;
  #queued = 0;
  #cached = 0;
  #valid = 0;
  #invalid = 0;
  #overloaded = 0;

  /** `random` must be unpredictable: it salts the memory of verified signatures. */
  constructor(random: Random, options: SignatureVerifierOptions = {}) {
    this.maxConcurrent = Math.max(1, options.maxConcurrent ?? 3);
    this.maxQueuedVerifications = options.maxQueuedVerifications ?? 16_384;
    this.maxQueuedPerSource = options.maxQueuedPerSource ?? 1024;
    this.#threads = options.threads;
    this.keys = new PublicKeyCache(options);
    this.cache = new VerificationCache(random, options);
  }

  /** Checks that wait for the thread pool. */
  get queued(): number {
    return this.#queued;
  }

  /** Checks on the thread pool. */
  get running(): number {
    return this.#running;
  }

  /** Results so far. */
  get counts(): VerificationCounts {
    return {
      cached: this.#cached,
      valid: this.#valid,
      invalid: this.#invalid,
      overloaded: this.#overloaded,
    };
  }

  /**
   * Whether `signature` is `publicKey`'s over the message (a text stands for its UTF-8 bytes). Answers at once where
   * it can, else with a promise. The caller may reuse its buffers as soon as this returns.
   *
   * @throws `overloaded`, at once or as a rejection, when too many checks wait.
   */
  verify(
    publicKey: Uint8Array,
    message: string | Uint8Array,
    signature: Uint8Array,
    source: VerificationSource = this,
  ): boolean | Promise<boolean> {
    let settle: (ok: boolean) => void = () => {};
    const status = this.verifyWith(publicKey, message, signature, source, (ok) => settle(ok));
    switch (status) {
      case 'valid':
        return true;
      case 'invalid':
        return false;
      case 'pending':
        // In time: no callback runs before control went back to the event loop or its microtasks.
        return new Promise((resolve) => {
          settle = resolve;
        });
      case 'overloaded':
        throw authErrors.create('overloaded', 'too many signature checks are waiting', {
          details: { queued: this.#queued, maxQueuedVerifications: this.maxQueuedVerifications },
        });
      default:
        return status satisfies never;
    }
  }

  /**
   * As {@link verify}, without a promise: tells what is known at once, and calls `callback` later, once, only when that
   * is `pending`. Callbacks of a source that was cancelled are never called.
   */
  verifyWith(
    publicKey: Uint8Array,
    message: string | Uint8Array,
    signature: Uint8Array,
    source: VerificationSource,
    callback: (ok: boolean) => void,
  ): VerificationStatus {
    if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) {
      this.#invalid++;
      return 'invalid';
    }
    const digest = this.cache.digest(publicKey, message, signature);
    if (digest !== undefined && this.cache.has(digest)) {
      this.#cached++;
      return 'valid';
    }
    const same = digest === undefined ? undefined : this.#unfinished.get(digest);
    // A check that waits in another source's queue is not joined: that queue may be long.
    const shared = same !== undefined && (same.started || same.source === source) ? same : undefined;
    const queue = this.#queues.get(source);
    // A shared running job holds callbacks too, so these count against the same bounds.
    if (!this.#hasRoom(queue, shared)) {
      this.#overloaded++;
      return 'overloaded';
    }
    if (shared !== undefined) {
      shared.callbacks.push(callback);
      if (!shared.started && queue !== undefined) this.#addWaiting(queue, 1);
      return 'pending';
    }
    const job: Job = {
      source,
      bytes: jobBytes(publicKey, message, signature),
      digest,
      callbacks: [callback],
      started: false,
    };
    if (digest !== undefined && same === undefined) this.#unfinished.set(digest, job);
    if (this.#canStart) this.#start(job);
    else this.#enqueue(job, queue);
    return 'pending';
  }

  /** Forgets the waiting checks of a source, for instance of a connection that closed. Their callbacks are not called. */
  cancel(source: VerificationSource): void {
    const queue = this.#queues.get(source);
    if (queue === undefined) return;
    for (let job = queue.jobs.shift(); job !== undefined; job = queue.jobs.shift()) this.#forget(job);
    this.#addWaiting(queue, -queue.waiting);
    this.#queues.delete(source);
  }

  #hasRoom(queue: SourceQueue | undefined, shared: Job | undefined): boolean {
    if (shared?.started === true) return shared.callbacks.length < this.maxQueuedPerSource;
    if (this.#canStart) return true;
    if (this.#queued >= this.maxQueuedVerifications) return false;
    return queue === undefined || queue.waiting < this.maxQueuedPerSource;
  }

  #enqueue(job: Job, existing: SourceQueue | undefined): void {
    let queue = existing;
    if (queue === undefined) {
      queue = { source: job.source, jobs: new Fifo(), waiting: 0 };
      this.#queues.set(job.source, queue);
      this.#turns.push(queue);
    }
    queue.jobs.push(job);
    this.#addWaiting(queue, 1);
  }

  #addWaiting(queue: SourceQueue, callbacks: number): void {
    queue.waiting += callbacks;
    this.#queued += callbacks;
  }

  /** Takes the next job: the oldest of the source whose turn it is. */
  #dequeue(): Job | undefined {
    for (let queue = this.#turns.shift(); queue !== undefined; queue = this.#turns.shift()) {
      const job = queue.jobs.shift();
      if (job === undefined) continue;
      this.#addWaiting(queue, -job.callbacks.length);
      if (queue.jobs.length > 0) this.#turns.push(queue);
      else this.#queues.delete(queue.source);
      return job;
    }
    return undefined;
  }

  /** The threads, while any of them lives. */
  get #liveThreads(): BatchVerifier | undefined {
    return this.#threads !== undefined && this.#threads.size > 0 ? this.#threads : undefined;
  }

  get #canStart(): boolean {
    return this.#liveThreads?.hasRoom ?? this.#running < this.maxConcurrent;
  }

  #start(first: Job): void {
    const threads = this.#liveThreads;
    if (threads !== undefined) return this.#startBatches(threads, first);
    for (let job: Job | undefined = first; job !== undefined; job = this.#next()) {
      this.#startOne(job);
      if (this.#running >= this.maxConcurrent) return;
    }
  }

  #startOne(job: Job): void {
    job.started = true;
    const key = this.keys.get(job.bytes.subarray(0, PUBLIC_KEY_BYTES));
    this.#running++;
    // A weak key is answered later like any other, so that a callback never runs before `pending` was returned.
    if (key === undefined) queueMicrotask(() => this.#finish(job, false));
    else this.#verifyOnPool(job, key);
  }

  /** Gives the threads what waits, in batches that grow with the queue. */
  #startBatches(threads: BatchVerifier, first: Job): void {
    let next: Job | undefined = first;
    while (next !== undefined) {
      const jobs: Job[] = [];
      for (; next !== undefined; next = this.#next()) {
        if (next.bytes.length > MAX_BATCHED_BYTES || isWeakPublicKey(next.bytes)) this.#startOne(next);
        else jobs.push(next);
        if (jobs.length === MAX_BATCH) break;
      }
      if (jobs.length > 0) this.#startBatch(threads, jobs);
      next = threads.hasRoom ? this.#next() : undefined;
    }
  }

  #startBatch(threads: BatchVerifier, jobs: readonly Job[]): void {
    for (const job of jobs) job.started = true;
    this.#running += jobs.length;
    const checks = jobs.map((job) => job.bytes);
    threads.verify(checks, (results) => {
      if (results === undefined) return this.#takeBack(jobs);
      for (const [i, job] of jobs.entries()) this.#record(job, results[i] === 1);
      // The threads get their next batch before the answers are worked on.
      this.#resume();
      for (const [i, job] of jobs.entries()) for (const callback of job.callbacks) callback(results[i] === 1);
    });
  }

  /** Checks on the thread pool what a thread was given and did not check. */
  #takeBack(jobs: readonly Job[]): void {
    this.#running -= jobs.length;
    for (const job of jobs) this.#startOne(job);
  }

  /** Starts what waits, as far as there is room. */
  #resume(): void {
    const next = this.#canStart ? this.#next() : undefined;
    if (next !== undefined) this.#start(next);
  }

  #next(): Job | undefined {
    return this.#queued > 0 ? this.#dequeue() : undefined;
  }

  #verifyOnPool(job: Job, key: KeyObject): void {
    const { bytes } = job;
    const signature = bytes.subarray(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES + SIGNATURE_BYTES);
    const message = bytes.subarray(PUBLIC_KEY_BYTES + SIGNATURE_BYTES);
    verify(null, message, key, signature, (error, ok) => this.#finish(job, error === null && ok));
  }

  #finish(job: Job, ok: boolean): void {
    this.#record(job, ok);
    // The pool gets its next job before the answers are worked on.
    this.#resume();
    for (const callback of job.callbacks) callback(ok);
  }

  #record(job: Job, ok: boolean): void {
    this.#running--;
    this.#forget(job);
    if (ok) {
      this.#valid += job.callbacks.length;
      if (job.digest !== undefined) this.cache.add(job.digest);
    } else {
      this.#invalid += job.callbacks.length;
    }
  }

  #forget(job: Job): void {
    if (job.digest !== undefined && this.#unfinished.get(job.digest) === job) {
      this.#unfinished.delete(job.digest);
    }
  }
}

function jobBytes(publicKey: Uint8Array, message: string | Uint8Array, signature: Uint8Array): Buffer {
  const head = PUBLIC_KEY_BYTES + SIGNATURE_BYTES;
  const length = typeof message === 'string' ? Buffer.byteLength(message) : message.length;
  const bytes = Buffer.allocUnsafe(head + length);
  bytes.set(publicKey);
  bytes.set(signature, PUBLIC_KEY_BYTES);
  if (typeof message === 'string') bytes.write(message, head, 'utf8');
  else bytes.set(message, head);
  return bytes;
}
