/** The figures of a daemon (discovery spec section 29), as Prometheus metrics. Counted from events, never from inside. */

import type { EventBus, MetricsRegistry } from '@muster/core';
import type { DiscoveryEvents } from '../events.ts';
import type { Behaviour, NodeTable, Pool } from '../parts.ts';
import { SCORE_DIMENSIONS } from '../scoring/node-score.ts';
import { ERROR_CODES } from '../wire/messages.ts';
import type { StreamCounts } from './stream-counts.ts';

/** What is asked for when somebody looks. */
export interface MetricsSources {
  readonly events: EventBus<DiscoveryEvents>;
  readonly pool: Pick<Pool, 'size' | 'maxSize' | 'healthyCount' | 'view' | 'quarantined'>;
  /** Of an indexer. */
  readonly indexer?: {
    readonly table: NodeTable;
    readonly behaviour: Pick<Behaviour, 'bans'>;
    readonly referenced: { readonly size: number };
    cachedScore(): number;
  };
  readonly connections: () => number;
  readonly routingTableSize: () => number;
  readonly isReady: () => boolean;
  readonly streams?: Pick<StreamCounts, 'list'>;
}

const SHORT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const LONG_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Indexers shown with a score of their own; a pool has tens at most. */
const MAX_SHOWN_INDEXERS = 200;

/** Declares all metrics and begins to count. Returns what ends the counting. */
export function declareDiscoveryMetrics(metrics: MetricsRegistry, sources: MetricsSources): () => void {
  declareGauges(metrics, sources);
  declareIndexerGauges(metrics, sources);
  declareScores(metrics, sources.pool);
  if (sources.streams !== undefined) declareStreams(metrics, sources.streams);
  const stops = [
    countPool(metrics, sources.events),
    countIndexer(metrics, sources.events),
    countDht(metrics, sources.events),
    countSearches(metrics, sources.events),
  ];
  return () => stops.forEach((stop) => stop());
}

function declareGauges(metrics: MetricsRegistry, sources: MetricsSources): void {
  const { pool, events } = sources;
  const gauge = (name: string, help: string, collect: () => number): void =>
    metrics.collected('gauge', name, help, collect);
  gauge('oc_ready', '1 when the process does what its roles ask for.', () => (sources.isReady() ? 1 : 0));
  gauge('oc_pool_size', 'Indexers of the pool.', () => pool.size);
  gauge('oc_pool_max', 'Most indexers that the pool takes.', () => pool.maxSize);
  gauge('oc_pool_healthy', 'Indexers of the pool that answer.', () => pool.healthyCount);
  gauge(
    'oc_pool_seeds',
    'Indexers of the pool that come from the configuration.',
    () => pool.view().filter(({ isSeed }) => isSeed).length,
  );
  gauge(
    'oc_pool_quarantined',
    'Indexers that were caught lying and are kept out.',
    () => pool.quarantined().length,
  );
  gauge('oc_connections', 'Open connections with other peers.', sources.connections);
  gauge('oc_dht_routing_table', 'Peers of the hash table that are known.', sources.routingTableSize);
  metrics.collected('counter', 'oc_events_total', 'Events of the process by topic.', function* () {
    for (const [topic, value] of events.publishedByTopic) yield { labels: { topic }, value };
  });
}

function declareIndexerGauges(metrics: MetricsRegistry, { indexer }: MetricsSources): void {
  const gauge = (name: string, help: string, collect: () => number): void =>
    metrics.collected('gauge', name, help, collect);
  gauge('oc_records_live', 'Nodes that send heartbeats to this indexer.', () => indexer?.table.size ?? 0);
  gauge('oc_fill_rate', 'Share of the slots for nodes that is taken.', () => indexer?.table.fillRate ?? 0);
  gauge('oc_bans', 'Peers that are banned now.', () => indexer?.behaviour.bans().length ?? 0);
  gauge(
    'oc_referenced_nodes',
    'Nodes that this indexer speaks for in searches.',
    () => indexer?.referenced.size ?? 0,
  );
  gauge(
    'oc_cached_score',
    'What its nodes think of this indexer, 0 to 1.',
    () => indexer?.cachedScore() ?? 0,
  );
}

