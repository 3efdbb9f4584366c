import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { HttpDependencies } from './dependencies.ts';
import { nodeReply, requireServing } from './fleet-views.ts';
import { requireAdmin } from './guards.ts';
import { DEFAULT_NODES_PER_PAGE, MAX_NODES_PER_PAGE, MAX_SEEN_PER_PAGE } from './limits.ts';
import {
  ADMIN_SECURITY,
  DurabilityReply,
  FLEET_ERRORS,
  NodePageReply,
  PageFrom,
  SeenReply,
} from './schemas.ts';
import { timestamp } from './timestamp.ts';

type Routes = FastifyPluginCallbackTypebox<{ dependencies: HttpDependencies }>;

/** What a view of the whole fleet is made of: the nodes, and when they were seen. */
export const fleetRoutes: Routes = (app, { dependencies }, done) => {
  const { adminTokens, fleet } = dependencies;

  app.route({
    method: 'GET',
    url: '/api/nodes',
    onRequest: requireAdmin(adminTokens, 'read'),
    schema: {
      summary: 'The live nodes, page by page, in no particular order',
      security: ADMIN_SECURITY,
      querystring: Type.Object({
        from: PageFrom,
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_NODES_PER_PAGE })),
      }),
      response: { 200: NodePageReply, ...FLEET_ERRORS },
    },
    handler: async (request) => {
      requireServing(dependencies);
      const { from = 0, limit = DEFAULT_NODES_PER_PAGE } = request.query;
      const lastEvent = fleet.lastEventId;
      const { nodes, next } = await fleet.nodePage(from, limit);
      const onlineSince = fleet.onlineSince();
      return {
        nodes: nodes.map((node) => nodeReply(node, onlineSince)),
        next: next ?? null,
        last_event: lastEvent,
        nodes_total: fleet.nodesTotal(),
        stale_after_seconds: fleet.staleAfterSeconds,
      };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/nodes/seen',
    onRequest: requireAdmin(adminTokens, 'read'),
    schema: {
      summary: 'Which nodes have shown signs of life lately, and when; signs of life are no events',
      security: ADMIN_SECURITY,
      querystring: Type.Object({
        since: Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'unix seconds, inclusive' }),
        from: PageFrom,
      }),
      response: { 200: SeenReply, ...FLEET_ERRORS },
    },
    handler: async (request) => {
      requireServing(dependencies);
      const { since, from = 0 } = request.query;
      const { seen, next } = fleet.seenPage(since, from, MAX_SEEN_PER_PAGE);
      return {
        seen: seen.map(([id, at]) => [id, at]),
        next: next ?? null,
        online: dependencies.health().nodesOnline,
      };
    },
  });

  done();
};

/** How safe what the registry holds is. */
export const durabilityRoutes: Routes = (app, { dependencies }, done) => {
  const { adminTokens, fleet } = dependencies;

  app.get(
    '/api/durability',
    {
      onRequest: requireAdmin(adminTokens, 'read'),
      schema: {
        summary: 'What a crash would leave: how the log stands with the disk',
        security: ADMIN_SECURITY,
        response: { 200: DurabilityReply, ...FLEET_ERRORS },
      },
    },
    async () => {
      const figures = fleet.durability();
      return {
        mode: figures.mode,
        applied_seq: figures.appliedSeq,
        durable_seq: figures.durableSeq,
        last_sync_at: timestamp(figures.lastSyncAtMs),
        last_sync_duration_ms: figures.lastSyncDurationMs,
        log_bytes: figures.logBytes,
        last_snapshot_at: timestamp(figures.lastSnapshotAtMs),
        last_snapshot_bytes: figures.lastSnapshotBytes ?? null,
        last_snapshot_seq: figures.lastSnapshotSeq ?? null,
        failed: figures.isFailed,
        requests_total: fleet.requestsTotal(),
      };
    },
  );

  done();
};
