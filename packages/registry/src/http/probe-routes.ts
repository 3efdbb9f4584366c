import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { errorCode, METRICS_CONTENT_TYPE, MusterError } from '@muster/core';
import { Type } from 'typebox';
import type { HttpDependencies } from './dependencies.ts';
import { httpErrors } from './errors.ts';
import { requireLocal } from './guards.ts';
import { ErrorReply, HealthzReply, ReadyzReply, SnapshotReply } from './schemas.ts';

/** What orchestrators, monitors and the machine's own administrator ask: `/healthz`, `/readyz`, `/metrics`, a snapshot. */
export const probeRoutes: FastifyPluginCallbackTypebox<{ dependencies: HttpDependencies }> = (
  app,
  { dependencies },
  done,
) => {
  app.get(
    '/healthz',
    {
      schema: {
        summary: 'Whether the process is alive',
        description: '503 only when the registry has failed for good; it is alive while it starts.',
        response: { 200: HealthzReply, 503: HealthzReply },
      },
    },
    async (_request, reply) => {
      const { status, version, serverVersion, uptimeSeconds, nodesOnline } = dependencies.health();
      return reply.code(status === 'failed' ? 503 : 200).send({
        status,
        version,
        server_version: serverVersion,
        uptime_seconds: Math.floor(uptimeSeconds),
        nodes_online: nodesOnline,
      });
    },
  );

  app.get(
    '/readyz',
    {
      schema: {
        summary: 'Whether requests should be sent here now',
        response: { 200: ReadyzReply, 503: ReadyzReply },
      },
    },
    async (_request, reply) => {
      const reason = dependencies.notReadyReason();
      return reason === undefined
        ? reply.code(200).send({ ready: true })
        : reply.code(503).send({ ready: false, reason });
    },
  );

  app.get(
    '/metrics',
    {
      onRequest: requireLocal,
      schema: {
        summary: 'Metrics in the Prometheus text format 0.0.4 (local callers only)',
        produces: ['text/plain'],
        response: { 200: Type.String(), 403: ErrorReply },
      },
    },
    async (_request, reply) => reply.type(METRICS_CONTENT_TYPE).send(await dependencies.metrics()),
  );

  app.post(
    '/api/snapshot',
    {
      onRequest: requireLocal,
      schema: {
        summary: 'Write a snapshot now (local callers only)',
        response: { 200: SnapshotReply, 403: ErrorReply, 500: ErrorReply, 503: ErrorReply },
      },
    },
    async () => await writeSnapshot(dependencies),
  );

  done();
};

async function writeSnapshot(dependencies: HttpDependencies): Promise<{ ok: true }> {
  const { status } = dependencies.health();
  if (status !== 'ok') {
    throw httpErrors.create('not_ready', `not ready: ${dependencies.notReadyReason() ?? status}`);
  }
  try {
    await dependencies.writeSnapshot();
  } catch (cause) {
    if (cause instanceof MusterError) throw cause;
    dependencies.logger.error({ error: cause }, 'requested snapshot failed');
    const code = errorCode(cause) ?? 'see the log';
    throw httpErrors.create('snapshot_failed', `snapshot failed: ${code}`, { cause });
  }
  return { ok: true };
}
