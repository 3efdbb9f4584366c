import { type IncomingMessage, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { applyDelta, type FleetDelta, type FleetSnapshot, type FleetState, stateOf } from '@muster/dashboard';
import { onTestFinished } from 'vitest';
import { EventParser } from '../../src/fleet-view/collect/view-http.ts';
import { type Page, type PageOptions, startPage } from '../../src/fleet-view/index.ts';

/** Waits for a condition that may need real time; throws when it does not come true within the bound. */
export async function eventually(condition: () => boolean, what: string, boundMs = 20_000): Promise<void> {
  const giveUpAt = performance.now() + boundMs;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`gave up waiting until ${what}`);
    await pause(5);
  }
}

/** A page that is served until the test ends. */
export async function servedPage(options: Partial<PageOptions> = {}): Promise<Page> {
  const page = await startPage({ title: 'a fleet', version: '0.0.0', port: 0, ...options });
  onTestFinished(async () => await page.close());
  return page;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** One request as it stands, with any path, method and headers. */
export async function ask(
  page: Page,
  path: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  } = {},
): Promise<Answer> {
  const { port, hostname } = new URL(page.url);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request(
      { host: hostname, port, path, method: options.method ?? 'GET', headers: options.headers, agent: false },
      resolve,
    );
    asked.once('error', reject);
    asked.end(options.body);
  });
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk as string;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** Somebody who follows a page, as a browser would. */
export class PageReader {
  readonly events: string[] = [];
  state: FleetState | undefined;
  lastEventId: string | undefined;
  #asked: ReturnType<typeof request> | undefined;
  #response: IncomingMessage | undefined;

  /** Follows from now on, or from an earlier event, until the test ends. */
  static async open(page: Page, lastEventId?: string): Promise<PageReader> {
    const reader = new PageReader();
    const { port, hostname } = new URL(page.url);
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = request({ host: hostname, port, path: '/api/events', headers, agent: false }, resolve);
      asked.on('error', reject).end();
      reader.#asked = asked;
    });
    reader.#response = response;
    response.on('error', () => undefined);
    const parser = new EventParser(({ name, id, data }) => reader.#take(name, id, data));
    response.setEncoding('utf8').on('data', (text: string) => parser.push(text));
    onTestFinished(() => reader.leave());
    return reader;
  }

  /** Resolves with the state once it is as it should be. */
  async until(what: string, condition: (state: FleetState) => boolean): Promise<FleetState> {
    await eventually(() => this.state !== undefined && condition(this.state), what);
    return this.state as FleetState;
  }

  get isOver(): boolean {
    return this.#response?.destroyed ?? true;
  }

  /** Takes nothing any more, and does not say so. */
  stall(): void {
    this.#response?.pause();
  }

  leave(): void {
    this.#asked?.destroy();
  }

  #take(name: string, id: string | undefined, data: string): void {
    this.events.push(name);
    this.lastEventId = id;
    if (name === 'snapshot') this.state = stateOf(JSON.parse(data) as FleetSnapshot);
    if (name !== 'delta' || this.state === undefined) return;
    const after = applyDelta(this.state, JSON.parse(data) as FleetDelta);
    if (after === undefined) throw new Error('a gap without a snapshot');
    this.state = after;
  }
}
