import { EventBus } from '@muster/core';
import { expect, test } from 'vitest';
import type { CoordinationEvents } from '../../src/events.ts';
import { MAX_LOGGED_PULLS, PullLog } from '../../src/ops/pull-log.ts';
import type { Download } from '../../src/parts.ts';
import { testDigest } from '../support/vectors.ts';

function fixture() {
  const events = new EventBus<CoordinationEvents>({ onListenerError: () => undefined });
  const state = { now: 1_000, downloads: [] as Partial<Download>[] };
  const log = new PullLog({
    events,
    clock: { now: () => state.now },
    downloads: () => state.downloads as Download[],
    peerIdOf: (nodeId) => (nodeId === 'mirror-2' ? 'peer-2' : undefined),
  });
  return { events, state, log };
}

const digest = testDigest(1);

test('a pull whose bytes come from two peers and the origin', () => {
  const { events, state, log } = fixture();
  events.publish('session.started', { digest, kind: 'blob' });
  state.downloads = [{ digest, size: 100, receivedBytes: 30, source: { kind: 'peer', nodeId: 'mirror-2' } }];
  expect(log.list()).toMatchObject([
    { state: 'running', size: 100, received: 30, sources: [{ from: 'peer-2', bytes: 30 }] },
  ]);
  events.publish('peer.fetched', {
    outcome: 'stall',
    ms: 1,
    bytes: 40,
    kind: 'blob',
    digest,
    peer: 'mirror-2',
  });
  events.publish('peer.fetched', {
    outcome: 'stall',
    ms: 1,
    bytes: 10,
    kind: 'blob',
    digest,
    peer: 'stranger',
  });
  state.downloads = [{ digest, size: 100, receivedBytes: 80, source: { kind: 'origin', nodeId: 'self' } }];
  expect(log.list()[0]?.sources).toEqual([
    { from: 'peer-2', bytes: 40 },
    { from: 'stranger', bytes: 10 },
    { from: 'origin', bytes: 30 },
  ]);
  state.downloads = [];
  state.now = 2_000;
  events.publish('store.committed', { digest, size: 100 });
  events.publish('origin.succeeded', { digest, kind: 'blob', bytes: 50, ms: 1, trigger: 'mirror' });
  events.publish('session.finished', { digest, kind: 'blob', outcome: 'committed', ms: 1 });
  expect(log.list()).toEqual([
    {
      id: `${digest}/1000`,
      digest,
      kind: 'blob',
      state: 'done',
      size: 100,
      received: 100,
      sources: [
        { from: 'peer-2', bytes: 40 },
        { from: 'stranger', bytes: 10 },
        { from: 'origin', bytes: 50 },
      ],
      startedAt: 1_000,
      endedAt: 2_000,
    },
  ]);
});

test('a failure, and another attempt', () => {
  const { events, state, log } = fixture();
  events.publish('session.started', { digest, kind: 'manifest' });
  events.publish('origin.failed', {
    digest,
    kind: 'manifest',
    failureClass: 'not_found',
    isOriginSide: true,
  });
  expect(log.list()[0]?.state).toBe('running');
  events.publish('session.finished', { digest, kind: 'manifest', outcome: 'failed', reason: 'X', ms: 1 });
  state.now = 3_000;
  events.publish('origin.started', { digest, kind: 'manifest' });
  events.publish('origin.failed', {
    digest,
    kind: 'manifest',
    failureClass: 'transient',
    isOriginSide: true,
  });
  expect(log.list().map(({ state: is, reason }) => [is, reason])).toEqual([
    ['failed', 'transient'],
    ['failed', 'X'],
  ]);
});

test('what was in the store is no pull', () => {
  const { events, log } = fixture();
  events.publish('session.started', { digest, kind: 'blob' });
  events.publish('session.finished', { digest, kind: 'blob', outcome: 'local', ms: 1 });
  expect(log.list()).toEqual([]);
  expect(log.changes()).toEqual([]);
});

test('tells what has changed once, and totals', () => {
  const { events, log } = fixture();
  events.publish('session.started', { digest, kind: 'blob' });
  expect(log.changes()).toHaveLength(1);
  expect(log.changes()).toHaveLength(0);
  events.publish('origin.bytes', { kind: 'blob', bytes: 5 });
  events.publish('peer.fetched', { outcome: 'hit', ms: 1, bytes: 7, kind: 'blob' });
  events.publish('transfer.served', { kind: 'blob', bytes: 9, isPartial: false, isComplete: true });
  expect(log.totals).toEqual({ originBytes: 5, peerBytes: 7, cacheBytes: 0, sentBytes: 9 });
});

test('keeps a bounded number, and those that run before those that have ended', () => {
  const { events, log } = fixture();
  events.publish('session.started', { digest, kind: 'blob' });
  for (let index = 2; index < MAX_LOGGED_PULLS + 50; index++) {
    events.publish('session.started', { digest: testDigest(index), kind: 'blob' });
    events.publish('session.finished', { digest: testDigest(index), kind: 'blob', outcome: 'failed', ms: 1 });
  }
  const kept = log.list();
  expect(kept).toHaveLength(MAX_LOGGED_PULLS);
  expect(kept.at(-1)).toMatchObject({ digest, state: 'running' });
});
