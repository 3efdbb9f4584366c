import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { HttpDependencies } from './dependencies.ts';
import { requireAdmin } from './guards.ts';
import { processFigures } from './process-figures.ts';
import { ADMIN_ERRORS, ADMIN_SECURITY, RuntimeReply, SnapshotHealthReply } from './schemas.ts';
import { rfc3339, timestamp } from './timestamp.ts';

/** What an operator looks at: snapshots, log, replication, process. */
export const figureRoutes: FastifyPluginCallbackTypebox<{ dependencies: HttpDependencies }> = (
  app,
  { dependencies },
  done,
) => {
  const { adminTokens, breakers, clock } = dependencies;

  app.get(
    '/api/health',
    {
      onRequest: requireAdmin(adminTokens, 'read'),
      schema: {
        summary: 'Snapshots, log and replication',
        security: ADMIN_SECURITY,
        response: { 200: SnapshotHealthReply, ...ADMIN_ERRORS },
      },
    },
    async () => {
      const figures = dependencies.snapshotFigures();
      return {
        snapshots_total: figures.snapshotsTotal,
        snapshots_failed: figures.snapshotsFailed,
        max_snapshot_duration_ms: figures.maxSnapshotDurationMs,
        server_time: rfc3339(clock.now()),
        last_snapshot_at: timestamp(figures.lastSnapshotAtMs),
        last_snapshot_duration_ms: figures.lastSnapshotDurationMs,
        last_snapshot_size_bytes: figures.lastSnapshotSizeBytes,
        last_snapshot_rlock_ms: figures.lastSnapshotStallMs,
        wal_size_bytes: figures.logSizeBytes,
        snapshot_write_breaker:
          breakers.list().find((breaker) => breaker.name === 'snapshot.write')?.state ?? 'closed',
        replication_subscribers: figures.replicationSubscribers,
      };
    },
  );

  const readProcess = processFigures();
  app.get(
    '/api/runtime',
    {
      onRequest: requireAdmin(adminTokens, 'read'),
      schema: {
        summary: 'Figures of the process',
        security: ADMIN_SECURITY,
        response: { 200: RuntimeReply, ...ADMIN_ERRORS },
      },
    },
    async () => ({ ...readProcess(), registry: { ...dependencies.runtimeFigures() } }),
  );

  done();
};
