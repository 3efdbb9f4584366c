import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { AdminScope } from '../auth/admin-tokens.ts';
import type { HttpDependencies } from './dependencies.ts';
import { saved } from './errors.ts';
import { adminOf, requireAdmin } from './guards.ts';
import { MAX_WHITELIST_BODY_BYTES } from './limits.ts';
import { processFigures } from './process-figures.ts';
import {
  BreakerBody,
  BreakerChangedReply,
  BreakerParameters,
  BreakerReply,
  ErrorReply,
  RuntimeReply,
  SnapshotHealthReply,
  WhitelistBody,
  WhitelistChangedReply,
  WhitelistReply,
} from './schemas.ts';

const security = [{ adminToken: [] }];
const errors = { 400: ErrorReply, 401: ErrorReply, 403: ErrorReply, 404: ErrorReply, 500: ErrorReply };
const readErrors = { 401: ErrorReply, 403: ErrorReply };

/** Operating the registry with an admin token: breakers, whitelist, figures. */
export const adminRoutes: FastifyPluginCallbackTypebox<{ dependencies: HttpDependencies }> = (
  app,
  { dependencies },
  done,
) => {
  const { adminTokens, breakers, clock, whitelist } = dependencies;
  const admin = (scope: AdminScope) => ({ onRequest: requireAdmin(adminTokens, scope) });

  app.get(
    '/api/breakers',
    {
      ...admin('read'),
      schema: {
        summary: 'The breakers',
        security,
        response: { 200: Type.Array(BreakerReply), ...readErrors },
      },
    },
    async () =>
      breakers.list().map((breaker) => ({
        name: breaker.name,
        state: breaker.state,
        reason: breaker.reason,
        updated_at: timestamp(breaker.updatedAtMs),
        allowed_total: breaker.allowedTotal,
        denied_total: breaker.deniedTotal,
        last_denied_at: timestamp(breaker.lastDeniedAtMs),
      })),
  );

  app.route({
    method: ['PUT', 'POST'],
    url: '/api/breakers/:name',
    ...admin('operations'),
    schema: {
      summary: 'Set a breaker',
      security,
      params: BreakerParameters,
      body: BreakerBody,
      response: { 200: BreakerChangedReply, ...errors },
    },
    handler: async (request) => {
      const { name } = request.params;
      const { state, reason = '' } = request.body;
      await saved(breakers.set(name, state, reason, adminOf(request)), `breaker ${name}`);
      return { ok: true, name };
    },
  });

  app.route({
    method: 'DELETE',
    url: '/api/breakers/:name',
    ...admin('operations'),
    schema: {
      summary: 'Close a breaker and take it out of the file',
      security,
      params: BreakerParameters,
      response: { 200: BreakerChangedReply, ...errors },
    },
    handler: async (request) => {
      const { name } = request.params;
      await saved(breakers.clear(name, adminOf(request)), `breaker ${name}`);
      return { ok: true, name };
    },
  });

  app.get(
    '/api/admin/whitelist',
    {
      ...admin('read'),
      schema: {
        summary: 'Sources with rates of their own',
        security,
        response: { 200: WhitelistReply, ...readErrors },
      },
    },
    async () => {
      const entries = [...whitelist.entries()];
      return { entries, count: entries.length };
    },
  );

  app.route({
    method: 'PUT',
    url: '/api/admin/whitelist',
    ...admin('operations'),
    bodyLimit: MAX_WHITELIST_BODY_BYTES,
    schema: {
      summary: 'Replace the sources with rates of their own',
      security,
      body: WhitelistBody,
      response: { 200: WhitelistChangedReply, ...errors },
    },
    handler: async (request) => {
      const entries = Array.isArray(request.body) ? request.body : request.body.entries;
      await saved(whitelist.replace(entries, adminOf(request)), 'the whitelist');
      return { ok: true, count: whitelist.entries().length };
    },
  });

  app.get(
    '/api/health',
    {
      ...admin('read'),
      schema: {
        summary: 'Snapshots, log and replication',
        security,
        response: { 200: SnapshotHealthReply, ...readErrors },
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
      ...admin('read'),
      schema: { summary: 'Figures of the process', security, response: { 200: RuntimeReply, ...readErrors } },
    },
    async () => ({ ...readProcess(), registry: { ...dependencies.runtimeFigures() } }),
  );

  done();
};

function timestamp(ms: number | undefined): string | null {
  return ms === undefined ? null : rfc3339(ms);
}

/** Seconds precision, UTC (spec section 1.4). */
function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
