/** One probe pass (coordination spec 10.3). */

import type { TimerHandle, Timers } from '@muster/core';
import type { Candidate } from '../election/view.ts';
import type { FailureClass, PullIntent } from '../types.ts';
import { isTrustedFailure } from './rules.ts';

/** How long a cache hit waits for the answers of others: one of them may know that the origin refuses the object. */
export const HIT_GRACE_MS = 150;

export interface ProbeReply {
  readonly candidate: Candidate;
  readonly intent: PullIntent;
}

export interface ProbeOptions {
  readonly candidates: readonly Candidate[];
  /** Calls back when there is no time left. */
  readonly afterBudget: (end: () => void) => TimerHandle;
  readonly trustedClasses: readonly FailureClass[];
  readonly timers: Timers;
  readonly signal: AbortSignal;
  readonly ask: (candidate: Candidate, signal: AbortSignal) => Promise<PullIntent>;
  readonly onFailure: (candidate: Candidate, error: unknown) => void;
}

/**
 * Asks all candidates at once and returns, in their order, what was answered when the time was over, when all had answered or
 * failed, or when the decision could no longer change. Rejects only with the reason of the signal.
 */
export async function probe(options: ProbeOptions): Promise<readonly ProbeReply[]> {
  const { candidates, timers, signal, trustedClasses } = options;
  signal.throwIfAborted();
  if (candidates.length === 0) return [];
  const replies = new Map<Candidate, PullIntent>();
  const { promise: isOver, resolve: end, reject } = Promise.withResolvers<void>();
  const calls = new AbortController();
  const budget = options.afterBudget(end);
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  let grace: { cancel(): void } | undefined;
  let pending = candidates.length;

  const settle = async (candidate: Candidate): Promise<void> => {
    try {
      const intent = await options.ask(candidate, calls.signal);
      replies.set(candidate, intent);
      if (isTrustedFailure(intent, trustedClasses)) end();
      else if (intent.hasCached) grace ??= timers.after(HIT_GRACE_MS, end);
    } catch (error) {
      if (!calls.signal.aborted) options.onFailure(candidate, error);
    }
    pending -= 1;
    if (pending === 0) end();
  };
  try {
    for (const candidate of candidates) void settle(candidate);
    await isOver;
    return candidates.flatMap((candidate) => {
      const intent = replies.get(candidate);
      return intent === undefined ? [] : [{ candidate, intent }];
    });
  } finally {
    budget.cancel();
    grace?.cancel();
    signal.removeEventListener('abort', onAbort);
    calls.abort();
  }
}
