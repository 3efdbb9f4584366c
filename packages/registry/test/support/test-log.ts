import type { EventLog } from '../../src/engine/engine.ts';

/** One appended record, as the disk would hold it. */
export interface StoredRecord {
  readonly seq: number;
  readonly type: number;
  readonly payload: Buffer;
}

/** A log in memory that keeps what it was given, and whose disk the test can stall or break. */
export class TestLog implements EventLog {
  readonly records: StoredRecord[] = [];
  congested = false;
  /** Thrown by the next append. */
  failure: Error | undefined;
  #durable: number | undefined;

  get appendedSeq(): number {
    return this.records.length;
  }

  get durableSeq(): number {
    return this.#durable ?? this.records.length;
  }

  /** Nothing that is appended from now on becomes durable, until {@link resume}. */
  stall(): void {
    this.#durable = this.records.length;
  }

  resume(): void {
    this.#durable = undefined;
  }

  append(entries: readonly { readonly type: number; readonly payload: Uint8Array }[]): number {
    if (this.failure !== undefined) {
      const { failure } = this;
      this.failure = undefined;
      throw failure;
    }
    for (const { type, payload } of entries) {
      this.records.push({ seq: this.records.length + 1, type, payload: Buffer.from(payload) });
    }
    return this.records.length;
  }
}
