import { type Clock, errorCode } from '@muster/core';
import type { Coordinator } from '../parts.ts';

type Observe = (call: 'pull_intent' | 'please_pull', outcome: 'ok' | 'timeout' | 'error', ms: number) => void;

/** The same coordinator, with the time of each call told to `observe`. */
export function timedCoordinator(
  coordinator: Coordinator,
  clock: Pick<Clock, 'monotonic'>,
  observe: Observe,
): Coordinator {
  const timed = async <T>(call: Parameters<Observe>[0], work: Promise<T>): Promise<T> => {
    const startedAt = clock.monotonic();
    let outcome: Parameters<Observe>[1] = 'ok';
    try {
      return await work;
    } catch (error) {
      outcome = errorCode(error) === 'RPC_TIMEOUT' ? 'timeout' : 'error';
      throw error;
    } finally {
      observe(call, outcome, clock.monotonic() - startedAt);
    }
  };
  return {
    pullIntent: (target, digest, options) =>
      timed('pull_intent', coordinator.pullIntent(target, digest, options)),
    pleasePull: (target, job, digests, options) =>
      timed('please_pull', coordinator.pleasePull(target, job, digests, options)),
  };
}
