import { recordingLogger, systemRandom } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { WhitelistFile } from '../../src/admission/index.ts';
import { type AdminScope, AdminTokens, createAdminToken } from '../../src/auth/admin-tokens.ts';
import { BreakerFile, BreakerSet } from '../../src/breakers/index.ts';
import { createHttpServer, type HealthFigures, type HttpDependencies } from '../../src/http/index.ts';
import { MemoryOperatorFiles } from '../operator-files/memory-operator-files.ts';

export const ADMIN_TOKEN = 'correct horse battery staple';

/** A registry without nodes in which nothing happens; fleet-routes.test.ts has a real one. */
const noFleet: HttpDependencies['fleet'] = {
  nodePage: async () => ({ nodes: [], next: undefined }),
  seenPage: () => ({ seen: [], next: undefined }),
  nodesTotal: () => 0,
  onlineSince: () => 0,
  staleAfterSeconds: 1_800,
  durability: () => ({
    mode: 'memory',
    appliedSeq: 0,
    durableSeq: 0,
    lastSyncAtMs: undefined,
    lastSyncDurationMs: 0,
    logBytes: 0,
    lastSnapshotAtMs: undefined,
    lastSnapshotBytes: undefined,
    lastSnapshotSeq: undefined,
    isFailed: false,
  }),
  requestsTotal: () => 0,
  lastEventId: 0,
  eventsSince: () => [],
  onEvents: () => () => undefined,
};

/** An HTTP interface on real breakers and a real whitelist, in front of a registry that the test plays. */
export async function httpFixture(options: { plainToken?: string; scoped?: readonly AdminScope[] } = {}) {
  const clock = new ManualClock(Date.parse('2026-03-04T05:06:07.890Z'));
  const logger = recordingLogger();
  const files = new MemoryOperatorFiles();
  const breakers = new BreakerSet();
  const ports = { files, clock, timers: clock, log: logger };
  const breakerFile = new BreakerFile({ ...ports, path: '/data/breakers.json', breakers });
  const whitelistFile = new WhitelistFile({
    ...ports,
    path: '/data/whitelist.json',
    changed: () => undefined,
  });
  const scoped = createAdminToken({ name: 'scoped', scopes: options.scoped ?? ['read'] }, systemRandom);
  const entries = options.scoped === undefined ? [] : [scoped.entry];
  const adminTokens = new AdminTokens(entries, options.plainToken ?? ADMIN_TOKEN, systemRandom);
  const state = {
    health: {
      status: 'ok',
      version: '1.0',
      serverVersion: '0.1.0',
      uptimeSeconds: 12.9,
      nodesOnline: 3,
    } as HealthFigures,
    notReady: undefined as string | undefined,
    snapshots: 0,
    metricsFailure: undefined as Error | undefined,
    snapshotFailure: undefined as Error | undefined,
    audited: [] as unknown[][],
  };
  const dependencies: HttpDependencies = {
    clock,
    timers: clock,
    fleet: noFleet,
    logger,
    adminTokens,
    health: () => state.health,
    notReadyReason: () => state.notReady,
    metrics: async () => {
      if (state.metricsFailure !== undefined) throw state.metricsFailure;
      return '# HELP pilot_nodes_online Nodes.\n# TYPE pilot_nodes_online gauge\npilot_nodes_online 3\n';
    },
    snapshotFigures: () => ({
      snapshotsTotal: 4,
      snapshotsFailed: 1,
      maxSnapshotDurationMs: 120.5,
      lastSnapshotAtMs: state.snapshots === 0 ? undefined : clock.now(),
      lastSnapshotDurationMs: 30,
      lastSnapshotSizeBytes: 1_000,
      lastSnapshotStallMs: 0.5,
      logSizeBytes: 2_000,
      replicationSubscribers: 2,
    }),
    writeSnapshot: async () => {
      if (state.snapshotFailure !== undefined) throw state.snapshotFailure;
      state.snapshots += 1;
    },
    clearSignatureRatchet: async (nodeId, by) => {
      if (nodeId !== 7) return false;
      state.audited.push(['ratchet', nodeId, by.name]);
      return true;
    },
    runtimeFigures: () => ({ connections: 7, role: 'primary' }),
    breakers: {
      list: () => breakers.list(),
      set: async (name, to, reason, by) => {
        await breakerFile.set(name, to, reason);
        state.audited.push(['breaker.set', name, to, reason, by.name]);
      },
      clear: async (name, by) => {
        await breakerFile.clear(name);
        state.audited.push(['breaker.delete', name, by.name]);
      },
    },
    whitelist: {
      entries: () => whitelistFile.current.entries,
      replace: async (list, by) => {
        await whitelistFile.replace(list);
        state.audited.push(['whitelist', list.length, by.name]);
      },
    },
  };
  const server = await createHttpServer(dependencies);
  return { server, app: server.app, state, breakers, files, clock, logger, scopedToken: scoped.token };
}
