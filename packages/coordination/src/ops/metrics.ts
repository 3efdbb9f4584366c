/**
 * The metrics of coordination spec 22: names and labels are fixed, dashboards exist. Every series is there from the start. They
 * are fed from the events of the agent; gauges are asked for when they are shown.
 */

import type { Counter, EventBus, Family, Histogram, LabelSets, MetricsRegistry } from '@muster/core';
import type { CoordinationEvents } from '../events.ts';
import { declareGauges, type MetricsGauges } from './gauges.ts';
import {
  buckets,
  CASCADE_OUTCOMES,
  CLASSES,
  CODES,
  DECLINE_REASONS,
  kindLabel,
  KINDS,
  METHODS,
  PEER_OUTCOMES,
  PROVIDE_OPS,
  seconds,
  SOURCES,
} from './metric-labels.ts';

/** Declares everything and counts. Gauges show 0 until {@link CoordinationMetrics.show} has been called. */
export class CoordinationMetrics {
  readonly #registry: MetricsRegistry;
  readonly #events: EventBus<CoordinationEvents>;
  readonly #rpc: Family<Histogram, LabelSets>;
  #gauges: Partial<MetricsGauges> = {};

  constructor(registry: MetricsRegistry, events: EventBus<CoordinationEvents>) {
    this.#registry = registry;
    this.#events = events;
    this.#countMirror();
    this.#countOrigins();
    this.#countPeers();
    this.#countDiscovery();
    this.#countColdStarts();
    this.#countCoordination();
    this.#countStore();
    this.#rpc = registry.histogramFamily(
      'gantry_coord_rpc_seconds',
      'Questions to other nodes.',
      { call: ['pull_intent', 'please_pull'], outcome: ['ok', 'timeout', 'error'] },
      buckets(0.005, 12),
    );
    declareGauges(registry, () => this.#gauges);
  }

  /** Where gauges get their values from. */
  show(gauges: MetricsGauges): void {
    this.#gauges = gauges;
  }

  /** A question to another node has ended. */
  observeRpc(call: 'pull_intent' | 'please_pull', outcome: 'ok' | 'timeout' | 'error', ms: number): void {
    this.#rpc.with({ call, outcome }).observe(seconds(ms));
  }

