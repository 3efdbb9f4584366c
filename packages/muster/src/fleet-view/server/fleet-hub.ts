/**
 * Drives the model of a fleet and hands what it tells to readers: every change is made to text once, however many readers there
 * are.
 *
 * Fault model: a reader may be slow or gone without a word. What waits for it is bounded; beyond that it is cut off, and comes
 * back with the number of the last delta that it has: then it gets what it missed, or a new snapshot.
 */
import type { ServerResponse } from 'node:http';
import type { Clock, TimerHandle, Timers } from '@muster/core';
import { FleetModel } from '../model/fleet-model.ts';
import type { ViewInput } from '../model/inputs.ts';
import { pageErrors } from './errors.ts';
import {
  DELTA_BYTES_KEPT,
  DELTA_INTERVAL_MS,
  DELTAS_KEPT,
  MAX_PAGE_READERS,
  MAX_READER_BACKLOG_BYTES,
  PAGE_HEARTBEAT_MS,
} from './limits.ts';

const TICK_MS = 1_000;

interface Reader {
  readonly response: ServerResponse;
  /** Bytes that may wait for it. */
  allowance: number;
}

export interface FleetHubOptions {
  readonly title: string;
  readonly version: string;
  readonly clock: Clock;
  readonly timers: Timers;
}

export class FleetHub {
  readonly model: FleetModel;
  readonly #clock: Clock;
  readonly #timers: readonly TimerHandle[];
  readonly #readers = new Set<Reader>();
  #history: { readonly seq: number; readonly text: string }[] = [];
  #historyBytes = 0;
  #snapshot: { readonly seq: number; readonly text: string } | undefined;
  #cutOff = 0;
  #sentBytes = 0;

  constructor({ title, version, clock, timers }: FleetHubOptions) {
    this.#clock = clock;
    // Grows faster than deltas are made, so that no number of an earlier run is taken for one of this run.
    const firstSeq = Math.floor(clock.now() / DELTA_INTERVAL_MS);
    this.model = new FleetModel({ title, version, firstSeq });
    this.#timers = [
      timers.every(DELTA_INTERVAL_MS, () => this.#tell()),
      timers.every(TICK_MS, () => this.model.tick(clock.now())),
      timers.every(PAGE_HEARTBEAT_MS, () => this.#toAll(': alive\n\n')),
    ];
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** Readers that were cut off because they were too slow. */
  get cutOffReaders(): number {
    return this.#cutOff;
  }

  /** Bytes handed to all readers so far. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Takes in what a collector says. */
  take(input: ViewInput): void {
    this.model.take(input, this.#clock.now());
  }

  /** The fleet as JSON, as of the last delta. */
  snapshotText(): string {
    const { seq } = this.model;
    if (this.#snapshot?.seq !== seq) {
      this.#snapshot = { seq, text: JSON.stringify(this.model.snapshot(this.#clock.now())) };
    }
    return this.#snapshot.text;
  }

  /** Begins to send to a reader. Throws PAGE_FULL; nothing has been written then. */
  follow(response: ServerResponse, lastEventId: string | undefined): void {
    if (this.#readers.size >= MAX_PAGE_READERS) {
      throw pageErrors.create('PAGE_FULL', `at most ${MAX_PAGE_READERS} readers at once`);
    }
    const reader: Reader = { response, allowance: MAX_READER_BACKLOG_BYTES };
    response.on('error', () => this.#readers.delete(reader));
    response.once('close', () => this.#readers.delete(reader));
    response.on('drain', () => {
      reader.allowance = MAX_READER_BACKLOG_BYTES;
    });
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    });
    this.#readers.add(reader);
    const text = this.#missed(lastEventId) ?? this.#snapshotEvent();
    reader.allowance = Buffer.byteLength(text) + MAX_READER_BACKLOG_BYTES;
    this.#write(reader, `retry: 1000\n\n${text}`);
  }

  /** Ends all streams. */
  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    for (const { response } of this.#readers) response.end();
    this.#readers.clear();
  }

  #tell(): void {
    const delta = this.model.delta(this.#clock.now());
    if (delta === undefined) return;
    const text = `event: delta\nid: ${delta.seq}\ndata: ${JSON.stringify(delta)}\n\n`;
    this.#history.push({ seq: delta.seq, text });
    this.#historyBytes += text.length;
    while (this.#history.length > DELTAS_KEPT || this.#historyBytes > DELTA_BYTES_KEPT) {
      this.#historyBytes -= this.#history.shift()?.text.length ?? 0;
    }
    this.#toAll(text);
  }

  #snapshotEvent(): string {
    return `event: snapshot\nid: ${this.model.seq}\ndata: ${this.snapshotText()}\n\n`;
  }

  /** The deltas after a number; undefined when they are not all kept. */
  #missed(lastEventId: string | undefined): string | undefined {
    if (lastEventId === undefined || !/^\d{1,15}$/.test(lastEventId)) return undefined;
    const last = Number(lastEventId);
    const { seq } = this.model;
    if (last > seq) return undefined;
    if (last === seq) return '';
    const first = this.#history[0]?.seq;
    if (first === undefined || last < first - 1) return undefined;
    return this.#history
      .filter((delta) => delta.seq > last)
      .map(({ text }) => text)
      .join('');
  }

  #toAll(text: string): void {
    for (const reader of this.#readers) this.#write(reader, text);
  }

  #write(reader: Reader, text: string): void {
    const { response } = reader;
    response.write(text);
    this.#sentBytes += text.length;
    if (response.writableLength <= reader.allowance) return;
    this.#cutOff += 1;
    this.#readers.delete(reader);
    response.destroy();
  }
}
