/**
 * Prefetch (coordination spec 11): when a manifest has come in, the owners of its children are asked to pull them before
 * anybody needs them. Only a few nodes do so for each manifest; no answer ever waits for it, and nothing depends on it.
 */

import type { Clock, EventBus, Logger, Random, Timers } from '@muster/core';
import { errorCode } from '@muster/core';
import { topK } from '../election/hrw.ts';
import { scopedNodes } from '../election/view.ts';
import { coordinationErrors } from '../errors.ts';
import type { CoordinationEvents } from '../events.ts';
import type { ClusterMembers, ContentStore, Coordinator, LocalCoordinator } from '../parts.ts';
import type { CoordinationSettings } from '../settings.ts';
import type { ClusterNode, Digest } from '../types.ts';
import { within } from '../within.ts';
import type { ChildObject } from './children.ts';
import { planPrefetch, prefetchDelayMs } from './grouping.ts';
import type { PrefetchGroup, PrefetchPlan } from './grouping.ts';
import { JobQueue } from './job-queue.ts';
import { missingChildren } from './manifest-reader.ts';
import type { DescriptorSink, ManifestSource } from './manifest-reader.ts';

const JOB_MS = 30_000;
const GROUP_MS = 2_000;
const MAX_RUNNING = 8;
const MAX_WAITING = 8;
const REPEAT_MS = 60_000;
const MAX_REMEMBERED = 4096;
const HASHES_PER_TURN = 10_000;

export type PrefetchSettings = Pick<
  CoordinationSettings,
  'hrwScope' | 'prefetchCoordinators' | 'prefetchMaxGroups' | 'prefetchJitterMs' | 'coordMaxDigests'
>;

export interface PrefetchParts {
  readonly coordinator: Coordinator;
  readonly local?: LocalCoordinator;
  readonly members: ClusterMembers;
  readonly store: Pick<ContentStore, 'has' | 'open'>;
  readonly descriptors?: DescriptorSink;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly events: EventBus<CoordinationEvents>;
  readonly options: PrefetchSettings;
}

/** What {@link Prefetch.offer} made of a manifest. */
export type PrefetchOffer = 'accepted' | 'left-to-others' | 'recent' | 'stopped';

export class Prefetch {
  readonly #parts: PrefetchParts;
  readonly #jobs = new JobQueue({ maxRunning: MAX_RUNNING, maxWaiting: MAX_WAITING });
  readonly #groups: JobQueue;
  readonly #offeredAt = new Map<Digest, number>();
  readonly #stop = new AbortController();