  #countMirror(): void {
    const hit = this.#counter('p2p_cache_hit_total', 'Mirror requests answered from the store.');
    const miss = this.#counter('p2p_cache_miss_total', 'Mirror requests that the store could not answer.');
    this.#events.on('mirror.looked-up', ({ payload }) => (payload.isHit ? hit : miss).add());
    const labels = { kind: KINDS, source: SOURCES };
    const bytes = this.#family('gantry_mirror_bytes_served_total', 'Bytes written to the runtime.', labels);
    const requests = this.#family('gantry_mirror_requests_total', 'Requests for content.', {
      method: METHODS,
      ...labels,
      code: CODES,
    });
    const firstByte = this.#histograms(
      'gantry_mirror_ttfb_seconds',
      'Until the headers.',
      labels,
      buckets(0.005, 16),
    );
    const duration = this.#histograms(
      'gantry_mirror_duration_seconds',
      'Until the end.',
      labels,
      buckets(0.005, 16),
    );
    this.#events.on('mirror.served', ({ payload }) => {
      const { method, source, code } = payload;
      const kind = kindLabel(payload.kind);
      requests.with({ method, kind, source, code: String(code) }).add();
      bytes.with({ kind, source }).add(payload.bytes);
      firstByte.with({ kind, source }).observe(seconds(payload.firstByteMs));
      duration.with({ kind, source }).observe(seconds(payload.ms));
    });
  }

  #countOrigins(): void {
    const kinds = { kind: KINDS };
    const pulls = this.#family('p2p_origin_pull_total', 'Pulls from an origin that were begun.', kinds);
    const good = this.#family('p2p_origin_pull_success_total', 'Verified and committed.', kinds);
    const bad = this.#family('p2p_origin_pull_failure_total', 'Ended otherwise.', {
      ...kinds,
      class: CLASSES,
    });
    const failures = this.#family('p2p_origin_failure_total', 'The origin itself failed.', {
      class: CLASSES,
    });
    const bytes = this.#family('gantry_origin_bytes_total', 'Bytes of bodies read from origins.', kinds);
    const heads = this.#family('gantry_origin_head_total', 'HEAD requests to origins.', kinds);
    const resumed = this.#counter('gantry_origin_resume_total', 'Bodies that were resumed.');
    const events = this.#events;
    events.on('origin.started', ({ payload }) => pulls.with({ kind: kindLabel(payload.kind) }).add());
    events.on('origin.succeeded', ({ payload }) => good.with({ kind: kindLabel(payload.kind) }).add());
    events.on('origin.failed', ({ payload }) => {
      const failureClass = payload.isOriginSide ? payload.failureClass || 'transient' : 'transient';
      bad.with({ kind: kindLabel(payload.kind), class: failureClass }).add();
      if (payload.isOriginSide) failures.with({ class: failureClass }).add();
    });
    events.on('origin.bytes', ({ payload }) =>
      bytes.with({ kind: kindLabel(payload.kind) }).add(payload.bytes),
    );
    events.on('origin.head', ({ payload }) => heads.with({ kind: kindLabel(payload.kind) }).add());
    events.on('origin.resumed', () => resumed.add());
    this.#countLeases();
    const fallback = this.#counter('p2p_origin_fallback_total', 'Own pulls of last resort.');
    const declined = this.#family('p2p_origin_fallback_decline_total', 'Those that were declined.', {
      reason: DECLINE_REASONS,
    });
    events.on('fallback.passed', () => fallback.add());
    events.on('fallback.declined', ({ payload }) => declined.with({ reason: payload.reason }).add());
    const entered = this.#family('p2p_negative_cache_enter_total', 'Failures remembered.', {
      class: CLASSES,
    });
    const hit = this.#family('p2p_negative_cache_hit_total', 'Pulls left out for a remembered failure.', {
      class: CLASSES,
    });
    events.on('negative.entered', ({ payload }) => entered.with({ class: payload.failureClass }).add());
    events.on('negative.hit', ({ payload }) => hit.with({ class: payload.failureClass }).add());
  }

  #countLeases(): void {
    const leases = this.#family(
      'muster_pull_leases_total',
      'Wishes for the lease of a pull by what came of them, and how the leases ended.',
      { event: ['granted', 'repeat', 'held', 'done', 'unavailable', 'lost', 'released_done', 'given_up'] },
    );
    const count = (event: string): void => leases.with({ event }).add();
    const events = this.#events;
    events.on('lease.granted', ({ payload }) => count(payload.isRepeat ? 'repeat' : 'granted'));
    events.on('lease.held', () => count('held'));
    events.on('lease.done', () => count('done'));
    events.on('lease.unavailable', () => count('unavailable'));
    events.on('lease.lost', () => count('lost'));
    events.on('lease.released', ({ payload }) =>
      count(payload.outcome === 'done' ? 'released_done' : 'given_up'),
    );
  }

  #countPeers(): void {
    const events = this.#events;
    const serves = this.#counter('p2p_peer_serve_total', 'Objects sent to other nodes.');
    const misses = this.#counter('p2p_peer_miss_total', 'Objects that other nodes asked for in vain.');
    const partial = this.#counter('gantry_partial_serve_total', 'Objects sent while their pull was running.');
    const busy = this.#counter('gantry_transfer_busy_total', 'Requests refused for load.');
    const served = this.#family('gantry_peer_serve_bytes_total', 'Bytes sent to other nodes.', {
      kind: KINDS,
    });
    events.on('transfer.served', ({ payload }) => {
      serves.add();
      if (payload.isPartial) partial.add();
      served.with({ kind: kindLabel(payload.kind) }).add(payload.bytes);
    });
    events.on('transfer.missed', () => misses.add());
    events.on('transfer.busy', () => busy.add());
    const outcomes = { outcome: PEER_OUTCOMES };
    const fetches = this.#family('p2p_peer_fetch_total', 'Copies from other nodes.', outcomes);
    const duration = this.#histograms(
      'p2p_peer_fetch_duration_seconds',
      'How long they took.',
      outcomes,
      buckets(0.01, 12),
    );
    const bytes = this.#family('gantry_peer_fetch_bytes_total', 'Bytes copied from other nodes.', {
      kind: KINDS,
    });
    events.on('peer.fetched', ({ payload }) => {
      const { outcome } = payload;
      fetches.with({ outcome }).add();
      duration.with({ outcome }).observe(seconds(payload.ms));
      bytes.with({ kind: kindLabel(payload.kind) }).add(payload.bytes);
    });
    const reached = this.#counter(
      'p2p_peer_dial_success_total',
      'Requests to other nodes that were answered.',
    );
    const unreached = this.#counter('p2p_peer_dial_failure_total', 'Those that were not.');
    events.on('peer.dialed', ({ payload }) => (payload.isReached ? reached : unreached).add());
  }

  #countDiscovery(): void {
    const events = this.#events;
    const provides = this.#counter('p2p_dht_provide_total', 'Announcements made.');
    const failed = this.#family('p2p_dht_provide_error_total', 'Announcements that failed.', {
      op: PROVIDE_OPS,
    });
    const atStart = this.#counter('p2p_dht_advertise_total', 'Announcements of what was here at the start.');
    const later = this.#counter('p2p_dht_reconcile_total', 'Announcements of what was found missing later.');
    events.on('provide.finished', ({ payload }) => {
      provides.add();
      if (payload.op === 'cache_reannounce') atStart.add();
      if (payload.op === 'reconcile') later.add();
    });
    events.on('provide.failed', ({ payload }) => failed.with({ op: payload.op }).add());
    const outcomes = { outcome: ['hit', 'miss', 'timeout', 'error'] } as const;
    const lookups = this.#family('p2p_dht_lookup_total', 'Lookups of providers.', outcomes);
    const duration = this.#histograms(
      'p2p_dht_lookup_duration_seconds',
      'How long they took.',
      outcomes,
      buckets(0.01, 10),
    );
    events.on('lookup.finished', ({ payload: { outcome, ms } }) => {
      lookups.with({ outcome }).add();
      duration.with({ outcome }).observe(seconds(ms));
    });
    this.#count('p2p_cdsub_reconnect_total', 'Reconnections to the content source.', 'source.reconnected');
    this.#count(
      'gantry_dht_stale_only_total',
      'Lookups that named suppressed providers only.',
      'provider.stale-only',
    );
    this.#count(
      'gantry_stale_provider_filtered_total',
      'Providers left out as suppressed.',
      'provider.filtered',
    );
    this.#count('gantry_withdraw_total', 'Announcements withdrawn.', 'advertise.withdrawn');
    const runs = this.#counter('gantry_advertise_reconcile_total', 'Comparisons of store and announcements.');
    const added = this.#counter('gantry_advertise_reconcile_added_total', 'Objects found not announced.');
    const removed = this.#counter(
      'gantry_advertise_reconcile_removed_total',
      'Announced objects found gone.',
    );
    const errors = this.#counter(
      'gantry_advertise_reconcile_errors_total',
      'Announcements that failed in between.',
    );
    const took = this.#registry.histogram(
      'gantry_advertise_reconcile_duration_seconds',
      'How long the comparisons took.',
      buckets(0.001, 14),
    );
    events.on('advertise.reconciled', ({ payload }) => {
      runs.add();
      added.add(payload.added);
      removed.add(payload.removed);
      errors.add(payload.errors);
      took.observe(seconds(payload.ms));
    });
  }

  #countColdStarts(): void {
    const events = this.#events;
    const durations = this.#histograms(
      'p2p_cold_start_duration_seconds',
      'Runs of the cascade.',
      { digest_kind: KINDS, outcome: CASCADE_OUTCOMES },
      buckets(0.05, 10),
    );
    events.on('coldstart.finished', ({ payload: { kind, outcome, ms } }) =>
      durations.with({ digest_kind: kindLabel(kind), outcome }).observe(seconds(ms)),
    );
    const falseEmpty = this.#counter(
      'p2p_dht_false_empty_total',
      'Discovery named nobody, and somebody had it.',
    );
    const probeHit = this.#counter('p2p_topk_probe_hit_total', 'Probes that made a cold start unnecessary.');
    events.on('coldstart.probe-hit', ({ payload }) => {
      if (payload.rule === 2) falseEmpty.add();
      probeHit.add();
    });
    const expanded = this.#family('p2p_topk_expansion_total', 'Probes of further nodes.', {
      reason: ['all_unreachable', 'degraded_health', 'unhealthy_health'],
    });
    events.on('coldstart.expanded', ({ payload }) => expanded.with({ reason: payload.reason }).add());
    const kinds = { digest_kind: KINDS };
    const takeovers = this.#family(
      'p2p_designated_puller_takeover_total',
      'Stalled pulls given to others.',
      kinds,
    );
    events.on('coldstart.takeover', ({ payload }) =>
      takeovers.with({ digest_kind: kindLabel(payload.kind) }).add(),
    );
    const repulls = this.#family('gantry_coldstart_repull_total', 'Second and later pullers.', kinds);
    events.on('coldstart.repull', ({ payload }) =>
      repulls.with({ digest_kind: kindLabel(payload.kind) }).add(),
    );
    const mismatches = this.#family('p2p_hrw_rank_mismatch_total', 'Nodes that see another order.', kinds);
    events.on('hrw.mismatch', ({ payload }) =>
      mismatches.with({ digest_kind: kindLabel(payload.kind) }).add(),
    );
    const batches = this.#counter('p2p_prefetch_batches_total', 'Manifests whose children were asked for.');
    const digests = this.#counter('p2p_prefetch_digests_total', 'Children that were asked for.');
    const pullers = this.#registry.histogram(
      'p2p_prefetch_pullers_per_manifest',
      'Nodes that were asked for the children of a manifest.',
      Array.from({ length: 10 }, (_, index) => index + 1),
    );
    events.on('prefetch.sent', ({ payload }) => {
      batches.add();
      digests.add(payload.digests);
      pullers.observe(payload.pullers);
    });
  }

  #countCoordination(): void {
    const intents = this.#counter('p2p_coord_pull_intent_served_total', 'Queries of other nodes answered.');
    const requests = this.#counter('p2p_coord_please_pull_served_total', 'Requests of other nodes answered.');
    this.#events.on('coord.served', ({ payload }) =>
      (payload.call === 'pull_intent' ? intents : requests).add(),
    );
    this.#count('p2p_coord_please_pull_started_total', 'Pulls started for other nodes.', 'coord.started');
    this.#count('p2p_coord_please_pull_declined_total', 'Pulls declined.', 'coord.declined');
    this.#count('p2p_coord_stream_error_total', 'Failed streams and skipped digests.', 'coord.stream-error');
    this.#count(
      'p2p_coord_pull_intent_storage_unavailable_total',
      'Queries answered with no because the disk could not say.',
      'coord.storage-unavailable',
    );
    const strangers = this.#family(
      'p2p_coord_unauthorized_peer_total',
      'Streams of peers that are no members.',
      {
        reason: ['unrecognized', 'unevaluable'],
      },
    );
    this.#events.on('coord.unauthorized', ({ payload }) => strangers.with({ reason: payload.reason }).add());
  }

  #countStore(): void {
    const forced = this.#counter('p2p_cache_forced_eviction_total', 'Evictions for lack of disk space.');
    const corrupt = this.#counter(
      'gantry_store_corrupt_total',
      'Stored objects that did not match their digest.',
    );
    const evicted = this.#counter('gantry_store_evicted_bytes_total', 'Bytes evicted.');
    this.#events.on('store.removed', ({ payload: { reason, size } }) => {
      if (reason === 'forced') forced.add();
      if (reason === 'corrupt') corrupt.add();
      if (reason === 'forced' || reason === 'evicted') evicted.add(size);
    });
  }

  #counter(name: string, help: string): Counter {
    return this.#registry.counter(name, help);
  }

  /** One more for each event of the topic. */
  #count(name: string, help: string, topic: keyof CoordinationEvents): void {
    const counter = this.#counter(name, help);
    this.#events.on(topic, () => counter.add());
  }

  #family<const L extends LabelSets>(name: string, help: string, labels: L): Family<Counter, L> {
    return this.#registry.counterFamily(name, help, labels);
  }

  #histograms<const L extends LabelSets>(
    name: string,
    help: string,
    labels: L,
    bounds: readonly number[],
  ): Family<Histogram, L> {
    return this.#registry.histogramFamily(name, help, labels, bounds);
  }
}
