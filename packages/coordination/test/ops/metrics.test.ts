import { EventBus, MetricsRegistry } from '@muster/core';
import { expect, test } from 'vitest';
import type { CoordinationEvents } from '../../src/events.ts';
import { CoordinationMetrics } from '../../src/ops/metrics.ts';
import { testDigest } from '../support/vectors.ts';

function setUp() {
  const registry = new MetricsRegistry();
  const events = new EventBus<CoordinationEvents>({
    onListenerError: (error) => expect.unreachable(String(error)),
  });
  const metrics = new CoordinationMetrics(registry, events);
  const values = async (): Promise<Map<string, number>> => {
    const lines = (await registry.render())
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  };
  return { registry, events, metrics, values };
}

const digest = testDigest(1);

/** Section 22, with one series of each. */
const CATALOGUE = [
  'p2p_cache_hit_total',
  'p2p_cache_miss_total',
  'p2p_origin_pull_total{kind="layer"}',
  'p2p_origin_pull_success_total{kind="manifest"}',
  'p2p_origin_pull_failure_total{kind="config",class="auth"}',
  'p2p_origin_failure_total{class="rate_limited"}',
  'p2p_peer_serve_total',
  'p2p_peer_miss_total',
  'p2p_peer_fetch_total{outcome="digest_mismatch"}',
  'p2p_peer_fetch_duration_seconds_bucket{outcome="hit",le="20.48"}',
  'p2p_peer_dial_success_total',
  'p2p_peer_dial_failure_total',
  'p2p_dht_provide_total',
  'p2p_dht_provide_error_total{op="cdsub_announce"}',
  'p2p_dht_advertise_total',
  'p2p_dht_reconcile_total',
  'p2p_dht_lookup_total{outcome="timeout"}',
  'p2p_dht_lookup_duration_seconds_bucket{outcome="miss",le="5.12"}',
  'p2p_cdsub_reconnect_total',
  'p2p_in_flight_pulls',
  'p2p_hrw_rank_mismatch_total{digest_kind="layer"}',
  'p2p_dht_false_empty_total',
  'p2p_topk_probe_hit_total',
  'p2p_cold_start_duration_seconds_bucket{digest_kind="layer",outcome="rule5_all_unreachable/rule2_cache_hit",le="25.6"}',
  'p2p_coord_pull_intent_served_total',
  'p2p_coord_please_pull_served_total',
  'p2p_coord_please_pull_started_total',
  'p2p_coord_stream_error_total',
  'p2p_coord_pull_intent_storage_unavailable_total',
  'p2p_coord_please_pull_declined_total',
  'p2p_prefetch_batches_total',
  'p2p_prefetch_digests_total',
  'p2p_prefetch_pullers_per_manifest_bucket{le="10"}',
  'p2p_negative_cache_entries',
  'p2p_negative_cache_enter_total{class="transient"}',
  'p2p_negative_cache_hit_total{class="not_found"}',
  'p2p_designated_puller_takeover_total{digest_kind="manifest"}',
  'p2p_dht_health_score',
  'p2p_origin_fallback_total',
  'p2p_origin_fallback_decline_total{reason="context_cancelled"}',
  'p2p_topk_expansion_total{reason="degraded_health"}',
  'p2p_cache_forced_eviction_total',
  'gantry_origin_bytes_total{kind="layer"}',
  'gantry_peer_fetch_bytes_total{kind="layer"}',
  'gantry_peer_serve_bytes_total{kind="layer"}',
  'p2p_coord_unauthorized_peer_total{reason="unevaluable"}',
  'gantry_mirror_bytes_served_total{kind="layer",source="cache"}',
  'gantry_advertise_reconcile_total',
  'gantry_advertise_reconcile_added_total',
  'gantry_advertise_reconcile_removed_total',
  'gantry_advertise_reconcile_errors_total',
  'gantry_advertise_reconcile_duration_seconds_count',
  'gantry_advertised_digests',
  'gantry_withdraw_total',
  'gantry_dht_stale_only_total',
  'gantry_stale_provider_filtered_total',
  'gantry_coldstart_repull_total{digest_kind="layer"}',
  'gantry_origin_head_total{kind="manifest"}',
  'gantry_origin_resume_total',
  'gantry_mirror_requests_total{method="HEAD",kind="layer",source="none",code="503"}',
  'gantry_mirror_ttfb_seconds_bucket{kind="layer",source="peer",le="163.84"}',
  'gantry_mirror_duration_seconds_bucket{kind="layer",source="peer",le="163.84"}',
  'gantry_sessions{state="queued"}',
  'gantry_pull_queue',
  'gantry_partial_serve_total',
  'gantry_transfer_busy_total',
  'gantry_store_bytes',
  'gantry_store_entries',
  'gantry_store_corrupt_total',
  'gantry_store_evicted_bytes_total',
  'gantry_members{view="bootstrap"}',
  'gantry_routing_table_size',
  'gantry_coord_rpc_seconds_count{call="please_pull",outcome="timeout"}',
];

