/**
 * Decides about origin pulls at once and runs them in the background (coordination spec 5.5, 15.7 to 15.10).
 *
 * Fault model: anybody who can connect may ask for any digest of any registry, as often as they like. Only configured
 * registries and well-formed repositories are asked, what failed is left alone for its cool-down, one digest is pulled once
 * at a time, and at most `maxConcurrentPulls + pullQueue` pulls are running or waiting. An entry of the in-flight map ends
 * with its pull, whatever happens, and only after the object can be opened.
 */

import { errorCode, LogSampler } from '@muster/core';
import { coordinationErrors } from '../errors.ts';
import type { InFlightHandle } from '../inflight/in-flight-map.ts';
import type { OriginAdapter, Pump } from '../parts.ts';
import { isRepository } from '../repository.ts';
import type { Digest, PullJob, PumpAnswer } from '../types.ts';
import { within } from '../within.ts';
import type { PullPumpParts, PullSource, PullSubject } from './parts.ts';
import { type PullRequest, PullQueue } from './pull-queue.ts';
import { PullRun } from './pull-run.ts';

/** For the store to say whether it has the object (15.7). */
const HAS_BUDGET_MS = 100;
const ANNOUNCE_BUDGET_MS = 5_000;
/** Announcements at one time; what is beyond is left to the next reconciliation. */
const MAX_ANNOUNCEMENTS = 256;
/** Until a running pull tries again to get a place in a queue that is full. */
const FULL_MS = 500;
/** For aborted pulls to clean up. */
const ABORT_BUDGET_MS = 1_000;
/** Largest manifest that is looked into for descriptors. */
const MAX_LEARNED_BYTES = 4_194_304;

interface Job extends PullRequest {
  readonly subject: PullSubject;
  readonly handle: InFlightHandle;
  readonly run: PullRun;
  readonly ended: PromiseWithResolvers<PullSource>;
  hasSlot: boolean;
  /** While a running pull waits for a slot again. */
  turn: PromiseWithResolvers<void> | undefined;
}

/** The pump of one node. */
export class PullPump {
  readonly #parts: PullPumpParts;
  readonly #queue: PullQueue<Job>;
  readonly #jobs = new Map<Digest, Job>();
  readonly #running = new Set<Promise<void>>();
  readonly #refusals = new LogSampler();
  #announcements = 0;
  #isStopped = false;

