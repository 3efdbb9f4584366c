/** What the status endpoint shows, as JSON. Copies only: nothing of the daemon leaves it. */

import { explainScore, type ScoreExplanation } from '../observability/score-explanation.ts';
import type { SearchEntry } from '../observability/search-log.ts';
import type { NodeRecord, PoolEntryView } from '../parts.ts';
import type { FoundPeer } from '../search/search-client.ts';
import { RELATIONS, type StoredPeer } from '../stores/peer-store.ts';
import { formatTime, parseTime } from '../wire/time.ts';
import { statusErrors } from './errors.ts';
import type { IndexerStatus, StatusSource } from './status-source.ts';

/** `/status`. */
export function statusView(source: StatusSource): object {
  const { context, indexer } = source;
  const { clock, overlay, settings, events } = context;
  return {
    version: source.version,
    roles: rolesOf(source),
    peer_id: context.self,
    did: source.did ?? null,
    name: source.name,
    addresses: overlay.addresses().map((address) => `${address}/p2p/${context.self}`),
    started_at: formatTime(source.startedAt),
    uptime_seconds: Math.floor((clock.now() - source.startedAt) / 1000),
    ready: source.isReady,
    not_ready_because: source.isReady ? [] : source.notReadyReasons(),
    min_indexer: settings.minIndexer,
    pool: poolView(source),
    indexer: indexer === undefined ? null : indexerSummary(indexer),
    dht: {
      mode: overlay.dht.mode ?? null,
      started: overlay.dht.isStarted,
      routing_table: overlay.dht.routingTableSize,
    },
    connections: overlay.connections().length,
    events: { published: events.publishedEvents, dropped: events.droppedEvents },
  };
}

function rolesOf({ context }: StatusSource): readonly string[] {
  const { node, indexer } = context.settings.roles;
  return [...(node ? ['node'] : []), ...(indexer ? ['indexer'] : [])];
}

/** `/pool`. */
export function poolView({ pool, context }: StatusSource): object {
  const { clock } = context;
  return {
    size: pool.size,
    max: pool.maxSize,
    healthy: pool.healthyCount,
    entries: pool.view().map((entry) => entryView(entry, clock)),
    quarantined: pool.quarantined().map(({ peer, until, evidence }) => ({
      peer_id: peer,
      evidence,
      remaining_seconds: secondsUntil(until, clock.monotonic()),
    })),
  };
}

function entryView(entry: PoolEntryView, clock: StatusSource['context']['clock']): object {
  return {
    peer_id: entry.peer,
    addresses: entry.addresses,
    seed: entry.isSeed,
    healthy: entry.isHealthy,
    referent: entry.isReferent,
    score: rounded(entry.score),
    minimum_score: rounded(entry.minimumScore),
    confidence: rounded(entry.confidence, 3),
    terms: entry.terms ?? null,
    fill_rate: rounded(entry.fillRate, 3),
    rtt_ms: rounded(entry.rttMs),
    age_seconds: Math.floor(entry.ageMs / 1000),
    born_at: entry.bornAt ?? null,
    last_seen_seconds_ago:
      entry.lastSeen === undefined ? null : rounded((clock.monotonic() - entry.lastSeen) / 1000),
    consecutive_fails: entry.consecutiveFails,
    silent: entry.silent,
    suspended_seconds:
      entry.suspendedUntil === undefined ? null : secondsUntil(entry.suspendedUntil, clock.monotonic()),
  };
}

/** `/scores/<peer>`. Throws `not_in_pool`. */
export function scoreView({ pool, context }: StatusSource, peer: string): ScoreExplanation {
  const entry = pool.entry(peer);
  if (entry === undefined) throw statusErrors.create('not_in_pool', `${peer} is not in the pool`);
  return explainScore(entry, {
    constants: context.constants,
    otherHealthy: pool.healthyCount - (entry.isHealthy ? 1 : 0),
  });
}

function indexerSummary({ facts, behaviour, suggestions, referenced }: IndexerStatus): object {
  const { table } = facts;
  return {
    born_at: formatTime(facts.bornAt),
    records: table.size,
    max_nodes: table.maxNodes,
    fill_rate: rounded(table.fillRate, 4),
    cached_score: rounded(facts.cachedScore(), 3),
    referenced: referenced.size,
    bans: behaviour.bans().length,
    suggestions: suggestions.list().length,
  };
}

