/**
 * Members from a registry of the network, or from whatever else can list them: asked every few seconds through a callback,
 * so that this package knows no registry. The last view stays while nobody answers.
 */

import type { Logger, TimerHandle, Timers } from '@muster/core';
import { within } from '../within.ts';
import type { MemberEntry } from './member-file.ts';
import { ViewedMembers } from './members.ts';

const INTERVAL_MS = 5_000;
const TIMEOUT_MS = 10_000;

export interface ListedMembersParts {
  readonly self: string;
  /** The members of now. Rejects when they cannot be listed. */
  readonly list: (signal: AbortSignal) => Promise<readonly MemberEntry[]>;
  /** @default 5 s */
  readonly intervalMs?: number;
  readonly timers: Timers;
  readonly logger: Logger;
}

export class ListedMembers extends ViewedMembers {
  readonly #parts: ListedMembersParts;
  readonly #stopped = new AbortController();
  #timer: TimerHandle | undefined;
  #asking: Promise<void> | undefined;
  #isFailing = false;

  constructor(parts: ListedMembersParts) {
    super(parts.self);
    this.#parts = parts;
  }

  async start(): Promise<void> {
    await this.refresh();
    const { timers, intervalMs = INTERVAL_MS } = this.#parts;
    this.#timer = timers.every(intervalMs, () => void this.refresh());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stopped.abort(new Error('the members are no longer asked for'));
    await this.#asking;
  }

  /** Asks once, unless it is being asked. Never rejects. */
  refresh(): Promise<void> {
    this.#asking ??= this.#refresh().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #refresh(): Promise<void> {
    const { timers, list, logger } = this.#parts;
    try {
      const entries = await within(timers, TIMEOUT_MS, this.#stopped.signal, list);
      this.#isFailing = false;
      this.view.replace({
        ready: entries.filter(({ isReady }) => isReady).map(({ node }) => node),
        bootstrap: entries.map(({ node }) => node).filter(({ p2pAddrs }) => p2pAddrs.length > 0),
        running: entries.length,
      });
    } catch (error) {
      if (!this.#isFailing && !this.#stopped.signal.aborted) {
        logger.warn(
          { subsystem: 'members', err: error },
          'the members cannot be listed; the last view stays',
        );
      }
      this.#isFailing = true;
    }
  }
}
