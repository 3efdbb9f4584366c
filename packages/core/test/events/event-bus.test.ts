import { describe, expect, expectTypeOf, test } from 'vitest';
import { EventBus } from '../../src/index.ts';

interface Topics {
  'audit.entry': { action: string };
  'node.recovered': { nodeId: number };
  'node.gone': { nodeId: number };
}

function newBus(errors: unknown[] = []): EventBus<Topics> {
  return new EventBus<Topics>({ onListenerError: (error) => errors.push(error) });
}

describe('listeners', () => {
  test('hear the topics of their pattern, in order, before publish returns', () => {
    const bus = newBus();
    const heard: string[] = [];
    bus.on('node.*', (event) => {
      expectTypeOf(event.topic).toEqualTypeOf<'node.recovered' | 'node.gone'>();
      heard.push(`node.* ${event.topic}`);
    });
    bus.on('audit.entry', ({ payload }) => heard.push(`audit ${payload.action}`));
    bus.on('*', ({ topic }) => heard.push(`* ${topic}`));
    bus.publish('node.gone', { nodeId: 7 });
    bus.publish('audit.entry', { action: 'x' });
    expect(heard).toEqual(['node.* node.gone', '* node.gone', 'audit x', '* audit.entry']);
    expect(bus.publishedEvents).toBe(2);
    expect([...bus.publishedByTopic]).toEqual([
      ['node.gone', 1],
      ['audit.entry', 1],
    ]);
  });

  test('can be removed, also while an event is delivered', () => {
    const bus = newBus();
    let calls = 0;
    const stop = bus.on('*', () => {
      calls += 1;
      stop();
    });
    bus.publish('node.gone', { nodeId: 1 });
    bus.publish('node.gone', { nodeId: 1 });
    expect(calls).toBe(1);
  });

  test('that throw do not disturb the publisher or the others', () => {
    const errors: unknown[] = [];
    const bus = newBus(errors);
    let calls = 0;
    bus.on('*', () => {
      throw new Error('broken');
    });
    bus.on('*', () => (calls += 1));
    bus.publish('node.gone', { nodeId: 1 });
    expect(calls).toBe(1);
    expect(errors).toEqual([new Error('broken')]);
  });
});

describe('subscriptions', () => {
  test('iterate what came before and after, until stopped', async () => {
    const bus = newBus();
    const subscription = bus.subscribe('node.gone');
    bus.publish('node.gone', { nodeId: 1 });
    const seen: number[] = [];
    const reader = (async () => {
      for await (const { payload } of subscription) {
        seen.push(payload.nodeId);
        if (payload.nodeId === 1) bus.publish('node.gone', { nodeId: 2 });
        if (payload.nodeId === 2) queueMicrotask(() => bus.publish('node.gone', { nodeId: 3 }));
        if (payload.nodeId === 3) queueMicrotask(() => subscription.stop());
      }
    })();
    await reader;
    bus.publish('node.gone', { nodeId: 4 });
    expect(seen).toEqual([1, 2, 3]);
  });

  test('drop, counted, what does not fit the buffer; what fits is kept in order', async () => {
    const bus = newBus();
    const subscription = bus.subscribe('*', { bufferedEvents: 3 });
    for (let nodeId = 0; nodeId < 5; nodeId++) bus.publish('node.gone', { nodeId });
    expect(subscription.droppedEvents).toBe(2);
    expect(bus.droppedEvents).toBe(2);
    subscription.stop();
    const seen: unknown[] = [];
    for await (const event of subscription) seen.push(event.payload);
    expect(seen).toEqual([{ nodeId: 0 }, { nodeId: 1 }, { nodeId: 2 }]);
  });

  test('the buffer is 1024 events by default', () => {
    const bus = newBus();
    const subscription = bus.subscribe('*');
    for (let nodeId = 0; nodeId < 1025; nodeId++) bus.publish('node.gone', { nodeId });
    expect(subscription.droppedEvents).toBe(1);
  });

  test('leaving the loop ends the subscription, and so does the signal', async () => {
    const bus = newBus();
    const left = bus.subscribe('*', { bufferedEvents: 1 });
    bus.publish('node.gone', { nodeId: 1 });
    for await (const event of left) {
      expect(event.topic).toBe('node.gone');
      break;
    }
    const controller = new AbortController();
    const aborted = bus.subscribe('*', { bufferedEvents: 1, signal: controller.signal });
    controller.abort();
    for (let nodeId = 0; nodeId < 3; nodeId++) bus.publish('node.gone', { nodeId });
    expect(bus.droppedEvents).toBe(0);
    expect(aborted.droppedEvents).toBe(0);
    for await (const _ of aborted) expect.unreachable();
  });
});
