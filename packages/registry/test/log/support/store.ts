import type { MusterError } from '@muster/core';
import type { FaultStorage } from '@muster/core/testing';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { openLog } from '../../../src/log/index.ts';
import type { Durability, Log, LogOptions, RecoveryReport } from '../../../src/log/index.ts';

export const DIRECTORY = '/data/store';

/** What the state of these tests is: the text of every record so far, in order. */
export class TextState {
  readonly texts: string[] = [];
  readonly restore = {
    snapshotBlock: (kind: number, bytes: Uint8Array): void => {
      if (kind !== 7) throw new Error(`block of kind ${kind}`);
      const text = Buffer.from(bytes).toString('utf8');
      if (text.length > 0) this.texts.push(...text.split('\n'));
    },
    record: (seq: number, type: number, payload: Uint8Array): void => {
      if (seq !== this.texts.length + 1) throw new Error(`record ${seq} after ${this.texts.length}`);
      this.texts.push(`${type}:${Buffer.from(payload).toString('utf8')}`);
    },
  };

  /** The first `count` records as snapshot blocks, three texts each. */
  *blocks(count: number): Generator<{ kind: number; bytes: Uint8Array }> {
    for (let at = 0; at < count; at += 3) {
      yield { kind: 7, bytes: Buffer.from(this.texts.slice(at, Math.min(count, at + 3)).join('\n')) };
    }
  }
}

export interface Acknowledgement {
  /** How many changes the storage had carried out. */
  readonly changes: number;
  readonly seq: number;
}

export interface SessionOptions {
  readonly durability?: Durability;
  readonly segmentBytes?: number;
  readonly recover?: boolean;
  /** Another seed makes another store. */
  readonly seed?: number;
  readonly maxRecordBytes?: number;
  readonly maxPendingBytes?: number;
}

/** A store that is open, with everything that is known about what must survive. */
export class Session {
  readonly storage: FaultStorage;
  readonly clock = new ManualClock();
  readonly options: SessionOptions;
  readonly acknowledgements: Acknowledgement[] = [];
  readonly fatal: MusterError[] = [];
  state = new TextState();
  report: RecoveryReport | undefined;
  #log: Log | undefined;
  #number = 0;

  constructor(storage: FaultStorage, options: SessionOptions = {}) {
    this.storage = storage;
    this.options = options;
  }

  get log(): Log {
    if (this.#log === undefined) throw new Error('not open');
    return this.#log;
  }

  get durableSeq(): number {
    return this.acknowledgements.at(-1)?.seq ?? 0;
  }

  /** The highest sequence number that was called durable before change number `changes + 1`. */
  acknowledgedAfter(changes: number): number {
    let seq = 0;
    for (const ack of this.acknowledgements) if (ack.changes <= changes) seq = Math.max(seq, ack.seq);
    return seq;
  }

  logOptions(): LogOptions {
    return {
      storage: this.storage,
      clock: this.clock,
      timers: this.clock,
      random: seededRandom(this.options.seed ?? 1),
      directory: DIRECTORY,
      durability: this.options.durability ?? 'batch',
      segmentBytes: this.options.segmentBytes ?? 600,
      recover: this.options.recover ?? false,
      schedule: queueMicrotask,
      ...(this.options.maxRecordBytes === undefined ? {} : { maxRecordBytes: this.options.maxRecordBytes }),
      ...(this.options.maxPendingBytes === undefined
        ? {}
        : { maxPendingBytes: this.options.maxPendingBytes }),
      onDurable: (seq) => this.acknowledgements.push({ changes: this.storage.journal.length, seq }),
      onFatal: (error) => this.fatal.push(error),
    };
  }

  /** Opens the store; what it holds replaces the state. */
  async open(): Promise<void> {
    const state = new TextState();
    const { log, report } = await openLog(this.logOptions(), state.restore);
    this.#log = log;
    this.report = report;
    this.state = state;
  }

  /** Appends `count` records as one, without waiting. */
  append(count: number): number {
    const texts = Array.from({ length: count }, () => this.#text());
    const seq = this.log.append(texts.map((text, i) => ({ type: i, payload: Buffer.from(text) })));
    this.state.texts.push(...texts.map((text, i) => `${i}:${text}`));
    return seq;
  }

  async snapshot(): Promise<void> {
    const seq = this.log.appendedSeq;
    await this.log.writeSnapshot({ seq, blocks: this.state.blocks(seq) });
  }

  #text(): string {
    const number = ++this.#number;
    return `text ${this.state.texts.length + 1}/${number} ${'x'.repeat((number * 37) % 120)}`;
  }
}

/** Opens what is on a storage and says what it holds. */
export async function recovered(storage: FaultStorage, options: SessionOptions = {}): Promise<Session> {
  const session = new Session(storage, options);
  await session.open();
  return session;
}

/** Checks that what was found is a beginning of what was appended, and holds at least what was acknowledged. */
export function expectPrefix(
  found: readonly string[],
  appended: readonly string[],
  atLeast: number,
  where: string,
): void {
  const same = found.every((text, index) => text === appended[index]);
  if (same && found.length >= atLeast && found.length <= appended.length) return;
  throw new Error(
    `${where}: found ${JSON.stringify(found)} of ${JSON.stringify(appended)}, needed ${atLeast}`,
  );
}

/** Lets pending callbacks run until something is so. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns === 10_000) throw new Error(`waited in vain for ${condition.toString()}`);
    await Promise.resolve();
  }
}
