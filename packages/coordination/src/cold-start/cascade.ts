/**
 * The cold-start cascade (coordination spec 10): what to do about a digest that discovery knows no provider of. One run per
 * digest at a time; later callers join it.
 */

import { errorCode } from '@muster/core';
import type { Digest, Provider } from '../types.ts';
import { betterPuller } from './better-puller.ts';
import { CascadeContext } from './context.ts';
import type { ColdStartParts } from './context.ts';
import type { ColdStartRequest, Resolution } from './resolution.ts';
import { CascadeRun, cooldownError } from './run.ts';

interface Flight {
  readonly promise: Promise<Resolution>;
  readonly abort: AbortController;
  callers: number;
}

/** Labels of the errors (10.6). */
const ERROR_OUTCOMES: Readonly<Record<string, string>> = {
  FAILURE_SHORT_CIRCUIT: 'rule1_failure',
  COOLDOWN_ACTIVE: 'rule4_cooldown',
  CASCADE_EXHAUSTED: 'exhausted',
};

/** The cascade of one node. Keeps honour windows, and what it has learned of other nodes, all of it bounded. */
export class ColdStart {
  readonly #context: CascadeContext;
  readonly #flights = new Map<Digest, Flight>();
  readonly #stopObserving: () => void;

  constructor(parts: ColdStartParts) {
    this.#context = new CascadeContext(parts);
    this.#context.observeMembers();
    // Elections remember for a while who was there before a change, so they must hear of it when it happens.
    this.#stopObserving = parts.members.onChange(() => this.#context.observeMembers());
  }

  /** Cascades that run now. */
  get running(): number {
    return this.#flights.size;
  }

  /**
   * Finds out where to get the object, and makes some node pull it when nobody has it.
   *
   * Rejects `FAILURE_SHORT_CIRCUIT` (details: {@link ShortCircuitDetails}) when the origin is known to refuse it,
   * `COOLDOWN_ACTIVE` (details: {@link CooldownDetails}) when it is to be left alone, `CASCADE_EXHAUSTED` when nobody has it and
   * nobody could be made to pull it, and with the reason of the signal. A caller that leaves does not end the run of others.
   */
  async resolve(request: ColdStartRequest): Promise<Resolution> {
    request.signal?.throwIfAborted();
    const flight = this.#flights.get(request.digest) ?? this.#start(request);
    flight.callers += 1;
    try {
      return await withSignal(flight.promise, request.signal);
    } finally {
      flight.callers -= 1;
      if (flight.callers === 0) this.#leave(request.digest, flight);
    }
  }

  /** Who ranked before this node has the object or pulls it: {@link betterPuller}. */
  async betterPuller(digest: Digest, signal: AbortSignal): Promise<Provider | undefined> {
    return betterPuller(this.#context, digest, signal);
  }

  /** Ends all runs and stops listening to the members. */
  close(reason: unknown): void {
    this.#stopObserving();
    for (const flight of this.#flights.values()) flight.abort.abort(reason);
    this.#flights.clear();
  }

  #start(request: ColdStartRequest): Flight {
    const abort = new AbortController();
    const flight: Flight = { promise: this.#run(request, abort.signal), abort, callers: 0 };
    this.#flights.set(request.digest, flight);
    return flight;
  }

  /** Nobody waits any more: either it has ended, or it is in vain. */
  #leave(digest: Digest, flight: Flight): void {
    if (this.#flights.get(digest) === flight) this.#flights.delete(digest);
    flight.abort.abort(new DOMException('nobody waits for it', 'AbortError'));
  }

  async #run(request: ColdStartRequest, signal: AbortSignal): Promise<Resolution> {
    const { clock, events } = this.#context.parts;
    const { digest, kind } = request;
    const startedAt = clock.monotonic();
    const finish = (outcome: string): void => {
      const ms = clock.monotonic() - startedAt;
      events.publish('coldstart.finished', { digest, kind, outcome, ms });
      this.#context.parts.logger.debug({ digest, outcome, elapsed_ms: ms }, 'cold start finished');
    };
    const until = this.#context.honour.until(digest, clock.now());
    if (until !== undefined) {
      finish('rule4_cooldown_honored');
      throw cooldownError({ digest, cooldownUntil: until });
    }
    try {
      const resolution = await new CascadeRun(this.#context, request, signal).play();
      finish(resolution.outcome);
      return resolution;
    } catch (error) {
      const isMoot = signal.aborted && (await this.#isStored(digest));
      finish(isMoot ? 'local_hit' : (ERROR_OUTCOMES[errorCode(error) ?? ''] ?? 'error'));
      throw error;
    }
  }

  /** Nobody waits for a run any more once the object has come by another way. */
  async #isStored(digest: Digest): Promise<boolean> {
    return this.#context.parts.store.has(digest).catch(() => false);
  }
}

/** The outcome of the promise, or the reason of the signal when that is aborted first. */
async function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    aborted.catch(() => {});
    promise.catch(() => {});
  }
}
