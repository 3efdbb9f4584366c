/**
 * The kernel of the simulator: one virtual clock, one queue of events, one seeded source of randomness.
 *
 * Determinism: an event runs, then everything that it set off in promises runs to its end, then the next event is taken.
 * That holds because the next step is queued with `process.nextTick` out of a microtask: Node runs ticks only after
 * the microtask queue is empty, however many microtasks beget further ones. The logic under test therefore may use
 * promises and the ports that it is handed, and nothing else: a host timer, real I/O or a thread would escape the order.
 */

import { systemTimers } from '@muster/core';
import { EventQueue, type EventOwner, type ScheduledEvent } from './event-queue.ts';
import { SimProcess, type ProcessOptions } from './process.ts';
import { SimRandom } from './random.ts';
import { Trace } from './trace.ts';

/** Steps between two breaths of the host's event loop, so that signals and other work get through. */
const STEPS_PER_BREATH = 20_000;

export interface SimulationOptions {
  readonly seed: number;
  /** Milliseconds since the epoch at the start. @default 2026-01-01 */
  readonly epochMs?: number;
}

/** Called after each step with the process whose event it was; throwing ends the run. */
export type StepHook = (owner: EventOwner | undefined) => void;

export class Simulation {
  readonly seed: number;
  readonly epochMs: number;
  readonly random: SimRandom;
  readonly trace = new Trace();
  readonly #queue = new EventQueue();
  readonly #hooks: StepHook[] = [];
  #now = 0;
  #steps = 0;
  #isRunning = false;

  constructor(options: SimulationOptions) {
    this.seed = options.seed;
    this.epochMs = options.epochMs ?? Date.UTC(2026, 0, 1);
    this.random = new SimRandom(options.seed);
  }

  /** Virtual milliseconds since the start, true time. */
  get now(): number {
    return this.#now;
  }

  /** Events that have happened. */
  get steps(): number {
    return this.#steps;
  }

  /** Events still to come. */
  get pendingEvents(): number {
    return this.#queue.size;
  }

  /** Events still to come that are nobody's, or those of processes that live. Looks at each of them. */
  get livingEvents(): number {
    return this.#queue.living;
  }

  process(name: string, options: ProcessOptions = {}): SimProcess {
    return new SimProcess(this, name, options);
  }

  /** Has `action` happen `delayMs` from now, unless its owner is dead by then. */
  schedule(delayMs: number, action: () => void, owner?: EventOwner): ScheduledEvent {
    return this.#queue.push(this.#now + Math.max(0, delayMs), action, owner);
  }

  cancel(event: ScheduledEvent): void {
    this.#queue.cancel(event);
  }

  /** Has `hook` called after each step, once all that the step set off has run. */
  afterStep(hook: StepHook): void {
    this.#hooks.push(hook);
  }

  /** Runs what happens in the next `durationMs`. Rejects with what a hook or an event throws. */
  async runFor(durationMs: number): Promise<void> {
    await this.runUntil(() => false, { withinMs: durationMs, everyMs: durationMs });
  }

  /**
   * Runs until `condition` holds, looked at every `everyMs`. Resolves with the virtual milliseconds that took, or
   * undefined when it did not come true within `withinMs`.
   */
  async runUntil(
    condition: () => boolean,
    options: { readonly withinMs: number; readonly everyMs?: number },
  ): Promise<number | undefined> {
    const from = this.#now;
    const end = from + options.withinMs;
    for (;;) {
      if (condition()) return this.#now - from;
      if (this.#now >= end) return undefined;
      await this.#run(Math.min(end, this.#now + Math.max(1, options.everyMs ?? 100)));
    }
  }

  /** Lets everything that the caller has just set off in promises run, without moving time. */
  async settle(): Promise<void> {
    await this.#run(this.#now);
  }

  async #run(until: number): Promise<void> {
    if (this.#isRunning) throw new Error('the simulation is already running');
    this.#isRunning = true;
    try {
      await new Promise<void>((resolve, reject) => this.#start(until, resolve, reject));
    } finally {
      this.#isRunning = false;
    }
  }

  #start(until: number, resolve: () => void, reject: (error: unknown) => void): void {
    let last: EventOwner | undefined;
    let isFirst = true;
    const step = (): void => {
      try {
        if (!isFirst) for (const hook of this.#hooks) hook(last);
        isFirst = false;
        const next = this.#queue.pop(until);
        if (next === undefined) {
          this.#now = until;
          resolve();
          return;
        }
        last = next.event.owner;
        this.#now = next.event.at;
        this.#happen(next.action, last);
      } catch (error) {
        reject(error);
        return;
      }
      if (this.#steps % STEPS_PER_BREATH === 0) void systemTimers.yield().then(afterMicrotasks);
      else queueMicrotask(afterMicrotasks);
    };
    const afterMicrotasks = (): void => process.nextTick(step);
    queueMicrotask(afterMicrotasks);
  }

  #happen(action: () => void, owner: EventOwner | undefined): void {
    this.#steps += 1;
    if (owner === undefined) action();
    else if (!owner.isAlive) return;
    else if (owner.isPaused) owner.defer(action);
    else action();
  }
}
