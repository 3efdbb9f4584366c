import type { Clock, TimerHandle, Timers } from '@muster/core';

/** Handle of a deadline in a {@link DeadlineWheel}. It may be given out again after `remove` or expiry. */
export type DeadlineId = number;

/** What a wheel is made for. */
export interface DeadlineWheelOptions {
  /** The time now; the wheel's clock starts here. */
  readonly startMs: number;
  /**
   * Granularity: a deadline fires up to this much late, never early.
   * @default DEFAULT_WHEEL_TICK_MS
   */
  readonly tickMs?: number;
  /**
   * Number of slots; later deadlines than `slots * tickMs` are looked at once per turn of the wheel.
   * @default DEFAULT_WHEEL_SLOTS
   */
  readonly slots?: number;
}

/** Default granularity. The shortest deadline of the protocol is the 5 s to take an answer (spec section 2.9). */
export const DEFAULT_WHEEL_TICK_MS = 250;
/** 2,048 slots of 250 ms: 8.5 minutes, so that the 5-minute idle limit is one look per connection. */
export const DEFAULT_WHEEL_SLOTS = 2_048;

const FREE = -1;
const INITIAL_CAPACITY = 64;

/**
 * Deadlines of very many connections without a timer for each: entries stand in the slot of the tick at which they
 * are looked at. Moving a deadline later, which every request does, is one store: the entry is re-inserted when its
 * slot comes up. Moving it earlier re-links it. A tick costs what stands in its slot, whatever the number of entries;
 * an entry costs 32 bytes.
 *
 * Promise: every deadline fires exactly once unless removed or moved, not before its time, and at the first
 * {@link DeadlineWheel.advance} at or after the end of its tick.
 *
 * Entries are rows of typed arrays, linked into circular lists. Rows `0 … slots` are the heads of the lists: one per
 * slot, and one for the entries that are being looked at.
 */
export class DeadlineWheel<T> {
  readonly #tickMs: number;
  readonly #slots: number;
  readonly #originMs: number;
  /** The list of the entries under examination. */
  readonly #examined: number;
  #next: Int32Array;
  #previous: Int32Array;
  #deadlineMs: Float64Array;
  /** The tick at which the entry is looked at; FREE for a free row. */
  #lookAtTick: Float64Array;
  readonly #values: (T | undefined)[] = [];
  #firstFree = FREE;
  #rows: number;
  #size = 0;
  /** The last tick that was processed. */
  #tick = 0;