function declareScores(metrics: MetricsRegistry, pool: MetricsSources['pool']): void {
  const options = { maxSeries: MAX_SHOWN_INDEXERS };
  metrics.collected(
    'gauge',
    'oc_indexer_score',
    'Score of an indexer of the pool, 0 to 100.',
    function* () {
      for (const { peer, score } of pool.view())
        if (score !== undefined) yield { labels: { peer }, value: score };
    },
    options,
  );
  metrics.collected(
    'gauge',
    'oc_indexer_minimum_score',
    'Score below which it is not kept.',
    function* () {
      for (const { peer, minimumScore } of pool.view()) yield { labels: { peer }, value: minimumScore };
    },
    options,
  );
  metrics.collected(
    'gauge',
    'oc_indexer_confidence',
    'Confidence in an indexer from checks, 0 to 1.',
    function* () {
      for (const { peer, confidence } of pool.view()) yield { labels: { peer }, value: confidence };
    },
    options,
  );
  metrics.collected(
    'gauge',
    'oc_indexer_score_term',
    'Terms of the scores, 0 to 1.',
    function* () {
      for (const { peer, terms } of pool.view()) {
        if (terms === undefined) continue;
        for (const [term, value] of Object.entries(terms))
          yield { labels: { peer, term }, value: value as number };
      }
    },
    { maxSeries: MAX_SHOWN_INDEXERS * (SCORE_DIMENSIONS.length + 1) },
  );
}

function declareStreams(metrics: MetricsRegistry, streams: Pick<StreamCounts, 'list'>): void {
  metrics.collected('gauge', 'oc_streams_open', 'Open streams by protocol and direction.', function* () {
    for (const { protocol, direction, open } of streams.list())
      yield { labels: { protocol, direction }, value: open };
  });
  metrics.collected('counter', 'oc_streams_total', 'Streams by protocol and direction.', function* () {
    for (const { protocol, direction, total } of streams.list())
      yield { labels: { protocol, direction }, value: total };
  });
  metrics.collected(
    'counter',
    'oc_frames_total',
    'Messages by protocol; in is received, out is sent.',
    function* () {
      for (const { protocol, direction, framesIn, framesOut } of streams.list()) {
        yield { labels: { protocol, stream: direction, direction: 'in' }, value: framesIn };
        yield { labels: { protocol, stream: direction, direction: 'out' }, value: framesOut };
      }
    },
  );
}

type Events = EventBus<DiscoveryEvents>;

function countPool(metrics: MetricsRegistry, events: Events): () => void {
  const outcomes = metrics.counterFamily('oc_heartbeats_total', 'Heartbeats sent, by how they ended.', {
    outcome: ['ok', 'silent', 'refused', 'failed'],
  });
  const rtt = metrics.histogram('oc_heartbeat_rtt_seconds', 'From heartbeat to answer.', LONG_SECONDS);
  const evictions = metrics.counterFamily('oc_evictions_total', 'Indexers that left the pool, by reason.', {
    reason: ['failed', 'score', 'migration', 'hard-evidence', 'blacklisted', 'gone'],
  });
  const added = metrics.counter('oc_pool_added_total', 'Indexers that came to the pool.');
  const quarantines = metrics.counter('oc_quarantines_total', 'Indexers that were caught lying.');
  const suspicions = metrics.counter(
    'oc_suspicions_total',
    'Rounds of closer looks that something odd has caused.',
  );
  const checks = metrics.counterFamily('oc_evidence_total', 'Evidence about indexers, by kind and result.', {
    kind: [
      'heartbeat',
      'own-challenge',
      'dht-challenge',
      'witness',
      'bandwidth',
      'spot-check',
      'cached-score',
      'fill',
      'born-at',
      'silent-witnesses',
    ],
    result: ['good', 'bad'],
  });
  const consensus = metrics.counter(
    'oc_consensus_runs_total',
    'Rounds in which indexers were asked for others.',
  );
  const admitted = metrics.counter(
    'oc_consensus_admissions_total',
    'Indexers that came to the pool by such rounds.',
  );
  const isolations = metrics.counter('oc_isolation_retries_total', 'Attempts to get out of isolation.');
  return all(
    events.on('heartbeat.outcome', ({ payload }) => {
      outcomes.with({ outcome: payload.outcome }).value += 1;
      if (payload.rttMs !== undefined) rtt.observe(payload.rttMs / 1000);
    }),
    events.on('pool.evicted', ({ payload }) => void evictions.with({ reason: payload.reason }).add()),
    events.on('pool.added', () => added.add()),
    events.on('pool.quarantined', () => quarantines.add()),
    events.on('suspicion', () => suspicions.add()),
    events.on('evidence', ({ payload: { kind, isGood } }) =>
      checks.with({ kind, result: isGood ? 'good' : 'bad' }).add(),
    ),
    events.on('consensus.finished', ({ payload }) => {
      consensus.add();
      admitted.add(payload.admitted);
    }),
    events.on('isolation.retry', () => isolations.add()),
  );
}

