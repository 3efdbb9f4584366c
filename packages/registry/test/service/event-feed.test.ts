import { EventBus } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { expect, it } from 'vitest';
import type { RegistryEvent } from '../../src/model/events.ts';
import type { RegistryTopics } from '../../src/registry.ts';
import { EventFeed, FEED_HISTORY, type FeedEntry } from '../../src/service/event-feed.ts';

function fixture(startSeq = 0) {
  const bus = new EventBus<RegistryTopics>({ onListenerError: () => undefined });
  const state = { durable: startSeq, applied: startSeq };
  const feed = new EventFeed({ bus, clock: new ManualClock(1_000), durableSeq: () => state.durable });
  feed.begin();
  const shown: FeedEntry[] = [];
  feed.on((entries) => shown.push(...entries));
  const happen = (...events: readonly RegistryEvent[]): void => {
    state.applied += events.length;
    bus.publish('registry.events', { events, lastSeq: state.applied });
  };
  const sync = (): void => {
    state.durable = state.applied;
    feed.durable();
  };
  return { feed, shown, happen, sync, state };
}

const tagged = (id: number): RegistryEvent => ({ type: 'node.tags', id, tags: ['secret'] });

it('shows events when they are durable, and not before', () => {
  const { feed, shown, happen, sync } = fixture(10);
  happen(tagged(1), tagged(2));
  expect(shown).toEqual([]);
  expect(feed.lastSeq).toBe(10);
  sync();
  expect(shown.map(({ seq, nodeIds }) => [seq, nodeIds])).toEqual([
    [11, [1]],
    [12, [2]],
  ]);
  expect(feed.lastSeq).toBe(12);
});

it('takes over ids alone', () => {
  const { shown, happen, sync } = fixture();
  happen(
    tagged(1),
    { type: 'network.created', id: 3, name: 'n', joinRule: 'token', enterprise: false, creator: 1, at: 0 },
    { type: 'nodes.reaped', ids: [4, 5], at: 0 },
    { type: 'settings.identity_webhook', url: 'https://secret.example' },
    { type: 'lease.granted', resource: 'pull/x', node: 6, token: 1, ttlMs: 1_000, at: 0 },
    { type: 'lease.released', resource: 'pull/x', token: 1, at: 0, why: 'expired' },
  );
  sync();
  expect(shown.map(({ nodeIds, networkId }) => [nodeIds, networkId])).toEqual([
    [[1], undefined],
    [[], 3],
    [[4, 5], undefined],
    [[], undefined],
    [[6], undefined],
    [[], undefined],
  ]);
  expect(shown.at(-1)?.lease).toEqual({ resource: 'pull/x', why: 'expired' });
  expect(JSON.stringify(shown)).not.toContain('secret');
});

it('says what came after a number, or that it does not know', () => {
  const { feed, happen, sync } = fixture(10);
  happen(tagged(1), tagged(2), tagged(3));
  sync();
  expect(feed.since(10)?.map(({ seq }) => seq)).toEqual([11, 12, 13]);
  expect(feed.since(12)?.map(({ seq }) => seq)).toEqual([13]);
  expect(feed.since(13)).toEqual([]);
  expect(feed.since(9)).toBeUndefined();
  expect(feed.since(14)).toBeUndefined();
});

it('keeps a bounded history', () => {
  const { feed, happen, sync } = fixture();
  for (let round = 0; round < 5; round++) {
    happen(...Array.from({ length: FEED_HISTORY }, (_, id) => tagged(id + 1)));
    sync();
  }
  expect(feed.since(feed.lastSeq - FEED_HISTORY)).toHaveLength(FEED_HISTORY);
  expect(feed.since(0)).toBeUndefined();
});