  constructor(options: DeadlineWheelOptions) {
    this.#tickMs = options.tickMs ?? DEFAULT_WHEEL_TICK_MS;
    this.#slots = options.slots ?? DEFAULT_WHEEL_SLOTS;
    if (!(this.#tickMs > 0) || !Number.isInteger(this.#slots) || this.#slots < 2) {
      throw new RangeError('a deadline wheel needs a positive tick and at least two slots');
    }
    this.#originMs = options.startMs;
    this.#examined = this.#slots;
    this.#rows = this.#slots + 1;
    const capacity = this.#rows + INITIAL_CAPACITY;
    this.#next = new Int32Array(capacity);
    this.#previous = new Int32Array(capacity);
    this.#deadlineMs = new Float64Array(capacity);
    this.#lookAtTick = new Float64Array(capacity);
    for (let head = 0; head <= this.#slots; head++) {
      this.#next[head] = head;
      this.#previous[head] = head;
      this.#values.push(undefined);
    }
  }

  /** Number of deadlines that are set. */
  get size(): number {
    return this.#size;
  }

  /** The granularity in milliseconds. */
  get tickMs(): number {
    return this.#tickMs;
  }

  /** Sets a deadline for `value`. */
  add(value: T, deadlineMs: number): DeadlineId {
    const id = this.#allocate();
    this.#values[id] = value;
    this.#deadlineMs[id] = deadlineMs;
    this.#link(id, this.#tickOf(deadlineMs));
    this.#size += 1;
    return id;
  }

  /** Moves a deadline. One comparison and one store when it moves later. */
  move(id: DeadlineId, deadlineMs: number): void {
    const earlier = deadlineMs < this.#deadlineAt(id);
    this.#deadlineMs[id] = deadlineMs;
    if (!earlier) return;
    const tick = this.#tickOf(deadlineMs);
    if (tick >= (this.#lookAtTick[id] ?? 0)) return;
    this.#unlink(id);
    this.#link(id, tick);
  }

  /** Takes a deadline away. The id must not be used afterwards. */
  remove(id: DeadlineId): void {
    this.#deadlineAt(id);
    this.#unlink(id);
    this.#release(id);
  }

  /** The time that a deadline stands at. */
  deadline(id: DeadlineId): number {
    return this.#deadlineAt(id);
  }

  /**
   * Fires what is due at `nowMs`. A deadline is gone when `expired` is called for it, so that `expired` may set a new
   * one; it may also add, move and remove others. When it throws, the rest is looked at again with the next tick.
   */
  advance(nowMs: number, expired: (value: T) => void): void {
    const target = Math.floor((nowMs - this.#originMs) / this.#tickMs);
    if (target <= this.#tick) return;
    const turns = Math.min(target - this.#tick, this.#slots);
    const first = target - turns + 1;
    this.#tick = target;
    for (let tick = first; tick <= target; tick++) this.#detach(tick % this.#slots);
    try {
      for (;;) {
        const id = this.#next[this.#examined] ?? this.#examined;
        if (id === this.#examined) return;
        this.#unlink(id);
        const deadlineMs = this.#deadlineMs[id] ?? 0;
        if (deadlineMs > nowMs) {
          this.#link(id, this.#tickOf(deadlineMs));
          continue;
        }
        const value = this.#values[id] as T;
        this.#release(id);
        expired(value);
      }
    } finally {
      this.#putBack();
    }
  }

  /** The tick at which a deadline has passed for certain, within reach of the wheel. */
  #tickOf(deadlineMs: number): number {
    const tick = Math.ceil((deadlineMs - this.#originMs) / this.#tickMs);
    return Math.min(Math.max(tick, this.#tick + 1), this.#tick + this.#slots - 1);
  }

  #deadlineAt(id: DeadlineId): number {
    if (id <= this.#slots || id >= this.#rows || this.#lookAtTick[id] === FREE) {
      throw new RangeError(`no deadline ${id}`);
    }
    return this.#deadlineMs[id] ?? 0;
  }

  #link(id: number, tick: number): void {
    this.#lookAtTick[id] = tick;
    this.#insertBefore(id, tick % this.#slots);
  }

  #insertBefore(id: number, head: number): void {
    const last = this.#previous[head] ?? head;
    this.#next[last] = id;
    this.#previous[id] = last;
    this.#next[id] = head;
    this.#previous[head] = id;
  }

  #unlink(id: number): void {
    const next = this.#next[id] ?? id;
    const previous = this.#previous[id] ?? id;
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  /** Moves the whole list of a slot behind those under examination. */
  #detach(head: number): void {
    const first = this.#next[head] ?? head;
    if (first === head) return;
    const last = this.#previous[head] ?? head;
    this.#next[head] = head;
    this.#previous[head] = head;
    const end = this.#previous[this.#examined] ?? this.#examined;
    this.#next[end] = first;
    this.#previous[first] = end;
    this.#next[last] = this.#examined;
    this.#previous[this.#examined] = last;
  }

  /** Nothing is left here unless a callback threw. */
  #putBack(): void {
    for (;;) {
      const id = this.#next[this.#examined] ?? this.#examined;
      if (id === this.#examined) return;
      this.#unlink(id);
      this.#link(id, this.#tick + 1);
    }
  }

  #allocate(): number {
    if (this.#firstFree !== FREE) {
      const id = this.#firstFree;
      this.#firstFree = this.#next[id] ?? FREE;
      return id;
    }
    if (this.#rows === this.#next.length) this.#grow();
    this.#values.push(undefined);
    return this.#rows++;
  }

  #release(id: number): void {
    this.#values[id] = undefined;
    this.#lookAtTick[id] = FREE;
    this.#next[id] = this.#firstFree;
    this.#firstFree = id;
    this.#size -= 1;
  }

  #grow(): void {
    const capacity = this.#next.length * 2;
    const next = new Int32Array(capacity);
    next.set(this.#next);
    this.#next = next;
    const previous = new Int32Array(capacity);
    previous.set(this.#previous);
    this.#previous = previous;
    const deadlineMs = new Float64Array(capacity);
    deadlineMs.set(this.#deadlineMs);
    this.#deadlineMs = deadlineMs;
    const lookAtTick = new Float64Array(capacity);
    lookAtTick.set(this.#lookAtTick);
    this.#lookAtTick = lookAtTick;
  }
}

/** Advances a wheel once per tick with a single timer. `clock.monotonic()` is the time of its deadlines. */
export function runDeadlineWheel<T>(
  wheel: DeadlineWheel<T>,
  ports: { readonly clock: Clock; readonly timers: Timers },
  expired: (value: T) => void,
): TimerHandle {
  return ports.timers.every(wheel.tickMs, () => wheel.advance(ports.clock.monotonic(), expired));
}
