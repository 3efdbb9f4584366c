/**
 * The events of the daemon for readers that stay (server-sent events). Each event has a number; a reader that comes back
 * with its last one gets what it missed as far as it is kept, and hears of a gap otherwise.
 *
 * Fault model: a reader may be slow or gone without a word. What waits for it is bounded; beyond that it is cut off and
 * costs nothing more. It never slows the daemon.
 */

import type { ServerResponse } from 'node:http';
import type { BusEvent, Clock, EventBus, TimerHandle, Timers } from '@muster/core';
import type { DiscoveryEvents } from '../events.ts';
import { statusErrors } from './errors.ts';
import {
  EVENT_HEARTBEAT_MS,
  EVENT_HISTORY,
  MAX_EVENT_STREAM_BACKLOG_BYTES,
  MAX_EVENT_STREAMS,
} from './limits.ts';

interface NumberedEvent {
  readonly number: number;
  readonly topic: string;
  readonly at: number;
  readonly payload: unknown;
}

interface Reader {
  readonly response: ServerResponse;
  readonly wants: (topic: string) => boolean;
}

export interface EventStreamOptions {
  readonly events: EventBus<DiscoveryEvents>;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Tells the runs of the process apart: numbers begin anew with each. */
  readonly run: string;
}

/** Hands events to all readers. */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #readers = new Set<Reader>();
  readonly #stopListening: () => void;
  readonly #heartbeat: TimerHandle;
  #history: NumberedEvent[] = [];
  #number = 0;
  #cutOff = 0;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#stopListening = options.events.on('*', (event) => this.#take(event));
    this.#heartbeat = options.timers.every(EVENT_HEARTBEAT_MS, () => this.#sayAlive());
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** Readers that were cut off because they were too slow. */
  get cutOffReaders(): number {
    return this.#cutOff;
  }

  /** Begins to send to a reader. Throws `too_many`; nothing has been written then. */
  add(response: ServerResponse, topics: readonly string[], lastEventId: string | undefined): void {
    if (this.#readers.size >= MAX_EVENT_STREAMS) {
      throw statusErrors.create('too_many', `at most ${MAX_EVENT_STREAMS} event streams at once`);
    }
    const reader: Reader = { response, wants: matcher(topics) };
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    });
    response.write('retry: 2000\n\n');
    this.#readers.add(reader);
    response.once('close', () => this.#readers.delete(reader));
    if (lastEventId !== undefined) this.#resume(reader, lastEventId);
  }

  /** Ends all streams. */
  stop(): void {
    this.#stopListening();
    this.#heartbeat.cancel();
    for (const { response } of this.#readers) response.end();
    this.#readers.clear();
  }

  #take({ topic, payload }: BusEvent<DiscoveryEvents>): void {
    this.#number += 1;
    const event: NumberedEvent = { number: this.#number, topic, at: this.#options.clock.now(), payload };
    this.#history.push(event);
    if (this.#history.length >= 2 * EVENT_HISTORY) this.#history = this.#history.slice(-EVENT_HISTORY);
    if (this.#readers.size === 0) return;
    const text = this.#format(event);
    for (const reader of this.#readers) if (reader.wants(topic)) this.#write(reader, text);
  }

  #resume(reader: Reader, lastEventId: string): void {
    const [run, digits = ''] = lastEventId.split('-');
    const last = run === this.#options.run && /^\d+$/.test(digits) ? Number(digits) : -1;
    const oldest = this.#history[0]?.number ?? this.#number + 1;
    if (last < 0 || last > this.#number || last < oldest - 1) {
      this.#write(reader, `id: ${this.#id(this.#number)}\nevent: gap\ndata: {}\n\n`);
      return;
    }
    for (const event of this.#history) {
      if (event.number > last && reader.wants(event.topic)) this.#write(reader, this.#format(event));
    }
  }

  #format({ number, topic, at, payload }: NumberedEvent): string {
    return `id: ${this.#id(number)}\nevent: ${topic}\ndata: ${JSON.stringify({ at, ...(payload as object) })}\n\n`;
  }

  #id(number: number): string {
    return `${this.#options.run}-${number}`;
  }

  #sayAlive(): void {
    for (const reader of this.#readers) this.#write(reader, ': alive\n\n');
  }

  #write(reader: Reader, text: string): void {
    const { response } = reader;
    response.write(text);
    if (response.writableLength <= MAX_EVENT_STREAM_BACKLOG_BYTES) return;
    this.#cutOff += 1;
    this.#readers.delete(reader);
    response.destroy();
  }
}

/** `pool.*`, `search.ended`, or everything when there is no pattern. */
function matcher(patterns: readonly string[]): (topic: string) => boolean {
  if (patterns.length === 0) return () => true;
  return (topic) =>
    patterns.some((pattern) =>
      pattern.endsWith('*') ? topic.startsWith(pattern.slice(0, -1)) : topic === pattern,
    );
}
