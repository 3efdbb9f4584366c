import { type Live, lost, receive, type Received, retryDelayMs } from '../model/live.ts';
import { SseParser } from '../model/sse-parser.ts';

/** A server sends something, at least a comment, every five seconds; after this long in silence it is lost. */
export const SILENCE_MS = 15_000;

/** Where the connection puts what it learns. */
export interface LiveHolder {
  live: Live;
  /** Told of every change. */
  changed(received: Extract<Received, { kind: 'changed' }> | undefined): void;
}

/**
 * Keeps one stream of server-sent events open, for ever: reads it, applies it, opens it again when it ends, is silent, or sends
 * what cannot be read. The stream is read with `fetch`, not `EventSource`, which hides what a server answered and does not notice
 * that it has fallen silent.
 */
export class Connection {
  readonly #url: string;
  readonly #holder: LiveHolder;
  #attempt = 1;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, holder: LiveHolder) {
    this.#url = url;
    this.#holder = holder;
  }

  start(): void {
    void this.#open();
  }

  /** Tries now, not when the pause is over. */
  retryNow(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    void this.#open();
  }

  async #open(): Promise<void> {
    this.#timer = undefined;
    const controller = new AbortController();
    try {
      const problem = await this.#read(controller);
      if (problem !== undefined) this.#lost(problem);
    } catch (error) {
      this.#lost(problemOf(error, controller.signal));
    } finally {
      controller.abort();
    }
  }

  /** Reads until the stream ends; returns why, or undefined when there is no use in trying again. */
  async #read(controller: AbortController): Promise<string | undefined> {
    let silence = setTimeout(() => controller.abort(new Error('silent')), SILENCE_MS);
    try {
      const response = await fetch(this.#url, {
        headers: { accept: 'text/event-stream' },
        cache: 'no-store',
        signal: controller.signal,
      });
      if (!response.ok || response.body === null) return `the page server answered ${response.status}`;
      if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream'))
        return 'what answers is not a page server';
      const parser = new SseParser();
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return 'the page server ended the connection';
        clearTimeout(silence);
        silence = setTimeout(() => controller.abort(new Error('silent')), SILENCE_MS);
        for (const { type, data } of parser.feed(decoder.decode(value, { stream: true }))) {
          const outcome = this.#take(type, data);
          if (outcome !== 'go on') return outcome;
        }
      }
    } finally {
      clearTimeout(silence);
    }
  }

  #take(type: string, data: string): string | undefined {
    const received = receive(this.#holder.live, type, data, Date.now());
    switch (received.kind) {
      case 'changed':
        this.#attempt = 1;
        this.#holder.live = received.live;
        this.#holder.changed(received);
        return 'go on';
      case 'ignored':
        return 'go on';
      case 'mismatch':
        this.#holder.live = received.live;
        this.#holder.changed(undefined);
        return undefined;
      case 'gap':
        return 'a change was missed; asking for everything again';
      case 'malformed':
        return `the page server sent what cannot be read: ${received.why}`;
      default:
        return received satisfies never;
    }
  }

  #lost(problem: string): void {
    const now = Date.now();
    const delay = retryDelayMs(this.#attempt, Math.random());
    this.#holder.live = lost(this.#holder.live, problem, this.#attempt, now + delay, now);
    this.#attempt++;
    this.#timer = setTimeout(() => void this.#open(), delay);
    this.#holder.changed(undefined);
  }
}

function problemOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return `nothing came for ${SILENCE_MS / 1000} s`;
  if (error instanceof RangeError) return `the page server sent what cannot be read: ${error.message}`;
  return 'the page server cannot be reached';
}
