import type { AdminIdentity } from '../auth/index.ts';
import type { HttpDependencies, SnapshotFigures } from '../http/index.ts';
import type { Registry } from '../registry.ts';
import { fleetFigures } from './fleet-figures.ts';

/** The version that the original's interface answers (spec 14). */
const HTTP_INTERFACE_VERSION = '1.0';

/** What the HTTP interface sees of a registry. */
export function httpDependencies(registry: Registry, version: string): HttpDependencies {
  const { clock, breakers, breakerFile, whitelistFile } = registry;
  const audit = (
    action: string,
    name: string,
    by: AdminIdentity,
    details: Record<string, string> = {},
  ): void => {
    registry.engine?.options.onAudit({ action, details: { name, by: by.name, ...details } }, clock.now());
  };
  return {
    clock,
    timers: registry.timers,
    fleet: fleetFigures(registry),
    logger: registry.logger,
    adminTokens: registry.adminTokens,
    health: () => ({
      status: registry.status,
      version: HTTP_INTERFACE_VERSION,
      serverVersion: version,
      uptimeSeconds: Math.floor((clock.now() - registry.startedAtMs) / 1000),
      nodesOnline: registry.nodesOnline(),
    }),
    notReadyReason: () => {
      if (registry.status === 'starting') return 'the store is being loaded';
      if (registry.status !== 'ok') return registry.status;
      return registry.store?.log.congested === true ? 'too many writes wait for the disk' : undefined;
    },
    metrics: () => registry.metrics.render(),
    snapshotFigures: () => snapshotFigures(registry),
    writeSnapshot: async () => {
      await registry.store?.writeSnapshot();
    },
    clearSignatureRatchet: async (nodeId, by) => {
      const { engine, store } = registry;
      if (engine === undefined || store === undefined || engine.state.nodes.slotOf(nodeId) < 0) return false;
      const seq = engine.commit([{ type: 'key.requires_v2', id: nodeId, required: false }]);
      await store.whenDurable(seq);
      const details = { by: by.name };
      engine.options.onAudit({ action: 'key.v2_ratchet_cleared', nodeId, details }, clock.now());
      return true;
    },
    runtimeFigures: () => runtimeFigures(registry),
    breakers: {
      list: () => breakers.list(),
      set: async (name, state, reason, by) => {
        await breakerFile.set(name, state, reason);
        audit('breaker.set', name, by, { state, reason });
      },
      clear: async (name, by) => {
        await breakerFile.clear(name);
        audit('breaker.delete', name, by);
      },
    },
    whitelist: {
      entries: () => whitelistFile.current.entries,
      replace: async (entries) => await whitelistFile.replace(entries),
    },
  };
}

function snapshotFigures(registry: Registry): SnapshotFigures {
  const stats = registry.store?.snapshots;
  const log = registry.store?.logStats;
  return {
    snapshotsTotal: stats?.total ?? 0,
    snapshotsFailed: stats?.failed ?? 0,
    maxSnapshotDurationMs: stats?.maxDurationMs ?? 0,
    lastSnapshotAtMs: stats?.lastAtMs,
    lastSnapshotDurationMs: stats?.lastDurationMs ?? 0,
    lastSnapshotSizeBytes: log?.lastSnapshot?.bytes ?? 0,
    lastSnapshotStallMs: stats?.longestBlockMs ?? 0,
    logSizeBytes: log?.logBytes ?? 0,
    replicationSubscribers: 0,
  };
}

function runtimeFigures(registry: Registry): Readonly<Record<string, number>> {
  const state = registry.directory;
  return {
    nodes: state?.nodes.liveCount ?? 0,
    tombstones: state?.nodes.tombstoneCount ?? 0,
    networks: (state?.networks.size ?? 1) - 1,
    connections: registry.sessions?.sessionCount ?? 0,
    signatures_queued: registry.verifier.queued,
    appended_seq: registry.store?.log.appendedSeq ?? 0,
    durable_seq: registry.store?.log.durableSeq ?? 0,
  };
}