test('every name of the catalogue is there from the start, and zero', async () => {
  const values = await setUp().values();
  for (const name of CATALOGUE) expect(values.get(name), name).toBe(0);
  expect([...values.values()].every((value) => value === 0)).toBe(true);
});

test('events are counted under their labels, blobs as layers', async () => {
  const { events, metrics, values } = setUp();
  const blob = { digest, kind: 'blob' } as const;
  events.publish('origin.started', blob);
  events.publish('origin.failed', { ...blob, failureClass: 'auth', isOriginSide: true });
  events.publish('origin.failed', { ...blob, failureClass: 'transient', isOriginSide: false });
  events.publish('origin.succeeded', { ...blob, bytes: 10, ms: 5, trigger: 'peer' });
  events.publish('origin.bytes', { kind: 'blob', bytes: 10 });
  events.publish('coldstart.probe-hit', { ...blob, rule: 2 });
  events.publish('coldstart.probe-hit', { ...blob, rule: 3 });
  events.publish('provide.finished', { op: 'cache_reannounce' });
  events.publish('provide.finished', { op: 'reconcile' });
  events.publish('provide.failed', { op: 'reprovide' });
  events.publish('store.removed', { digest, size: 7, reason: 'forced' });
  events.publish('store.removed', { digest, size: 5, reason: 'evicted' });
  events.publish('store.removed', { digest, size: 3, reason: 'vanished' });
  events.publish('coord.unauthorized', { peer: 'p', reason: 'unrecognized' });
  events.publish('mirror.served', {
    method: 'GET',
    kind: 'blob',
    source: 'peer',
    code: 206,
    bytes: 100,
    ms: 20,
    firstByteMs: 4,
    isComplete: true,
  });
  metrics.observeRpc('pull_intent', 'ok', 3);
  const counted = await values();
  const expected = {
    'p2p_origin_pull_total{kind="layer"}': 1,
    'p2p_origin_pull_failure_total{kind="layer",class="auth"}': 1,
    'p2p_origin_pull_failure_total{kind="layer",class="transient"}': 1,
    'p2p_origin_failure_total{class="auth"}': 1,
    'p2p_origin_failure_total{class="transient"}': 0,
    'p2p_origin_pull_success_total{kind="layer"}': 1,
    'gantry_origin_bytes_total{kind="layer"}': 10,
    p2p_dht_false_empty_total: 1,
    p2p_topk_probe_hit_total: 2,
    p2p_dht_provide_total: 2,
    p2p_dht_advertise_total: 1,
    p2p_dht_reconcile_total: 1,
    'p2p_dht_provide_error_total{op="reprovide"}': 1,
    p2p_cache_forced_eviction_total: 1,
    gantry_store_evicted_bytes_total: 12,
    'p2p_coord_unauthorized_peer_total{reason="unrecognized"}': 1,
    'gantry_mirror_requests_total{method="GET",kind="layer",source="peer",code="206"}': 1,
    'gantry_mirror_bytes_served_total{kind="layer",source="peer"}': 100,
    'gantry_mirror_ttfb_seconds_bucket{kind="layer",source="peer",le="0.005"}': 1,
    'gantry_mirror_duration_seconds_bucket{kind="layer",source="peer",le="0.01"}': 0,
    'gantry_mirror_duration_seconds_bucket{kind="layer",source="peer",le="0.02"}': 1,
    'gantry_coord_rpc_seconds_count{call="pull_intent",outcome="ok"}': 1,
  };
  for (const [name, value] of Object.entries(expected)) expect(counted.get(name), name).toBe(value);
});

test('gauges are asked for when they are shown', async () => {
  const { metrics, values } = setUp();
  let pulls = 3;
  metrics.show({
    inFlightPulls: () => pulls,
    negativeEntries: () => 1,
    health: () => 0.75,
    pullQueue: () => 2,
    storeBytes: () => 10,
    storeEntries: () => 4,
    members: () => ({ ready: 3, bootstrap: 2, running: 5 }),
    routingTableSize: () => 6,
    advertisedDigests: () => 7,
    sessions: () => new Map([['receiving', 2]]),
  });
  expect((await values()).get('p2p_in_flight_pulls')).toBe(3);
  pulls = 4;
  const shown = await values();
  expect(shown.get('p2p_in_flight_pulls')).toBe(4);
  expect(shown.get('p2p_dht_health_score')).toBe(0.75);
  expect(shown.get('gantry_members{view="running"}')).toBe(5);
  expect(shown.get('gantry_sessions{state="receiving"}')).toBe(2);
  expect(shown.get('gantry_sessions{state="queued"}')).toBe(0);
});
