import type { TimerHandle, Timers } from '@muster/core';
import { coordinationErrors } from './errors.ts';

/**
 * Runs `work` for at most `budgetMs` milliseconds, whatever it does with the signal that it is handed. Rejects `RPC_TIMEOUT`
 * when the time is over, and with the reason of `signal` when that is aborted; the work's own signal is aborted in both cases.
 */
export async function within<T>(
  timers: Pick<Timers, 'after'>,
  budgetMs: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withinLimit((end) => timers.after(budgetMs, end), signal, work, `${budgetMs} ms`);
}

/** As {@link within}, for a limit that `arm` sets and whose name is `limit`. */
export async function withinLimit<T>(
  arm: (end: () => void) => TimerHandle,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
  limit: string,
): Promise<T> {
  signal?.throwIfAborted();
  const inner = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (reason: unknown): void => {
    reject(reason);
    inner.abort(reason);
  };
  const onAbort = (): void => end(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = arm(() => end(coordinationErrors.create('RPC_TIMEOUT', `no answer within ${limit}`)));
  try {
    return await Promise.race([work(inner.signal), ended]);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
    ended.catch(() => {});
  }
}
