import { EventBus, recordingLogger } from '@muster/core';
import { expect, test } from 'vitest';
import type { DiscoveryEvents } from '../../src/events.ts';
import { logEvents, SearchLog } from '../../src/observability/index.ts';

function bus(): EventBus<DiscoveryEvents> {
  return new EventBus<DiscoveryEvents>({ onListenerError: (error) => expect.unreachable(String(error)) });
}

test('what matters stands out, with the facts of the event', () => {
  const events = bus();
  const logger = recordingLogger();
  const stop = logEvents(events, logger);
  events.publish('pool.evicted', { peer: 'p', reason: 'hard-evidence' });
  events.publish('pool.evicted', { peer: 'p', reason: 'score', score: 10 });
  events.publish('heartbeat.outcome', { peer: 'p', outcome: 'ok' });
  events.publish('heartbeat.outcome', { peer: 'p', outcome: 'silent' });
  events.publish('behaviour.banned', { peer: 'p', forMs: 1 });
  events.publish('score.updated', { peer: 'p', score: 1, confidence: 1, terms: {} as never });
  stop();
  events.publish('pool.discharged', { peer: 'p' });
  expect(logger.entries.map(({ level, message }) => [level, message])).toEqual([
    ['warn', 'pool.evicted'],
    ['info', 'pool.evicted'],
    ['debug', 'heartbeat.outcome'],
    ['warn', 'heartbeat.outcome'],
    ['warn', 'behaviour.banned'],
    ['debug', 'score.updated'],
  ]);
  expect(logger.entries[1]?.fields).toEqual({ event: 'pool.evicted', peer: 'p', reason: 'score', score: 10 });
});

test('keys of the hash table are named by their namespace alone', () => {
  const events = bus();
  const logger = recordingLogger();
  logEvents(events, logger);
  events.publish('dht.put', { key: '/node/0b0e4c7e', ok: true, ms: 1 });
  expect(logger.entries[0]?.fields).toMatchObject({ key: '/node' });
});

test('searches that run and that ended, newest first and bounded', () => {
  const events = bus();
  let now = 1_000;
  const log = new SearchLog(events, () => now);
  events.publish('search.started', { side: 'node', query: 'a' });
  events.publish('search.hits', { side: 'node', query: 'a', hits: 2 });
  events.publish('search.hits', { side: 'indexer', query: 'a', hits: 5 });
  expect(log.running).toEqual([{ side: 'node', query: 'a', startedAt: 1_000, hits: 2 }]);
  now = 2_000;
  events.publish('search.ended', { side: 'node', query: 'a', reason: 'idle', hits: 2, ms: 1_000 });
  expect(log.running).toEqual([]);
  expect(log.ended).toEqual([
    { side: 'node', query: 'a', startedAt: 1_000, hits: 2, endedAt: 2_000, reason: 'idle' },
  ]);
  for (let query = 0; query < 2_000; query += 1) {
    events.publish('search.started', { side: 'indexer', query: `q${query}` });
  }
  expect(log.running.length).toBeLessThanOrEqual(512);
  for (let query = 0; query < 2_000; query += 1) {
    events.publish('search.ended', { side: 'indexer', query: `q${query}`, reason: 'cap', hits: 0, ms: 1 });
  }
  expect(log.running).toEqual([]);
  expect(log.ended).toHaveLength(64);
  log.stop();
});
