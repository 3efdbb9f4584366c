/**
 * Pulls for readers that stay (server-sent events): `pulls`, everything, once; then `changes`, whenever there are any.
 *
 * Fault model: a reader may be slow or gone without a word. What waits for it is bounded; beyond that it is cut off, and gets
 * everything anew when it comes back. Without readers nothing is done.
 */

import type { ServerResponse } from 'node:http';
import type { TimerHandle, Timers } from '@muster/core';
import type { LoggedPull, PullTotals } from '../pull-log.ts';

/** Readers at once. */
export const MAX_PULL_READERS = 16;
/** Bytes that a reader may be behind. */
export const MAX_PULL_BACKLOG_BYTES = 1_048_576;
const LOOK_MS = 200;
const HEARTBEAT_MS = 5_000;

/** What the agent gets, and what it keeps. */
export interface PullsReport {
  readonly node: string;
  readonly peerId: string;
  readonly totals: PullTotals;
  readonly store: { readonly objects: number; readonly usedBytes: number; readonly budgetBytes: number };
  readonly pulls: readonly LoggedPull[];
}

export interface PullsSource {
  report(): PullsReport;
  /** As `report`, with those pulls that have changed since the last call. */
  changes(): PullsReport;
}

export class PullStream {
  readonly #source: PullsSource;
  readonly #timers: Timers;
  readonly #readers = new Set<ServerResponse>();
  #ticking: readonly TimerHandle[] = [];
  #last = '';

  constructor(source: PullsSource, timers: Timers) {
    this.#source = source;
    this.#timers = timers;
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** Begins to send to a reader; false when there are too many, and nothing has been written. */
  add(response: ServerResponse): boolean {
    if (this.#readers.size >= MAX_PULL_READERS) return false;
    response.on('error', () => this.#remove(response));
    response.once('close', () => this.#remove(response));
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    response.write(`retry: 1000\n\nevent: pulls\ndata: ${JSON.stringify(this.#source.report())}\n\n`);
    this.#readers.add(response);
    if (this.#ticking.length === 0) this.#start();
    return true;
  }

  stop(): void {
    for (const response of this.#readers) response.end();
    this.#readers.clear();
    this.#pause();
  }

  #start(): void {
    // What has changed while nobody watched is part of the report.
    this.#source.changes();
    this.#ticking = [
      this.#timers.every(LOOK_MS, () => this.#tell()),
      this.#timers.every(HEARTBEAT_MS, () => this.#toAll(': alive\n\n')),
    ];
  }

  #pause(): void {
    for (const timer of this.#ticking) timer.cancel();
    this.#ticking = [];
  }

  #tell(): void {
    const changes = this.#source.changes();
    const figures = JSON.stringify([changes.totals, changes.store]);
    if (changes.pulls.length === 0 && figures === this.#last) return;
    this.#last = figures;
    this.#toAll(`event: changes\ndata: ${JSON.stringify(changes)}\n\n`);
  }

  #toAll(text: string): void {
    for (const response of this.#readers) {
      response.write(text);
      if (response.writableLength <= MAX_PULL_BACKLOG_BYTES) continue;
      this.#remove(response);
      response.destroy();
    }
  }

  #remove(response: ServerResponse): void {
    this.#readers.delete(response);
    if (this.#readers.size === 0) this.#pause();
  }
}
