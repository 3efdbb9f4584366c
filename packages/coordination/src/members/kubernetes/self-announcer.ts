/**
 * Publishes where this agent is reached, as annotations of its own pod (coordination spec 18.3): tried until it works, and again
 * when addresses change or somebody has removed them.
 */

import type { Logger, Timers } from '@muster/core';
import { within } from '../../within.ts';
import type { KubeApi } from './kube-api.ts';
import { ANNOTATIONS } from './rules.ts';

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
const CHECK_MS = 10_000;
const TIMEOUT_MS = 10_000;

/** What is announced; empty texts are left as they are on the pod. */
export interface Announcement {
  readonly transferAddress: string;
  readonly peerId: string;
  readonly p2pAddresses: readonly string[];
}

export interface SelfAnnouncerParts {
  readonly api: Pick<KubeApi, 'annotatePod'>;
  readonly namespace: string;
  readonly podName: string;
  readonly announcement: () => Announcement;
  /** The annotations that the pod has, as far as they were seen. */
  readonly seen: () => Readonly<Record<string, string>> | undefined;
  readonly timers: Timers;
  readonly logger: Logger;
}

export class SelfAnnouncer {
  readonly #parts: SelfAnnouncerParts;
  readonly #stopped = new AbortController();
  #wake = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #announced = '';

  constructor(parts: SelfAnnouncerParts) {
    this.#parts = parts;
  }

  /** Whether the announcement has been made once. */
  get isAnnounced(): boolean {
    return this.#announced !== '';
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the announcer stops'));
    await this.#running;
  }

  /** Looks at once whether there is something new to announce. */
  refresh(): void {
    this.#wake.resolve();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const isDone = await this.#announce(pauseMs);
      const waitMs = isDone ? CHECK_MS : pauseMs;
      pauseMs = isDone ? FIRST_PAUSE_MS : Math.min(MAX_PAUSE_MS, pauseMs * 2);
      await this.#pause(waitMs);
    }
  }

  async #announce(retryMs: number): Promise<boolean> {
    const { api, namespace, podName, timers, logger } = this.#parts;
    const annotations = annotationsOf(this.#parts.announcement());
    const text = JSON.stringify(annotations);
    if (text === this.#announced && !this.#isRemoved(annotations)) return true;
    try {
      await within(timers, TIMEOUT_MS, this.#stopped.signal, (signal) =>
        api.annotatePod(namespace, podName, annotations, signal),
      );
      this.#announced = text;
      return true;
    } catch (error) {
      if (!this.#stopped.signal.aborted) {
        const fields = { subsystem: 'members', retry_ms: retryMs, err: error };
        logger.warn(fields, 'the own pod cannot be annotated; it is tried again');
      }
      return false;
    }
  }

  #isRemoved(annotations: Readonly<Record<string, string>>): boolean {
    const seen = this.#parts.seen();
    return seen !== undefined && Object.entries(annotations).some(([key, value]) => seen[key] !== value);
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stopped;
    const inner = new AbortController();
    const onAbort = (): void => inner.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    const timer = this.#parts.timers.sleep(ms, inner.signal).catch(() => undefined);
    await Promise.race([timer, this.#wake.promise]);
    inner.abort();
    signal.removeEventListener('abort', onAbort);
    this.#wake = Promise.withResolvers<void>();
  }
}

function annotationsOf({ transferAddress, peerId, p2pAddresses }: Announcement): Record<string, string> {
  const all = {
    [ANNOTATIONS.transferAddress]: transferAddress,
    [ANNOTATIONS.peerId]: peerId,
    [ANNOTATIONS.p2pAddresses]: p2pAddresses.join(','),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}