/** `/indexer`. Throws `not_indexer`. */
export function indexerView({ indexer, context }: StatusSource, limit: number): object {
  if (indexer === undefined) throw statusErrors.create('not_indexer', 'this process is no indexer');
  const { clock } = context;
  const nodes: object[] = [];
  for (const record of indexer.facts.table.values()) {
    if (nodes.length >= limit) break;
    nodes.push(nodeView(record, clock.monotonic()));
  }
  return {
    ...indexerSummary(indexer),
    suggested: indexer.suggestions.list(),
    offload_threshold: context.constants.offloadThreshold,
    offloading: indexer.facts.table.fillRate > context.constants.offloadThreshold,
    nodes,
  };
}

function nodeView(record: NodeRecord, now: number): object {
  return {
    peer_id: record.peer,
    did: record.did ?? null,
    name: record.verified?.record.name ?? null,
    is_indexer: record.isIndexer,
    has_record: record.verified !== undefined,
    score: rounded(record.lastScore),
    local_score: rounded(record.localScore),
    uptime: rounded(record.tracker.ratio(now), 3),
    age_seconds: Math.floor(record.tracker.ageMs(now) / 1000),
    expires_in_seconds: secondsUntil(record.expiresAt, now),
  };
}

/** `/bans`. */
export function bansView({ indexer, pool, context }: StatusSource): object {
  const now = context.clock.monotonic();
  return {
    banned: (indexer?.behaviour.bans() ?? []).map(({ peer, forMs, strikes }) => ({
      peer_id: peer,
      remaining_seconds: Math.ceil(forMs / 1000),
      strikes,
    })),
    quarantined: pool.quarantined().map(({ peer, until, evidence }) => ({
      peer_id: peer,
      remaining_seconds: secondsUntil(until, now),
      evidence,
    })),
    blacklisted: context.peers.list({ relation: RELATIONS.BLACKLIST }).map(({ peer_id, id, name }) => ({
      peer_id,
      did: id,
      name,
    })),
  };
}

/** One entry of `/searches`. */
export function searchView(entry: SearchEntry): object {
  return {
    query: entry.query,
    side: entry.side,
    started_at: formatTime(entry.startedAt),
    hits: entry.hits,
    ended_at: entry.endedAt === undefined ? null : formatTime(entry.endedAt),
    reason: entry.reason ?? null,
  };
}

/** A hit of a search. */
export function hitView({ context }: FreshnessSource, found: FoundPeer): object {
  const { peer_id, did, name, isVerified, record } = found;
  return {
    peer_id,
    did,
    name,
    verified: isVerified,
    record: record?.record ?? null,
    ...freshness(context, record?.expiresAt),
  };
}

type FreshnessSource = { readonly context: Pick<StatusSource['context'], 'clock' | 'constants'> };

/**
 * How old a record is, and how old one can be at most: so long the overlay may go on telling what has changed. A record says when it
 * ends; heartbeats and claims carry records of two lengths, and one that has more left than those of heartbeats is one of a claim.
 */
function freshness(
  { clock, constants }: FreshnessSource['context'],
  expiresAt: number | undefined,
): { readonly age_ms: number | null; readonly staleness_bound_ms: number } {
  const { heartbeatRecordTtlMs, claimRecordTtlMs } = constants;
  const bound = { staleness_bound_ms: Math.max(heartbeatRecordTtlMs, claimRecordTtlMs) };
  if (expiresAt === undefined) return { age_ms: null, ...bound };
  const leftMs = expiresAt - clock.now();
  const ttlMs = leftMs > heartbeatRecordTtlMs ? claimRecordTtlMs : heartbeatRecordTtlMs;
  return { age_ms: Math.max(0, Math.round(ttlMs - leftMs)), ...bound };
}

/** A peer that was looked up, or that is in the local store. */
export function peerView({ context }: FreshnessSource, peer: StoredPeer): object {
  const { id, relation, verify, record, updated_at, ...fields } = peer;
  const relations = Object.entries(RELATIONS).find(([, value]) => value === relation);
  return {
    ...fields,
    did: id,
    relation: relations?.[0].toLowerCase() ?? 'none',
    verified: verify,
    expires_at: record?.expiry_date ?? null,
    updated_at: formatTime(updated_at),
    record: record ?? null,
    ...freshness(context, record === undefined ? undefined : parseTime(record.expiry_date)),
  };
}

function rounded(value: number | undefined, digits = 2): number | null {
  return value === undefined ? null : Number(value.toFixed(digits));
}

function secondsUntil(until: number, now: number): number {
  return Math.max(0, Math.ceil((until - now) / 1000));
}
