import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { EventBus } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { expect, test } from 'vitest';
import type { DiscoveryEvents } from '../../src/events.ts';
import { EventStream } from '../../src/http/event-stream.ts';
import { EVENT_HEARTBEAT_MS, EVENT_HISTORY, MAX_EVENT_STREAM_BACKLOG_BYTES } from '../../src/http/limits.ts';

const GREETING = 'retry: 2000\n\n';

/** A response whose reader takes nothing until it is told to. */
class SlowResponse extends EventEmitter {
  text = '';
  writableLength = 0;
  destroyed = false;
  ended = false;

  writeHead(): void {}

  write(text: string): boolean {
    this.text += text;
    this.writableLength += text.length;
    return true;
  }

  /** As a reader that takes everything. */
  take(): string {
    const text = this.text;
    this.text = '';
    this.writableLength = 0;
    return text;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function setUp(): {
  clock: ManualClock;
  events: EventBus<DiscoveryEvents>;
  stream: EventStream;
  add: () => SlowResponse;
  resume: (lastEventId: string) => string;
} {
  const clock = new ManualClock();
  const events = new EventBus<DiscoveryEvents>({
    onListenerError: (error) => expect.unreachable(String(error)),
  });
  const stream = new EventStream({ events, clock, timers: clock, run: 'run' });
  return {
    clock,
    events,
    stream,
    add: () => {
      const response = new SlowResponse();
      stream.add(response as unknown as ServerResponse, [], undefined);
      expect(response.take()).toBe(GREETING);
      return response;
    },
    resume: (lastEventId) => {
      const response = new SlowResponse();
      stream.add(response as unknown as ServerResponse, [], lastEventId);
      const text = response.take();
      response.destroy();
      return text.slice(GREETING.length);
    },
  };
}

test('a reader that takes nothing is cut off at the bound, others go on', () => {
  const { events, stream, add } = setUp();
  const slow = add();
  const quick = add();
  const note = 'x'.repeat(10_000);
  for (let sent = 0; sent < 2 * MAX_EVENT_STREAM_BACKLOG_BYTES; sent += note.length) {
    events.publish('suspicion', { peer: 'p', cause: note });
    quick.take();
  }
  expect(slow.destroyed).toBe(true);
  expect(slow.writableLength).toBeLessThan(MAX_EVENT_STREAM_BACKLOG_BYTES + 2 * note.length);
  expect(stream.cutOffReaders).toBe(1);
  expect(stream.readerCount).toBe(1);
  events.publish('pool.discharged', { peer: 'q' });
  expect(quick.take()).toContain('"peer":"q"');
});

test('says that it is alive', () => {
  const { clock, add, stream } = setUp();
  const reader = add();
  clock.advance(EVENT_HEARTBEAT_MS);
  expect(reader.take()).toBe(': alive\n\n');
  stream.stop();
  expect(reader.ended).toBe(true);
  clock.advance(EVENT_HEARTBEAT_MS);
  expect(reader.take()).toBe('');
});

test('a reader that comes back gets what is kept, or hears of the gap', () => {
  const { events, resume } = setUp();
  for (let number = 1; number <= 3 * EVENT_HISTORY; number += 1)
    events.publish('pool.discharged', { peer: `${number}` });
  const last = 3 * EVENT_HISTORY;
  const resumed = resume(`run-${last - 2}`);
  expect(resumed.match(/^id: .*$/gm)).toEqual([`id: run-${last - 1}`, `id: run-${last}`]);
  expect(resume(`run-${last}`)).toBe('');
  for (const id of ['run-1', `run-${last + 1}`, 'other-5', 'run-', 'nonsense', '']) {
    expect(resume(id), id).toBe(`id: run-${last}\nevent: gap\ndata: {}\n\n`);
  }
});
