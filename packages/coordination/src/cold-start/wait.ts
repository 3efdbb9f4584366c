/**
 * Waiting for a pull that runs elsewhere (coordination spec 10.5): the store, the puller and discovery are looked at in turn
 * until one has the object, or until the puller shows no life for as long as a pull may take.
 */

import { pollIntervalMs } from '../inflight/stall.ts';
import type { ClusterNode, Provider, PullIntent } from '../types.ts';
import type { CascadeRun } from './run.ts';
import type { Resolution } from './resolution.ts';
import { isTrustedFailure } from './rules.ts';

/** Every so many iterations the puller is asked again. */
const ASK_AGAIN_EVERY = 5;
/** A lookup that takes longer must not keep the loop from looking elsewhere; a session's own takes as long (13.8). */
const MAX_LOOKUP_MS = 2_000;
/** Unanswered questions in a row after which a puller is given up. */
const MAX_UNREACHABLE = 2;

/** The state of one wait; it outlives a tail that did not work. */
export interface PullWait {
  readonly puller: ClusterNode;
  readonly outcome: string;
  /** Monotonic. */
  deadline: number;
  expectedSize: number;
  iteration: number;
  /** Monotonic: when the puller is asked again at the latest. */
  askAt: number;
  unreachable: number;
  /** Whether the pull was running when last heard of. */
  isInFlight: boolean;
}

export type Look = Resolution | 'go-on' | 'give-up';

/** Waits; undefined when the puller is to be given up. Rejects by rules 1 and 4, and with the reason of the signal. */
export async function waitForPull(run: CascadeRun, wait: PullWait): Promise<Resolution | undefined> {
  const { clock, timers, options } = run.context.parts;
  const isSelf = wait.puller.id === run.context.self;
  const intervalMs = pollIntervalMs(run.request.kind);
  for (;;) {
    run.signal.throwIfAborted();
    wait.iteration += 1;
    if (await hasInStore(run)) return { how: 'local', outcome: 'local_hit' };
    const isLate = (): boolean => clock.monotonic() >= wait.deadline;
    const isDue = (): boolean =>
      wait.iteration % ASK_AGAIN_EVERY === 0 || clock.monotonic() >= wait.askAt || isLate();
    if (isSelf) {
      if (options.followOwnPull ?? true) return { how: 'own-pull', outcome: wait.outcome };
    } else if (run.context.canTail(wait.puller.id) && !isDue()) {
      // Who finds it busy again and again must look at the pull in between, or nothing would ever end the wait.
      return run.tail(wait);
    }
    const providers = await lookup(run, wait.deadline - clock.monotonic());
    if (providers.length > 0) return { how: 'providers', providers, outcome: wait.outcome };
    if (isDue()) {
      // Slow lookups must not let looks at the puller fall so far apart that its progress can't be seen (8.4).
      wait.askAt = clock.monotonic() + ASK_AGAIN_EVERY * intervalMs;
      const look = await askAgain(run, wait);
      if (look === 'give-up') return undefined;
      if (look !== 'go-on') return look;
    }
    if (isLate()) return undefined;
    const restMs = wait.deadline - clock.monotonic();
    await timers.sleep(Math.min(intervalMs, restMs), run.signal);
  }
}

/** Counts a question that was not answered; true when there were too many in a row. */
export function noteUnreachable(wait: PullWait): boolean {
  wait.unreachable += 1;
  return wait.unreachable >= MAX_UNREACHABLE;
}

async function hasInStore(run: CascadeRun): Promise<boolean> {
  try {
    return await run.context.parts.store.has(run.request.digest);
  } catch {
    // A disk that cannot say has nothing for us; the storage's own alarms tell of it.
    return false;
  }
}

async function lookup(run: CascadeRun, remainingMs: number): Promise<readonly Provider[]> {
  if (remainingMs <= 0) return [];
  const { discovery, suppression } = run.context.parts;
  const { digest } = run.request;
  try {
    const found = await run.within(Math.min(remainingMs, MAX_LOOKUP_MS), (signal) =>
      discovery.findProviders(digest, { timeoutMs: Math.min(remainingMs, MAX_LOOKUP_MS), signal }),
    );
    return found.filter(
      (provider) =>
        provider.nodeId !== run.context.self && suppression?.isSuppressed(digest, provider) !== true,
    );
  } catch {
    run.signal.throwIfAborted();
    return [];
  }
}

/**
 * Asks the puller how its pull goes: the way on, whether the wait goes on, or whether the puller is to be given up. Rejects by
 * rules 1 and 4, and with the reason of the signal.
 */
export async function askAgain(run: CascadeRun, wait: PullWait): Promise<Look> {
  let intent: PullIntent;
  try {
    intent = await run.context.intent(wait.puller.id, run.request.digest, run.signal);
  } catch {
    run.signal.throwIfAborted();
    return noteUnreachable(wait) ? 'give-up' : 'go-on';
  }
  wait.unreachable = 0;
  if (intent.hasCached) {
    return run.isUseless(wait.puller) ? 'give-up' : run.cached(wait.puller, wait.outcome);
  }
  if (isTrustedFailure(intent, run.context.parts.options.trustedClasses)) {
    throw run.shortCircuit(wait.puller.id, intent);
  }
  if (intent.inFlight) {
    wait.isInFlight = true;
    if (intent.totalBytes !== undefined) wait.expectedSize = intent.totalBytes;
    const { isStalled, isProgressing } = run.judge(wait.puller.id, intent);
    if (isProgressing && !isStalled) wait.deadline = run.deadline(wait.expectedSize);
    return 'go-on';
  }
  if (intent.recentlyFailed && intent.failureClass === 'transient') throw run.coolDown(intent.cooldownUntil);
  wait.isInFlight = false;
  return 'give-up';
}

/** The wait for a puller that begins now. */
export function newWait(
  run: CascadeRun,
  puller: ClusterNode,
  outcome: string,
  expectedSize: number,
): PullWait {
  const { clock, logger } = run.context.parts;
  logger.debug({ node_id: puller.id, outcome }, 'waiting for a pull');
  return {
    puller,
    outcome,
    deadline: run.deadline(expectedSize),
    expectedSize,
    iteration: 0,
    askAt: clock.monotonic() + ASK_AGAIN_EVERY * pollIntervalMs(run.request.kind),
    unreachable: 0,
    isInFlight: true,
  };
}
