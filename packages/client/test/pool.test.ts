import { beforeEach, describe, expect, it } from 'vitest';
import { clientErrors, type RegistryClientOptions } from '../src/index.ts';
import type { Link, LinkEvents, Slot } from '../src/link.ts';
import { resolveOptions } from '../src/options.ts';
import { Pool } from '../src/pool.ts';
import type { Frame } from '../src/wire/frames.ts';
import { ManualEnvironment, settle } from './manual-environment.ts';

/** A connection that a test answers for. */
class FakeLink implements Link {
  readonly slots: Slot[] = [];
  readonly sent: string[] = [];
  replies = 0;
  ended = false;
  readonly #events: LinkEvents;

  constructor(events: LinkEvents) {
    this.#events = events;
  }

  get unanswered(): number {
    return this.slots.length;
  }

  send(frame: Uint8Array, slot: Slot): void {
    this.sent.push(Buffer.from(frame).toString());
    this.slots.push(slot);
  }

  reply(text: string): void {
    this.replies++;
    const fits = this.slots.shift()?.onReply({ opcode: 0, payload: Buffer.from(text) }) ?? false;
    if (fits) this.#events.onProgress(this);
    else this.destroy(clientErrors.create('PROTOCOL', 'out of step'));
  }

  destroy(error: Error): void {
    if (this.ended) return;
    this.ended = true;
    const slots = this.slots.splice(0);
    this.#events.onLost(this, error);
    for (const slot of slots.toReversed()) slot.onLost(error);
    this.#events.onClosed(this);
  }
}

let environment: ManualEnvironment;
let links: FakeLink[];
let dialErrors: Error[];
let dials: number;

function poolWith(options: Partial<RegistryClientOptions> = {}): Pool {
  return new Pool(resolveOptions({ host: 'registry', ...options }), environment, async (events) => {
    dials++;
    const error = dialErrors.shift();
    if (error !== undefined) throw error;
    const link = new FakeLink(events);
    links.push(link);
    return link;
  });
}