  constructor(parts: PrefetchParts) {
    this.#parts = parts;
    this.#groups = new JobQueue({
      maxRunning: parts.options.prefetchMaxGroups,
      maxWaiting: Number.POSITIVE_INFINITY,
    });
  }

  /** Jobs that run or wait. */
  get jobs(): number {
    return this.#jobs.running + this.#jobs.waiting;
  }

  /**
   * A manifest was served or committed: prefetches its children in the background, if that falls to this node and was not done
   * within the last minute.
   */
  offer(manifest: ManifestSource): PrefetchOffer {
    if (this.#stop.signal.aborted) return 'stopped';
    const { members, options, random, clock, events } = this.#parts;
    const now = clock.monotonic();
    const last = this.#offeredAt.get(manifest.digest);
    if (last !== undefined && now - last < REPEAT_MS) return 'recent';
    const delayMs = prefetchDelayMs({
      nodes: members.snapshot(),
      self: members.self(),
      manifest: manifest.digest,
      coordinators: options.prefetchCoordinators,
      jitterMs: options.prefetchJitterMs,
    });
    if (delayMs === undefined) return 'left-to-others';
    this.#remember(manifest.digest, now);
    const startMs = delayMs * random.fraction();
    this.#jobs.add(
      async () => this.#run(manifest, startMs),
      () => {
        this.#offeredAt.delete(manifest.digest);
        events.publish('prefetch.dropped', { manifest: manifest.digest });
      },
    );
    return 'accepted';
  }

  /**
   * Asks the owners of the children to pull them. Rejects `PREFETCH_INVALID` without registry or repository, `PREFETCH_PARTIAL`
   * when some could not be asked (details: `failedGroups`), after all have been, and with the reason of the signal.
   */
  async send(
    source: ManifestSource,
    children: readonly ChildObject[],
    signal?: AbortSignal,
  ): Promise<PrefetchPlan> {
    if (source.registry === '' || source.repository === '') {
      throw coordinationErrors.create('PREFETCH_INVALID', 'children need a registry and a repository');
    }
    const { members, local, events } = this.#parts;
    const owners = await this.#elect(children);
    const plan = planPrefetch({
      children,
      ownerOf: (digest) => owners.get(digest),
      self: members.self(),
      isLocalWired: local !== undefined,
    });
    if (plan.groups.length === 0) return plan;
    const outcomes = await Promise.all(plan.groups.map(async (group) => this.#queue(source, group, signal)));
    signal?.throwIfAborted();
    const failedGroups = outcomes.filter((succeeded) => !succeeded).length;
    const { children: digests, pullers } = plan;
    events.publish('prefetch.sent', { manifest: source.digest, digests, pullers, failedGroups });
    if (failedGroups === 0) return plan;
    const message = `${failedGroups} of ${plan.groups.length} groups could not be asked for`;
    throw coordinationErrors.create('PREFETCH_PARTIAL', message, { details: { failedGroups } });
  }

  /** Takes no more offers, ends the jobs and resolves when they have ended. */
  async stop(): Promise<void> {
    this.#stop.abort(coordinationErrors.create('SHUTTING_DOWN', 'prefetch is stopped'));
    await this.#jobs.drain();
  }

  async #run(manifest: ManifestSource, startMs: number): Promise<void> {
    const { timers, store, descriptors, logger } = this.#parts;
    const { digest, registry, repository } = manifest;
    try {
      if (startMs > 0) await timers.sleep(startMs, this.#stop.signal);
      await within(timers, JOB_MS, this.#stop.signal, async (signal) => {
        const children = await missingChildren(store, manifest, descriptors);
        if (children.length > 0) await this.send(manifest, children, signal);
      });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      logger.debug({ digest, registry, repository, err: error, reason: errorCode(error) }, 'prefetch failed');
    }
  }

  /** The owner of each child. Every election hashes all nodes, so in a large cluster others get their turn in between. */
  async #elect(children: readonly ChildObject[]): Promise<ReadonlyMap<Digest, ClusterNode>> {
    const nodes = this.#nodes();
    const owners = new Map<Digest, ClusterNode>();
    let hashes = 0;
    for (const { digest } of children) {
      const owner = owners.has(digest) ? undefined : topK(nodes, digest, 1)[0];
      if (owner === undefined) continue;
      owners.set(digest, owner);
      hashes += nodes.length;
      if (hashes < HASHES_PER_TURN) continue;
      hashes = 0;
      await this.#parts.timers.yield();
    }
    return owners;
  }

  /** Those among whom owners are elected; the own zone is known late, so it is looked up each time (7.2). */
  #nodes(): readonly ClusterNode[] {
    const { members, options } = this.#parts;
    const isSelf = ({ id }: ClusterNode): boolean => id === members.self();
    const own = members.snapshot().find(isSelf) ?? members.bootstrapSnapshot().find(isSelf);
    return scopedNodes(members.snapshot(), options.hrwScope, own?.zone ?? '');
  }

  /** Waits for a slot and asks; true when the owner was asked for all of the group. */
  async #queue(source: ManifestSource, group: PrefetchGroup, signal?: AbortSignal): Promise<boolean> {
    return new Promise<boolean>((resolve) => {
      this.#groups.add(
        async () => {
          resolve(await this.#ask(source, group, signal));
        },
        () => resolve(false),
      );
    });
  }

  async #ask(source: ManifestSource, group: PrefetchGroup, signal?: AbortSignal): Promise<boolean> {
    const { coordinator, local, timers, options, logger } = this.#parts;
    const { registry, repository } = source;
    const { owner, isSelf, kind, digests } = group;
    const job = { registry, repository, kind };
    try {
      for (let from = 0; from < digests.length; from += options.coordMaxDigests) {
        const slice = digests.slice(from, from + options.coordMaxDigests);
        await within(timers, GROUP_MS, signal, async (inner) => {
          const limits = { signal: inner, timeoutMs: GROUP_MS };
          if (!isSelf) return coordinator.pleasePull(owner.id, job, slice, limits);
          return local?.startLocalPull({ ...job, trigger: 'prefetch' }, slice, limits);
        });
      }
      return true;
    } catch (error) {
      logger.debug(
        { digest: source.digest, node_id: owner.id, err: error },
        'prefetch could not be asked for',
      );
      return false;
    }
  }

  #remember(digest: Digest, now: number): void {
    this.#offeredAt.delete(digest);
    if (this.#offeredAt.size >= MAX_REMEMBERED) {
      const oldest = this.#offeredAt.keys().next();
      if (oldest.done !== true) this.#offeredAt.delete(oldest.value);
    }
    this.#offeredAt.set(digest, now);
  }
}
