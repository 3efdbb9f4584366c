import type { EventBus, MetricsRegistry } from '@muster/core';
import type { AdmissionControl } from '../admission/index.ts';
import type { SignatureVerifier } from '../auth/index.ts';
import type { Engine } from '../engine/engine.ts';
import type { Directory } from '../model/directory.ts';
import type { Network, Role } from '../model/network.ts';
import { NodeFlag } from '../model/node-table.ts';
import type { RegistryTopics } from '../registry.ts';
import type { SessionHost } from '../server/session-host.ts';
import type { RegistryStore } from './store.ts';

export interface MetricsSources {
  readonly engine: Engine;
  readonly verifier: SignatureVerifier;
  readonly admission: AdmissionControl;
  readonly sessions: SessionHost;
  readonly store: RegistryStore;
  readonly bus: EventBus<RegistryTopics>;
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
  gauge('pilot_task_executors', 'Live nodes that run tasks for others.', () =>
    countLive(state, NodeFlag.taskExec),
  );
  gauge(
    'pilot_runtime_goroutines',
    'Open connections and listeners; the name is that of the original, see muster_event_loop_lag for load.',
    () => sessions.sessionCount + 1,
  );
  declareNetworkMetrics(metrics, state);
  counter(
    'pilot_event_bus_publish_total',
    'Events published in the process.',
    () => sources.bus.publishedEvents,
  );
  metrics.collected('counter', 'pilot_event_bus_publish_by_type_total', 'The same by topic.', function* () {
    for (const [event, value] of sources.bus.publishedByTopic) yield { labels: { event }, value };
  });
  gauge('muster_leases_held', 'Leases that are held.', () => state.leases.held.size);
  gauge(
    'muster_leases_done',
    'Resources of which is remembered who has done them.',
    () => state.leases.done.size,
  );
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
  const durations = metrics.histogram(
    'pilot_save_duration_seconds',
    'Time that writing a snapshot took.',
    SAVE_BOUNDS_SECONDS,
  );
  store.onSnapshot = (durationMs) => durations.observe(durationMs / 1000);
  metrics.collected(
    'counter',
    'pilot_wal_errors_total',
    'Failures of the log; the first one stops the registry.',
    () => (store.logStats?.failed === true ? 1 : 0),
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

const SAVE_BOUNDS_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

function countLive(state: Directory, flag: number): number {
  const wanted = NodeFlag.live | flag;
  let count = 0;
  for (let slot = 0; slot < state.nodes.usedSlots; slot++) {
    if (((state.nodes.flags[slot] as number) & wanted) === wanted) count++;
  }
  return count;
}

/** Figures of single networks; the number of series is bounded by the metrics registry. */
function declareNetworkMetrics(metrics: MetricsRegistry, state: Directory): void {
  const perNetwork = (name: string, help: string, value: (network: Network) => number): void =>
    metrics.collected('gauge', name, help, function* () {
      for (const network of state.networks.values()) {
        if (network.id !== 0) yield { labels: { network: String(network.id) }, value: value(network) };
      }
    });
  const withRole = (network: Network, role: Role): number => {
    let count = 0;
    for (const held of network.roles.values()) if (held === role) count++;
    return count;
  };
  perNetwork('pilot_network_members', 'Members by network.', (network) => network.memberCount);
  perNetwork('pilot_network_admins', 'Admins by network.', (network) => withRole(network, 'admin'));
  perNetwork('pilot_network_owners', 'Owners by network.', (network) => withRole(network, 'owner'));
  perNetwork('pilot_network_enterprise', 'Whether a network has the enterprise flag.', (network) =>
    network.profile.enterprise ? 1 : 0,
  );
  perNetwork('pilot_network_policy_set', 'Whether a network has a policy.', (network) =>
    network.profile.policy === undefined && network.profile.exprPolicy === undefined ? 0 : 1,
  );
}