interface Ask {
  readonly text?: string;
  readonly before?: string;
  readonly repeatable?: boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Settles with the reply's text, or with the error's code. */
function ask(
  pool: Pool,
  { text = 'q', before, repeatable = true, timeoutMs = 30_000, signal }: Ask = {},
): Promise<string> {
  return new Promise((resolve) => {
    pool.submit({
      type: 'lookup',
      repeatable,
      timeoutMs,
      signal,
      encode: () => [...(before === undefined ? [] : [before]), text].map((one) => Buffer.from(one)),
      read: (frame: Frame) => {
        const reply = frame.payload.toString();
        return reply === 'nonsense' ? undefined : () => resolve(reply);
      },
      onError: (error) => resolve((error as Error & { code: string }).code),
    });
  });
}

function linkAt(index: number): FakeLink {
  const link = links[index];
  if (link === undefined) throw new Error(`no connection ${index}`);
  return link;
}

const refusedDial = (): Error => clientErrors.create('CONNECT_FAILED', 'refused');
const lost = clientErrors.create('CONNECTION_LOST', 'gone');

beforeEach(() => {
  environment = new ManualEnvironment();
  links = [];
  dialErrors = [];
  dials = 0;
});

describe('Pool', () => {
  it('connects when there is work, and answers in order', async () => {
    const pool = poolWith({ poolSize: 1 });
    expect(dials).toBe(0);
    const answers = [ask(pool, { text: 'a' }), ask(pool, { text: 'b' })];
    await settle();
    expect(linkAt(0).sent).toEqual(['a', 'b']);
    linkAt(0).reply('1');
    linkAt(0).reply('2');
    expect(await Promise.all(answers)).toEqual(['1', '2']);
    expect(environment.pending).toBe(0);
  });

  it('pipelines up to the limit, and queues up to the limit', async () => {
    const pool = poolWith({ poolSize: 1, maxPipelined: 2, maxQueued: 3 });
    const answers = Array.from({ length: 3 }, (_, index) => ask(pool, { text: `${index}` }));
    await settle();
    expect(linkAt(0).sent).toEqual(['0', '1']);
    expect(pool.stats).toEqual({ connections: 1, unanswered: 2, queued: 1, opened: 1, repeated: 0 });
    answers.push(ask(pool, { text: '3' }), ask(pool, { text: '4' }));
    expect(await ask(pool)).toBe('QUEUE_FULL');
    for (let index = 0; index < 5; index++) {
      linkAt(0).reply(`${index}`);
      await settle();
    }
    expect(await Promise.all(answers)).toEqual(['0', '1', '2', '3', '4']);
  });

  it('opens more connections only while there is work for them', async () => {
    const pool = poolWith({ poolSize: 3 });
    const first = ask(pool);
    await settle();
    linkAt(0).reply('ok');
    await first;
    for (let round = 0; round < 3; round++) {
      const next = ask(pool);
      await settle();
      linkAt(0).reply('ok');
      await next;
    }
    expect(dials).toBe(1);
    const many = Array.from({ length: 6 }, () => ask(pool));
    await settle();
    many.push(ask(pool));
    await settle();
    for (const link of links) while (link.unanswered > 0) link.reply('ok');
    await settle();
    for (const link of links) while (link.unanswered > 0) link.reply('ok');
    await Promise.all(many);
    expect(dials).toBeLessThanOrEqual(3);
    expect(dials).toBeGreaterThan(1);
  });

  it('repeats what is repeatable after a lost connection, in order, and nothing else', async () => {
    const pool = poolWith({ poolSize: 1 });
    const answers = [
      ask(pool, { text: 'a' }),
      ask(pool, { text: 'once', repeatable: false }),
      ask(pool, { text: 'b' }),
    ];
    await settle();
    linkAt(0).destroy(lost);
    expect(await answers[1]).toBe('CONNECTION_LOST');
    environment.clock.advance(200);
    await settle();
    expect(linkAt(1).sent).toEqual(['a', 'b']);
    linkAt(1).reply('1');
    linkAt(1).reply('2');
    expect(await Promise.all([answers[0], answers[2]])).toEqual(['1', '2']);
    expect(pool.stats.repeated).toBe(2);
  });

  it('repeats at most maxRepeats times', async () => {
    const pool = poolWith({ poolSize: 1, maxRepeats: 2 });
    const answer = ask(pool);
    for (let attempt = 0; attempt < 3; attempt++) {
      await settle();
      linkAt(attempt).destroy(lost);
      await settle();
      environment.clock.advance(10_000);
    }
    expect(await answer).toBe('CONNECTION_LOST');
    expect(dials).toBe(3);
  });

  it('a request that was only waiting survives any lost connection', async () => {
    const pool = poolWith({ poolSize: 1, maxPipelined: 1, maxRepeats: 0 });
    const first = ask(pool, { text: 'a' });
    const second = ask(pool, { text: 'b', repeatable: false });
    await settle();
    linkAt(0).destroy(lost);
    expect(await first).toBe('CONNECTION_LOST');
    environment.clock.advance(200);
    await settle();
    linkAt(1).reply('ok');
    expect(await second).toBe('ok');
  });

  it('backs off, doubling up to the maximum, with jitter, one attempt at a time', async () => {
    const pool = poolWith({
      poolSize: 8,
      reconnect: { baseDelayMs: 100, maxDelayMs: 1000, jitter: 0.5, maxAttempts: 100 },
    });
    dialErrors = Array.from({ length: 8 }, refusedDial);
    const answers = Array.from({ length: 500 }, () => ask(pool));
    await settle();
    const started = environment.delays.length;
    for (let attempt = 1; attempt <= 8; attempt++) {
      expect(dials).toBe(attempt);
      environment.clock.advance(1000);
      await settle();
    }
    const fullMs = [100, 200, 400, 800, 1000, 1000, 1000];
    const waits = environment.delays.slice(started - 1, started - 1 + fullMs.length);
    expect(new Set(waits.map((wait, index) => wait / (fullMs[index] ?? 1))).size).toBe(fullMs.length);
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeLessThanOrEqual(fullMs[index] ?? 0);
      expect(wait).toBeGreaterThanOrEqual((fullMs[index] ?? 0) / 2);
    }
    while (links.some((link) => link.unanswered > 0)) {
      for (const link of links) while (link.unanswered > 0) link.reply('ok');
      await settle();
    }
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['ok']));
    expect(environment.pending).toBe(0);
  });

  it('does not wait when the last failure is long ago', async () => {
    const pool = poolWith({ reconnect: { maxAttempts: 1 } });
    dialErrors = [refusedDial()];
    expect(await ask(pool)).toBe('CONNECT_FAILED');
    environment.clock.advance(60_000);
    const answer = ask(pool);
    await settle();
    linkAt(0).reply('ok');
    expect(await answer).toBe('ok');
  });

  it('gives up after maxAttempts that a request has seen', async () => {
    const pool = poolWith({ reconnect: { maxAttempts: 3 } });
    dialErrors = Array.from({ length: 9 }, refusedDial);
    const early = ask(pool, { timeoutMs: 1_000_000 });
    await settle();
    environment.clock.advance(10_000);
    await settle();
    const late = ask(pool, { timeoutMs: 1_000_000 });
    environment.clock.advance(10_000);
    expect(await early).toBe('CONNECT_FAILED');
    environment.clock.advance(10_000);
    await settle();
    environment.clock.advance(10_000);
    expect(await late).toBe('CONNECT_FAILED');
    expect(dials).toBe(5);
  });

  it.each(['PIN_MISMATCH', 'TLS_FAILED'] as const)('gives up at once on %s', async (code) => {
    const pool = poolWith();
    dialErrors = [clientErrors.create(code, 'no')];
    expect(await ask(pool)).toBe(code);
    expect(dials).toBe(1);
  });

  it('treats a server that accepts and hangs up as one that is down', async () => {
    const pool = poolWith({ poolSize: 1, maxRepeats: 100, reconnect: { jitter: 0 } });
    const answer = ask(pool, { timeoutMs: 5000 });
    for (let attempt = 0; attempt < 5; attempt++) {
      await settle();
      linkAt(attempt).destroy(lost);
      await settle();
      expect(dials).toBe(attempt + 1);
      environment.clock.advance(200 * 2 ** attempt - 1);
      await settle();
      expect(dials).toBe(attempt + 1);
      environment.clock.advance(1);
    }
    expect(await answer).toBe('TIMEOUT');
  });

  it('a timed-out reply ends the connection; the others move to another one', async () => {
    const pool = poolWith({ poolSize: 1 });
    const slow = ask(pool, { text: 'slow', timeoutMs: 100 });
    const other = ask(pool, { text: 'other' });
    await settle();
    environment.clock.advance(100);
    expect(await slow).toBe('TIMEOUT');
    expect(linkAt(0).ended).toBe(true);
    await settle();
    environment.clock.advance(1000);
    await settle();
    expect(linkAt(1).sent).toEqual(['other']);
    linkAt(1).reply('ok');
    expect(await other).toBe('ok');
  });

  it('a request that times out in the queue harms nobody', async () => {
    const pool = poolWith({ poolSize: 1, maxPipelined: 1 });
    const first = ask(pool, { text: 'first' });
    const second = ask(pool, { text: 'second', timeoutMs: 100 });
    await settle();
    environment.clock.advance(100);
    expect(await second).toBe('TIMEOUT');
    expect(linkAt(0).ended).toBe(false);
    linkAt(0).reply('ok');
    expect(await first).toBe('ok');
    expect(linkAt(0).sent).toEqual(['first']);
  });

  it('an aborted request keeps its place, so that the next reply goes to the next request', async () => {
    const pool = poolWith({ poolSize: 1 });
    const controller = new AbortController();
    const first = ask(pool, { text: 'a', signal: controller.signal });
    const second = ask(pool, { text: 'b' });
    await settle();
    controller.abort();
    expect(await first).toBe('ABORTED');
    linkAt(0).reply('for a');
    linkAt(0).reply('for b');
    expect(await second).toBe('for b');
    expect(environment.pending).toBe(0);
  });

  it('an aborted request that is never answered ends the connection when its time is up', async () => {
    const pool = poolWith({ poolSize: 1 });
    const controller = new AbortController();
    const first = ask(pool, { signal: controller.signal, timeoutMs: 100 });
    await settle();
    controller.abort();
    expect(await first).toBe('ABORTED');
    environment.clock.advance(100);
    expect(linkAt(0).ended).toBe(true);
  });

  it('a request that was aborted before, or in the queue, is never sent', async () => {
    const pool = poolWith({ poolSize: 1, maxPipelined: 1 });
    const controller = new AbortController();
    const first = ask(pool, { text: 'a' });
    const second = ask(pool, { text: 'b', signal: controller.signal });
    await settle();
    controller.abort();
    expect(await second).toBe('ABORTED');
    expect(await ask(pool, { text: 'c', signal: controller.signal })).toBe('ABORTED');
    linkAt(0).reply('ok');
    await first;
    expect(linkAt(0).sent).toEqual(['a']);
  });

  it('a reply to something else ends the connection', async () => {
    const pool = poolWith({ poolSize: 1 });
    const first = ask(pool, { text: 'a' });
    const second = ask(pool, { text: 'b', repeatable: false });
    await settle();
    linkAt(0).reply('nonsense');
    expect(await first).toBe('PROTOCOL');
    expect(await second).toBe('CONNECTION_LOST');
    expect(linkAt(0).ended).toBe(true);
  });

  it('what goes ahead of a request goes on the same connection, each time', async () => {
    const pool = poolWith({ poolSize: 1 });
    const answer = ask(pool, { before: 'proof', text: 'q' });
    await settle();
    expect(linkAt(0).sent).toEqual(['proof', 'q']);
    linkAt(0).reply('proof reply, whatever it is');
    linkAt(0).destroy(lost);
    await settle();
    environment.clock.advance(1000);
    await settle();
    expect(linkAt(1).sent).toEqual(['proof', 'q']);
    linkAt(1).reply('nonsense');
    linkAt(1).reply('ok');
    expect(await answer).toBe('ok');
  });

  it('close settles everything and leaves no timer', async () => {
    const pool = poolWith({ poolSize: 1, maxPipelined: 1 });
    const controller = new AbortController();
    const answers = [ask(pool), ask(pool), ask(pool, { signal: controller.signal })];
    await settle();
    await Promise.all([pool.close(), pool.close()]);
    expect(await Promise.all(answers)).toEqual(['CLOSED', 'CLOSED', 'CLOSED']);
    expect(await ask(pool)).toBe('CLOSED');
    expect(linkAt(0).ended).toBe(true);
    expect(environment.pending).toBe(0);
  });

  it('close during back-off', async () => {
    const pool = poolWith();
    dialErrors = [refusedDial()];
    const answer = ask(pool);
    await settle();
    expect(environment.pending).toBe(2);
    await pool.close();
    expect(await answer).toBe('CLOSED');
    expect(environment.pending).toBe(0);
  });
});
