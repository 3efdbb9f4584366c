import { EventBus, MetricsRegistry } from '@muster/core';
import { expect, test } from 'vitest';
import type { DiscoveryEvents } from '../../src/events.ts';
import { declareDiscoveryMetrics, StreamCounts } from '../../src/observability/index.ts';
import { fixedPool, INDEXER, indexerStatus, nodeRecord, poolEntry, SELF } from '../support/status-source.ts';

function setUp(): { events: EventBus<DiscoveryEvents>; metrics: MetricsRegistry; stop: () => void } {
  const events = new EventBus<DiscoveryEvents>({
    onListenerError: (error) => expect.unreachable(String(error)),
  });
  const metrics = new MetricsRegistry();
  const { facts, behaviour, referenced } = indexerStatus([nodeRecord('a')]);
  const stop = declareDiscoveryMetrics(metrics, {
    events,
    pool: fixedPool([
      poolEntry({ isSeed: true }),
      poolEntry({ peer: SELF, score: undefined, terms: undefined, isHealthy: false }),
    ]),
    indexer: { table: facts.table, behaviour, referenced, cachedScore: () => facts.cachedScore() },
    connections: () => 4,
    routingTableSize: () => 5,
    isReady: () => true,
    streams: new StreamCounts(),
  });
  return { events, metrics, stop };
}

test('gauges are asked for', async () => {
  const text = await setUp().metrics.render();
  for (const line of [
    'oc_ready 1',
    'oc_pool_size 2',
    'oc_pool_healthy 1',
    'oc_pool_seeds 1',
    'oc_connections 4',
    'oc_dht_routing_table 5',
    'oc_records_live 1',
    'oc_fill_rate 0.002',
    'oc_bans 1',
    'oc_cached_score 0.5',
    `oc_indexer_score{peer="${INDEXER}"} 100`,
    `oc_indexer_score_term{peer="${INDEXER}",term="dht"} 1`,
    `oc_indexer_confidence{peer="${SELF}"} 0.5`,
  ]) {
    expect(text).toContain(`${line}\n`);
  }
  expect(text).not.toContain(`oc_indexer_score{peer="${SELF}"}`);
});

test('events are counted', async () => {
  const { events, metrics, stop } = setUp();
  const publishAll = (): void => {
    events.publish('heartbeat.outcome', { peer: INDEXER, outcome: 'ok', rttMs: 20 });
    events.publish('heartbeat.outcome', { peer: INDEXER, outcome: 'silent' });
    events.publish('pool.evicted', { peer: INDEXER, reason: 'score', score: 10 });
    events.publish('evidence', { peer: INDEXER, kind: 'witness', isGood: false });
    events.publish('consensus.finished', { voters: 3, candidates: 5, admitted: 2 });
    events.publish('heartbeat.served', { peer: SELF, isProbe: false, handlingMs: 4 });
    events.publish('heartbeat.refused', { peer: SELF, code: 'banned' });
    events.publish('behaviour.strike', { peer: SELF, strikes: 1, cause: 'window' });
    events.publish('behaviour.banned', { peer: SELF, forMs: 600_000 });
    events.publish('guard.refused', { peer: SELF });
    events.publish('gate.decided', { peer: SELF, isKnown: false, step: 'dht' });
    events.publish('dht.put', { key: '/node/x', ok: true, ms: 120 });
    events.publish('dht.get', { key: '/node/x', found: false, ms: 3_000 });
    events.publish('publish.served', { peer: SELF, ok: false, code: 'bad_signature' });
    events.publish('search.started', { side: 'node', query: 'q' });
    events.publish('search.hits', { side: 'node', query: 'q', hits: 3 });
    events.publish('search.dropped', { query: 'q', reason: 'overflow' });
    events.publish('search.ended', { side: 'node', query: 'q', reason: 'idle', hits: 3, ms: 700 });
  };
  publishAll();
  const text = await metrics.render();
  for (const line of [
    'oc_heartbeats_total{outcome="ok"} 1',
    'oc_heartbeats_total{outcome="silent"} 1',
    'oc_heartbeat_rtt_seconds_count 1',
    'oc_heartbeat_rtt_seconds_bucket{le="0.025"} 1',
    'oc_evictions_total{reason="score"} 1',
    'oc_evidence_total{kind="witness",result="bad"} 1',
    'oc_consensus_runs_total 1',
    'oc_consensus_admissions_total 2',
    'oc_heartbeats_served_total{kind="heartbeat"} 1',
    'oc_heartbeats_refused_total{code="banned"} 1',
    'oc_strikes_total 1',
    'oc_bans_total 1',
    'oc_guard_refusals_total 1',
    'oc_gate_decisions_total{known="no"} 1',
    'oc_dht_puts_total{result="good"} 1',
    'oc_dht_gets_total{result="bad"} 1',
    'oc_publishes_served_total{result="bad"} 1',
    'oc_searches_total{side="node"} 1',
    'oc_search_hits_total{side="node"} 3',
    'oc_search_dropped_total 1',
    'oc_search_seconds_count{side="node"} 1',
    'oc_events_total{topic="heartbeat.outcome"} 2',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
  stop();
  publishAll();
  expect(await metrics.render()).toContain('oc_bans_total 1\n');
});

test('what strangers cause grows no labels', async () => {
  const { events, metrics } = setUp();
  const lines = async (): Promise<number> => (await metrics.render()).split('\n').length;
  events.publish('heartbeat.refused', { peer: 'p', code: 'full' });
  const before = await lines();
  for (let peer = 0; peer < 100; peer += 1) {
    events.publish('heartbeat.refused', { peer: `p${peer}`, code: `made-up-${peer}` as 'full' });
  }
  expect(await lines()).toBe(before);
});
