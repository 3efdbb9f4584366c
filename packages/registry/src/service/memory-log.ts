import type { EventLog } from '../engine/engine.ts';

/** A log that keeps nothing: for a registry without a data folder, whose state ends with the process. */
export class MemoryLog implements EventLog {
  #seq = 0;
  readonly congested = false;

  get appendedSeq(): number {
    return this.#seq;
  }

  get durableSeq(): number {
    return this.#seq;
  }

  append(entries: readonly unknown[]): number {
    this.#seq += entries.length;
    return this.#seq;
  }
}
