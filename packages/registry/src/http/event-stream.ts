/**
 * Server-sent events for readers that stay. What there is to tell comes from a source that numbers it; a reader that comes back
 * with its last number gets what it missed, or hears of a gap.
 *
 * Fault model: a reader may be slow or gone without a word. What waits for it is bounded; beyond that it is cut off and costs
 * nothing more. It never slows the registry.
 */

import type { ServerResponse } from 'node:http';
import type { TimerHandle, Timers } from '@muster/core';
import { httpErrors } from './errors.ts';
import { EVENT_HEARTBEAT_MS, MAX_EVENT_BACKLOG_BYTES, MAX_EVENT_READERS } from './limits.ts';

/** One event, as it is sent. */
export interface SentEvent {
  readonly id: number;
  readonly name: string;
  readonly data: object;
}

/** What there is to tell. */
export interface EventSource {
  /** Number of the last event that was told. */
  readonly lastId: number;
  /** Undefined: not known any more. */
  since(id: number): Iterable<SentEvent> | undefined;
}

/** A reader, and from where on it wants to read. */
export interface ReaderOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly source: EventSource;
  /** As the reader sent it. */
  readonly lastId: string | undefined;
}

/** Hands events to all readers. */
export class EventStream {
  readonly #readers = new Set<ServerResponse>();
  readonly #heartbeat: TimerHandle;
  #cutOff = 0;
  #stopped = false;

  constructor(timers: Timers) {
    this.#heartbeat = timers.every(EVENT_HEARTBEAT_MS, () => this.#toAll(': alive\n\n'));
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** Readers that were cut off because they were too slow. */
  get cutOffReaders(): number {
    return this.#cutOff;
  }

  /** Begins to send to a reader. Throws `too_many_readers`; nothing has been written then. */
  add(response: ServerResponse, options: ReaderOptions): void {
    if (this.#stopped || this.#readers.size >= MAX_EVENT_READERS) {
      throw httpErrors.create('too_many_readers', `at most ${MAX_EVENT_READERS} readers of events at once`);
    }
    response.on('error', () => this.#readers.delete(response));
    response.once('close', () => this.#readers.delete(response));
    response.writeHead(200, {
      ...options.headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    });
    this.#readers.add(response);
    this.#write(response, `retry: 2000\n\n${[...firstEvents(options)].map(format).join('')}`);
  }

  /** Sends events to all readers; they are made only when there is one. */
  send(events: () => Iterable<SentEvent>): void {
    if (this.#readers.size === 0) return;
    this.#toAll([...events()].map(format).join(''));
  }

  /** Ends all streams, and takes no more. */
  stop(): void {
    this.#stopped = true;
    this.#heartbeat.cancel();
    for (const response of this.#readers) response.end();
    this.#readers.clear();
  }

  #toAll(text: string): void {
    for (const response of this.#readers) this.#write(response, text);
  }

  #write(response: ServerResponse, text: string): void {
    response.write(text);
    if (response.writableLength <= MAX_EVENT_BACKLOG_BYTES) return;
    this.#cutOff += 1;
    this.#readers.delete(response);
    response.destroy();
  }
}

/** What was missed; or where the reader is, so that it can come back even if nothing happens meanwhile. */
function firstEvents({ source, lastId }: ReaderOptions): Iterable<SentEvent> {
  if (lastId === undefined) return [{ id: source.lastId, name: 'hello', data: {} }];
  const missed = /^\d{1,15}$/.test(lastId) ? source.since(Number(lastId)) : undefined;
  return missed ?? [{ id: source.lastId, name: 'gap', data: {} }];
}

function format({ id, name, data }: SentEvent): string {
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
