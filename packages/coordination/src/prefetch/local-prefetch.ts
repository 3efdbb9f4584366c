/**
 * Local prefetch (coordination spec 11.4): a node copies the missing children of a manifest it has served, in an order of its
 * own, so that the nodes of a cluster soon hold different layers and do not all read the same one from the same node.
 */

import type { Logger, Timers } from '@muster/core';
import { coordinationErrors } from '../errors.ts';
import type { ContentStore } from '../parts.ts';
import type { CoordinationSettings } from '../settings.ts';
import type { Digest, ObjectKind, Repository } from '../types.ts';
import { localPrefetchOrder } from './grouping.ts';
import { JobQueue } from './job-queue.ts';
import { missingChildren } from './manifest-reader.ts';
import type { DescriptorSink, ManifestSource } from './manifest-reader.ts';

/** The owners' prefetch goes first: before this has passed, a copy might start a pull at the origin by itself. */
export const LOCAL_PREFETCH_DELAY_MS = 2_000;

const MAX_MANIFESTS = 8;
const MAX_WAITING_MANIFESTS = 8;

/** A copy without a client: the normal GET path, in a detached session (13.7). */
export interface DetachedCopy extends Repository {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly size?: number;
  readonly signal: AbortSignal;
}

export interface LocalPrefetchParts {
  readonly self: () => string;
  readonly copy: (copy: DetachedCopy) => Promise<void>;
  readonly store: Pick<ContentStore, 'has' | 'open'>;
  readonly descriptors?: DescriptorSink;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly options: Pick<CoordinationSettings, 'localPrefetch' | 'localPrefetchConcurrency'>;
}

export class LocalPrefetch {
  readonly #parts: LocalPrefetchParts;
  readonly #manifests = new JobQueue({ maxRunning: MAX_MANIFESTS, maxWaiting: MAX_WAITING_MANIFESTS });
  readonly #copies: JobQueue;
  readonly #running = new Set<Digest>();
  readonly #stop = new AbortController();

  constructor(parts: LocalPrefetchParts) {
    this.#parts = parts;
    const maxRunning = parts.options.localPrefetchConcurrency;
    this.#copies = new JobQueue({ maxRunning, maxWaiting: Number.POSITIVE_INFINITY });
  }

  /** A manifest was served: copies its missing children, in the background. False when that is switched off or running. */
  offer(manifest: ManifestSource): boolean {
    if (!this.#parts.options.localPrefetch || this.#stop.signal.aborted) return false;
    if (this.#running.has(manifest.digest)) return false;
    this.#running.add(manifest.digest);
    const end = (): void => void this.#running.delete(manifest.digest);
    this.#manifests.add(async () => this.#run(manifest).finally(end), end);
    return true;
  }

  /** Takes no more offers, ends the copies and resolves when they have ended. */
  async stop(): Promise<void> {
    this.#stop.abort(coordinationErrors.create('SHUTTING_DOWN', 'local prefetch is stopped'));
    await this.#manifests.drain();
  }

  async #run(manifest: ManifestSource): Promise<void> {
    const { timers, store, descriptors, self, logger } = this.#parts;
    try {
      await timers.sleep(LOCAL_PREFETCH_DELAY_MS, this.#stop.signal);
      const children = await missingChildren(store, manifest, descriptors);
      const unique = [...new Map(children.map((child) => [child.digest, child])).values()];
      await Promise.all(
        localPrefetchOrder(self(), unique).map(async ({ digest, kind, size }) =>
          this.#copy(manifest, { digest, kind, ...(size === undefined ? {} : { size }) }),
        ),
      );
    } catch (error) {
      if (!this.#stop.signal.aborted)
        logger.debug({ digest: manifest.digest, err: error }, 'local prefetch failed');
    }
  }

  /** Waits for a slot and copies. What cannot be copied is left to whoever needs it. */
  async #copy(
    { registry, repository }: ManifestSource,
    child: Pick<DetachedCopy, 'digest' | 'kind' | 'size'>,
  ): Promise<void> {
    const { copy, store, logger } = this.#parts;
    const { signal } = this.#stop;
    await new Promise<void>((resolve) => {
      const run = async (): Promise<void> => {
        try {
          if (!signal.aborted && !(await store.has(child.digest))) {
            await copy({ ...child, registry, repository, signal });
          }
        } catch (error) {
          logger.debug({ digest: child.digest, err: error }, 'local prefetch of a child failed');
        }
        resolve();
      };
      this.#copies.add(run, resolve);
    });
  }
}