  constructor(parts: PullPumpParts) {
    this.#parts = parts;
    this.#queue = new PullQueue({
      slots: parts.options.maxConcurrentPulls,
      capacity: parts.options.pullQueue,
    });
  }

  /** Pulls that run, those that wait. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.#queue.running, waiting: this.#queue.waiting };
  }

  /** Decides, starts, and returns without waiting for any network (5.5). Never rejects. */
  readonly pump: Pump = async (job) => {
    const { clock, inflight, negative, descriptors, options } = this.#parts;
    const entry = negative.lookup(job.digest, clock.now());
    if (entry !== undefined) return { kind: 'failed', entry };
    if (await this.#isStored(job.digest)) return { kind: 'already', startedAt: clock.now() };
    const origin = this.#originOf(job);
    if (origin === undefined || this.#isStopped) return { kind: 'declined' };

    // From here to the end without a pause: two who ask at the same instant must not both start it (8.1).
    const known = descriptors.get(job.digest);
    const kind = job.kind === 'blob' ? (known?.kind ?? 'blob') : job.kind;
    const started = inflight.start(job.digest, kind, known?.size ?? 0, clock.now());
    if (started.already) {
      if (job.trigger !== 'prefetch') this.#queue.urge(job.digest);
      return { kind: 'already', startedAt: started.entry.startedAt };
    }
    const subject = { ...job, kind };
    const run = new PullRun(this.#parts, origin, subject, started.handle);
    const ended = Promise.withResolvers<PullSource>();
    ended.promise.catch(() => {});
    const isPrefetch = job.trigger === 'prefetch';
    return this.#admit(
      {
        digest: job.digest,
        kind,
        size: known?.size,
        isPrefetch,
        subject,
        handle: started.handle,
        run,
        ended,
        hasSlot: false,
        turn: undefined,
      },
      started.entry.startedAt,
      options.pullQueue,
    );
  };

  /**
   * The running or queued pull of the digest, to be followed: resolves when the object is in the store, rejects with the
   * reason when the pull has failed. Undefined when there is none.
   */
  follow(digest: Digest): Promise<PullSource> | undefined {
    return this.#jobs.get(digest)?.ended.promise;
  }

  /** Declines from now on. Running pulls get `budgetMs`, then are aborted; queued ones are given up at once. Never rejects. */
  async stop(budgetMs: number): Promise<void> {
    this.#isStopped = true;
    const reason = coordinationErrors.create('SHUTTING_DOWN', 'the agent is shutting down');
    const queued = this.#queue.drop();
    for (const { run, turn } of queued) {
      if (turn === undefined) continue;
      run.stop(reason);
      turn.resolve();
    }
    await Promise.all(
      queued
        .filter(({ turn }) => turn === undefined)
        .map(async (job) =>
          this.#end(job, async () => {
            throw reason;
          }),
        ),
    );
    await this.#settled(budgetMs);
    for (const job of this.#jobs.values()) job.run.stop(reason);
    await this.#settled(ABORT_BUDGET_MS);
  }

  #admit(job: Job, startedAt: number, queueLength: number): PumpAnswer {
    const { clock, logger } = this.#parts;
    const place = this.#queue.admit(job, clock.monotonic());
    if (place === 'full') {
      job.handle.done();
      if (this.#refusals.admit('full') !== undefined) {
        logger.warn(
          { subsystem: 'puller-pump', waiting: queueLength },
          'a pull is declined: the queue is full',
        );
      }
      return { kind: 'declined' };
    }
    this.#jobs.set(job.digest, job);
    job.hasSlot = place === 'running';
    if (job.hasSlot) this.#start(job);
    else job.handle.queued();
    return { kind: 'started', startedAt };
  }

  #start(job: Job): void {
    const running: Promise<void> = this.#run(job).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #run(job: Job): Promise<void> {
    job.handle.running(this.#parts.clock.now());
    const slot = { leave: () => this.#leaveSlot(job), take: async () => this.#takeSlot(job) };
    await this.#end(job, async () => job.run.run(slot));
    this.#leaveSlot(job);
  }

  /** The slot of the job goes to the next one. */
  #leaveSlot(job: Job): void {
    if (!job.hasSlot) return;
    job.hasSlot = false;
    const next = this.#queue.finished(this.#parts.clock.monotonic());
    if (next === undefined) return;
    next.hasSlot = true;
    const { turn } = next;
    next.turn = undefined;
    if (turn === undefined) this.#start(next);
    else turn.resolve();
  }

  /** Waits for a slot as queued pulls do. */
  async #takeSlot(job: Job): Promise<void> {
    const { clock, timers } = this.#parts;
    while (!job.hasSlot && !this.#isStopped) {
      const place = this.#queue.admit(job, clock.monotonic());
      job.hasSlot = place === 'running';
      if (place === 'full') await timers.sleep(FULL_MS);
      if (place !== 'waiting') continue;
      job.turn = Promise.withResolvers<void>();
      await job.turn.promise;
    }
  }

  /** The end of a job in all cases: its entry goes first, then those who follow it hear of it. Never rejects. */
  async #end(job: Job, work: () => Promise<PullSource>): Promise<void> {
    const finish = (): void => {
      job.handle.done();
      this.#jobs.delete(job.digest);
    };
    try {
      const source = await work();
      finish();
      job.ended.resolve(source);
      if (source !== 'present') this.#committed(job);
    } catch (error) {
      finish();
      job.ended.reject(error);
    }
  }

  #committed({ subject }: Job): void {
    if (subject.kind === 'manifest') void this.#learnManifest(subject);
    if (!this.#isStopped && this.#announcements < MAX_ANNOUNCEMENTS) void this.#announce(subject.digest);
  }

  async #announce(digest: Digest): Promise<void> {
    const { discovery, logger } = this.#parts;
    this.#announcements += 1;
    try {
      await discovery.provide(digest, { timeoutMs: ANNOUNCE_BUDGET_MS, op: 'origin_pull_announce' });
    } catch (error) {
      logger.debug({ digest, err: error }, 'a pulled object could not be announced yet');
    } finally {
      this.#announcements -= 1;
    }
  }

  /** What the manifest tells of its children (3.6). */
  async #learnManifest({ digest, registry, repository }: PullSubject): Promise<void> {
    const { store, descriptors, logger } = this.#parts;
    try {
      const { size, body } = await store.open(digest);
      const chunks: Uint8Array[] = [];
      if (size <= MAX_LEARNED_BYTES) for await (const chunk of body) chunks.push(chunk);
      else for await (const _chunk of body) break;
      descriptors.learnManifest(Buffer.concat(chunks), { registry, repository });
    } catch (error) {
      logger.debug({ digest, err: error }, 'a pulled manifest could not be looked into');
    }
  }

  async #isStored(digest: Digest): Promise<boolean> {
    const { store, timers, logger } = this.#parts;
    try {
      return await within(timers, HAS_BUDGET_MS, undefined, async () => store.has(digest));
    } catch (error) {
      logger.debug({ digest, reason: errorCode(error) }, 'the store cannot say whether it has the object');
      return false;
    }
  }

  /** Only what is configured, and names that cannot be anything but a repository in a URL. */
  #originOf({ registry, repository }: PullJob): OriginAdapter | undefined {
    const origin = this.#parts.origins.get(registry);
    if (origin !== undefined && isRepository(repository)) return origin;
    if (this.#refusals.admit('origin') !== undefined) {
      const fields = {
        subsystem: 'puller-pump',
        registry: registry.slice(0, 80),
        repository: repository.slice(0, 80),
      };
      this.#parts.logger.warn(fields, 'a pull is declined: unknown registry, or no repository');
    }
    return undefined;
  }

  async #settled(budgetMs: number): Promise<void> {
    if (this.#running.size === 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = this.#parts.timers.after(budgetMs, resolve);
    await Promise.race([Promise.all(this.#running), late]);
    timer.cancel();
  }
}