function countIndexer(metrics: MetricsRegistry, events: Events): () => void {
  const served = metrics.counterFamily('oc_heartbeats_served_total', 'Heartbeats answered.', {
    kind: ['heartbeat', 'probe'],
  });
  const handling = metrics.histogram(
    'oc_heartbeat_handling_seconds',
    'From a heartbeat to its answer.',
    SHORT_SECONDS,
  );
  const refused = metrics.counterFamily('oc_heartbeats_refused_total', 'Heartbeats refused, by code.', {
    code: ERROR_CODES,
  });
  const removed = metrics.counter(
    'oc_records_removed_total',
    'Nodes that stopped sending heartbeats, or were removed.',
  );
  const offloads = metrics.counter(
    'oc_offload_proposals_total',
    'Nodes that were asked to move to other indexers.',
  );
  const strikes = metrics.counter('oc_strikes_total', 'Strikes charged to peers.');
  const banned = metrics.counter('oc_bans_total', 'Peers that were banned.');
  const guarded = metrics.counter(
    'oc_guard_refusals_total',
    'Strangers refused by the guard against bursts.',
  );
  const gate = metrics.counterFamily('oc_gate_decisions_total', 'Decisions whether a peer is known.', {
    known: ['yes', 'no'],
  });
  const publishes = resultFamily(metrics, 'oc_publishes_served_total', 'Records that peers published.');
  const gets = resultFamily(metrics, 'oc_gets_served_total', 'Records that peers asked for; good is found.');
  const witnesses = metrics.counter('oc_witness_served_total', 'Answers as a witness.');
  const probes = resultFamily(metrics, 'oc_bandwidth_probes_total', 'Measurements of bandwidth.');
  return all(
    events.on('heartbeat.served', ({ payload }) => {
      served.with({ kind: payload.isProbe ? 'probe' : 'heartbeat' }).value += 1;
      handling.observe(payload.handlingMs / 1000);
    }),
    events.on('heartbeat.refused', ({ payload }) => refused.with({ code: payload.code }).add()),
    events.on('record.removed', () => removed.add()),
    events.on('offload.proposed', () => offloads.add()),
    events.on('behaviour.strike', () => strikes.add()),
    events.on('behaviour.banned', () => banned.add()),
    events.on('guard.refused', () => guarded.add()),
    events.on('gate.decided', ({ payload }) => gate.with({ known: payload.isKnown ? 'yes' : 'no' }).add()),
    events.on('publish.served', ({ payload }) => publishes(payload.ok)),
    events.on('get.served', ({ payload }) => gets(payload.found)),
    events.on('witness.served', () => witnesses.add()),
    events.on('bandwidth.probed', ({ payload }) => probes(payload.ok)),
  );
}

function countDht(metrics: MetricsRegistry, events: Events): () => void {
  const puts = resultFamily(metrics, 'oc_dht_puts_total', 'Values put into the hash table.');
  const putSeconds = metrics.histogram('oc_dht_put_seconds', 'Time of a put.', LONG_SECONDS);
  const gets = resultFamily(metrics, 'oc_dht_gets_total', 'Values asked for; good is found.');
  const getSeconds = metrics.histogram('oc_dht_get_seconds', 'Time of a get.', LONG_SECONDS);
  const provides = resultFamily(metrics, 'oc_dht_provides_total', 'Announcements as an indexer.');
  const claims = metrics.counter('oc_claims_total', 'Rounds in which the own record was published.');
  return all(
    events.on('dht.put', ({ payload: { ok, ms } }) => {
      puts(ok);
      putSeconds.observe(ms / 1000);
    }),
    events.on('dht.get', ({ payload: { found, ms } }) => {
      gets(found);
      getSeconds.observe(ms / 1000);
    }),
    events.on('dht.provided', ({ payload }) => provides(payload.ok)),
    events.on('claim.published', () => claims.add()),
  );
}

function countSearches(metrics: MetricsRegistry, events: Events): () => void {
  const side = { side: ['node', 'indexer'] } as const;
  const started = metrics.counterFamily('oc_searches_total', 'Searches started, own and served ones.', side);
  const hits = metrics.counterFamily('oc_search_hits_total', 'Hits of searches.', side);
  const dropped = metrics.counter('oc_search_dropped_total', 'Batches of hits or queries that were dropped.');
  const seconds = metrics.histogramFamily('oc_search_seconds', 'Time of a search.', side, LONG_SECONDS);
  return all(
    events.on('search.started', ({ payload }) => started.with({ side: payload.side }).add()),
    events.on('search.hits', ({ payload }) => hits.with({ side: payload.side }).add(payload.hits)),
    events.on('search.dropped', () => dropped.add()),
    events.on('search.ended', ({ payload }) =>
      seconds.with({ side: payload.side }).observe(payload.ms / 1000),
    ),
  );
}

function resultFamily(metrics: MetricsRegistry, name: string, help: string): (isGood: boolean) => void {
  const family = metrics.counterFamily(name, help, { result: ['good', 'bad'] });
  const good = family.with({ result: 'good' });
  const bad = family.with({ result: 'bad' });
  return (isGood) => (isGood ? good : bad).add();
}

function all(...stops: readonly (() => void)[]): () => void {
  return () => stops.forEach((stop) => stop());
}
