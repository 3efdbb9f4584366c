import type { Clock, TimerHandle, Timers } from '@muster/core';
import type { EventOwner } from './event-queue.ts';
import type { SimRandom } from './random.ts';
import type { Simulation } from './simulation.ts';

export interface ProcessOptions {
  /** How far its wall clock is off. @default 0 */
  readonly clockOffsetMs?: number;
  /** How much faster its clocks run, in parts per million. @default 0 */
  readonly driftPpm?: number;
}

/**
 * One run of a program: its clocks, its timers, its randomness. It can be paused, as by SIGSTOP (nothing of it happens,
 * then everything that fell due, in order), and killed, as by SIGKILL (nothing of it ever happens again). A restart
 * is a new process.
 */
export class SimProcess implements Clock, Timers, EventOwner {
  readonly name: string;
  readonly random: SimRandom;
  readonly #sim: Simulation;
  readonly #offsetMs: number;
  readonly #rate: number;
  #isAlive = true;
  #isPaused = false;
  #deferred: (() => void)[] = [];
  readonly #onKilled: (() => void)[] = [];

  constructor(sim: Simulation, name: string, options: ProcessOptions) {
    this.name = name;
    this.random = sim.random.fork(`process ${name}`);
    this.#sim = sim;
    this.#offsetMs = options.clockOffsetMs ?? 0;
    this.#rate = 1 + (options.driftPpm ?? 0) / 1e6;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Events that wait for the process to run again. */
  get deferredEvents(): number {
    return this.#deferred.length;
  }

  now(): number {
    return Math.floor(this.#sim.epochMs + this.#offsetMs + this.#sim.now * this.#rate);
  }

  monotonic(): number {
    return this.#sim.now * this.#rate;
  }

  after(delayMs: number, callback: () => void): TimerHandle {
    const event = this.#sim.schedule(delayMs / this.#rate, callback, this);
    return { cancel: () => this.#sim.cancel(event) };
  }

  every(intervalMs: number, callback: () => void): TimerHandle {
    let isOn = true;
    let timer: TimerHandle;
    const again = (): void => {
      callback();
      if (isOn) timer = this.after(intervalMs, again);
    };
    timer = this.after(intervalMs, again);
    return {
      cancel: () => {
        isOn = false;
        timer.cancel();
      },
    };
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason as Error);
      };
      const timer = this.after(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  async yield(): Promise<void> {
    await new Promise<void>((resolve) => this.#sim.schedule(0, resolve, this));
  }

  defer(action: () => void): void {
    this.#deferred.push(action);
  }

  /** Stops the process where it is; its connections stay open. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Lets it go on: what fell due meanwhile happens now, in order. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const action of deferred) this.#sim.schedule(0, action, this);
  }

  /** Ends it at once. What listens with {@link onKilled} is told. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#deferred = [];
    for (const listener of this.#onKilled.splice(0)) listener();
  }

  onKilled(listener: () => void): void {
    this.#onKilled.push(listener);
  }
}
