import type { Clock, Random, Timers } from '@muster/core';
import type { ViewSource } from '@muster/dashboard';
import type { ViewInput } from '../model/inputs.ts';

/** Wait before the first new attempt, and the longest one. */
export const RETRY_MS = 250;
export const RETRY_MAX_MS = 5_000;

/** What a collector works with. */
export interface CollectorParts {
  readonly take: (input: ViewInput) => void;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** A source that is asked until it is removed. */
export interface Collector {
  readonly id: string;
  /** Ends it; what it said goes with it. */
  stop(): void;
}

export interface SourceLoopOptions extends CollectorParts {
  readonly id: string;
  readonly kind: ViewSource;
  readonly address: string;
  /** Asks until something goes wrong, and rejects with that. `answers` is called when what it tells is of now. */
  readonly session: (signal: AbortSignal, answers: () => void) => Promise<void>;
}

/** Runs sessions with a source, one after the other, with growing pauses while it does not answer. */
export function runSource(options: SourceLoopOptions): Collector {
  const { id, kind, address, take } = options;
  const stopping = new AbortController();
  take({ type: 'source', id, kind, address, state: 'connecting' });
  void loop(options, stopping.signal);
  return {
    id,
    stop: () => {
      stopping.abort();
      take({ type: 'source-removed', id });
    },
  };
}

async function loop(options: SourceLoopOptions, signal: AbortSignal): Promise<void> {
  const { id, kind, address, session, take, timers, random } = options;
  let failures = 0;
  for (;;) {
    let error = 'the connection ended';
    const ends = new AbortController();
    const either = AbortSignal.any([signal, ends.signal]);
    try {
      await session(either, () => {
        failures = 0;
        if (!signal.aborted) take({ type: 'source', id, kind, address, state: 'ok' });
      });
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause);
    } finally {
      ends.abort();
    }
    if (signal.aborted) return;
    take({ type: 'source', id, kind, address, state: 'failed', error });
    const wait = Math.min(RETRY_MS * 2 ** Math.min(failures, 10), RETRY_MAX_MS);
    failures += 1;
    try {
      await timers.sleep(wait * (0.5 + random.fraction() / 2), signal);
    } catch {
      return;
    }
  }
}

/** Runs all of them; as soon as one ends or fails, the others are told by the signal, and it rejects with the first reason. */
export async function allOf(
  signal: AbortSignal,
  tasks: readonly ((signal: AbortSignal) => Promise<unknown>)[],
): Promise<never> {
  const ends = new AbortController();
  const either = AbortSignal.any([signal, ends.signal]);
  const running = tasks.map(async (task) => {
    try {
      await task(either);
    } finally {
      ends.abort(new Error('another task has ended'));
    }
  });
  try {
    await Promise.race(running);
  } finally {
    await Promise.allSettled(running);
  }
  throw new Error('the connection ended');
}

/** Something that is done again and again, and sooner when it is nudged; rounds do not overlap. */
export class Rounds {
  readonly #timers: Timers;
  readonly #leastMs: number;
  #wake: (() => void) | undefined;
  #isNudged = false;

  /** `leastMs`: from the end of a round to the beginning of the next, however often it is nudged. */
  constructor(timers: Timers, leastMs: number) {
    this.#timers = timers;
    this.#leastMs = leastMs;
  }

  nudge(): void {
    this.#isNudged = true;
    this.#wake?.();
  }

  /** Rejects when a round does, and with the reason of the signal. */
  async run(round: () => Promise<void>, everyMs: () => number, signal: AbortSignal): Promise<never> {
    for (;;) {
      signal.throwIfAborted();
      this.#isNudged = false;
      await round();
      await this.#timers.sleep(this.#leastMs, signal);
      if (!this.#isNudged) await this.#nudgedOr(everyMs() - this.#leastMs, signal);
    }
  }

  async #nudgedOr(ms: number, signal: AbortSignal): Promise<void> {
    if (ms <= 0) return;
    const nudged = Promise.withResolvers<void>();
    this.#wake = nudged.resolve;
    const ends = new AbortController();
    const sleep = this.#timers.sleep(ms, AbortSignal.any([signal, ends.signal]));
    sleep.catch(() => undefined);
    try {
      await Promise.race([nudged.promise, sleep]);
    } finally {
      this.#wake = undefined;
      ends.abort();
    }
  }
}
