import type { MetricsRegistry } from '@muster/core';
import type { AdmissionControl } from '../admission/index.ts';
import type { SignatureVerifier } from '../auth/index.ts';
import type { Engine } from '../engine/engine.ts';
import type { SessionHost } from '../server/session-host.ts';
import type { RegistryStore } from './store.ts';

export interface MetricsSources {
  readonly engine: Engine;
  readonly verifier: SignatureVerifier;
  readonly admission: AdmissionControl;
  readonly sessions: SessionHost;
  readonly store: RegistryStore;
  readonly nodesOnline: () => number;
  readonly uptimeSeconds: () => number;
}

/** Declares the figures that are asked for when somebody looks (spec 15), beside the counters of the engine. */
export function declareMetrics(metrics: MetricsRegistry, sources: MetricsSources): void {
  const { engine, verifier, admission, sessions, store } = sources;
  const { state, lists } = engine;
  const gauge = (name: string, help: string, collect: () => number): void =>
    metrics.collected('gauge', name, help, collect);
  const counter = (name: string, help: string, collect: () => number): void =>
    metrics.collected('counter', name, help, collect);
  gauge('pilot_nodes_online', 'Live nodes seen within the stale threshold.', sources.nodesOnline);
  gauge('pilot_nodes_total', 'Live nodes.', () => state.nodes.liveCount);
  gauge('pilot_trust_links', 'Trust pairs and pending reports.', () => state.trust.size);
  gauge('pilot_uptime_seconds', 'Seconds since the start.', sources.uptimeSeconds);
  gauge(
    'pilot_pubkeys_total',
    'Known public keys, of live nodes and of those that are gone.',
    () => state.nodes.keyCount,
  );
  gauge('pilot_networks_total', 'Networks without the backbone.', () => state.networks.size - 1);
  gauge('pilot_networks_enterprise', 'Networks with the enterprise flag.', () => {
    let count = 0;
    for (const network of state.networks.values()) if (network.profile.enterprise) count++;
    return count;
  });
  metrics.collected('gauge', 'pilot_network_members', 'Members by network.', function* () {
    for (const network of state.networks.values()) {
      if (network.id === 0) continue;
      yield { labels: { network: String(network.id) }, value: network.memberCount };
    }
  });
  gauge('pilot_idp_configured', 'Whether an identity provider is configured.', () =>
    state.identityProvider === undefined ? 0 : 1,
  );
  gauge('pilot_replication_is_standby', 'Whether this server is a standby.', () =>
    engine.isStandby ? 1 : 0,
  );
  gauge('pilot_registry_tcp_connections', 'Open connections.', () => sessions.sessionCount);
  counter('pilot_list_nodes_cache_hits', 'Lists answered from kept bodies.', () => lists.hits);
  counter('pilot_list_nodes_cache_waits', 'Lists that waited for a body to be built.', () => lists.waits);
  counter('pilot_list_nodes_cache_rebuilds', 'Bodies built.', () => lists.rebuilds);
  metrics.collected('counter', 'pilot_signature_verify_total', 'Signature checks by result.', function* () {
    for (const [result, value] of Object.entries(verifier.counts)) yield { labels: { result }, value };
  });
  metrics.collected('counter', 'pilot_ratelimit_denied_total', 'Refusals by kind of limit.', function* () {
    for (const [kind, value] of Object.entries(admission.deniedTotal)) yield { labels: { kind }, value };
  });
  declareStoreMetrics(metrics, store);
  gauge(
    'muster_tombstones',
    'Remembered identities of nodes that are gone.',
    () => state.nodes.tombstoneCount,
  );
  gauge('muster_node_arena_bytes', 'Memory of node profiles.', () => state.nodes.arena.allocatedBytes);
  gauge('muster_signatures_queued', 'Signature checks that wait.', () => verifier.queued);
}

function declareStoreMetrics(metrics: MetricsRegistry, store: RegistryStore): void {
  const gauge = (name: string, help: string, collect: () => number): void =>
    metrics.collected('gauge', name, help, collect);
  gauge('pilot_wal_size_bytes', 'Bytes of the log.', () => store.logStats?.logBytes ?? 0);
  metrics.collected('counter', 'pilot_save_total', 'Snapshots written.', () => store.snapshots.total);
  metrics.collected(
    'counter',
    'pilot_save_failures_total',
    'Snapshots that failed.',
    () => store.snapshots.failed,
  );
  gauge('pilot_save_last_unix_seconds', 'When the last snapshot was written.', () =>
    Math.floor((store.snapshots.lastAtMs ?? 0) / 1000),
  );
  gauge('muster_log_appended_seq', 'Last event.', () => store.log.appendedSeq);
  gauge('muster_log_durable_seq', 'Last durable event.', () => store.log.durableSeq);
  gauge(
    'muster_log_last_sync_seconds',
    'Duration of the last sync.',
    () => (store.logStats?.lastSyncDurationMs ?? 0) / 1000,
  );
  metrics.collected(
    'counter',
    'muster_log_syncs_total',
    'Syncs of the log.',
    () => store.logStats?.syncs ?? 0,
  );
  metrics.collected(
    'counter',
    'muster_log_bytes_written_total',
    'Bytes written to the log.',
    () => store.logStats?.bytesWritten ?? 0,
  );
}
