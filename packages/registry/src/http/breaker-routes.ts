import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { HttpDependencies } from './dependencies.ts';
import { saved } from './errors.ts';
import { adminOf, requireAdmin } from './guards.ts';
import {
  ADMIN_ERRORS,
  ADMIN_SECURITY,
  BreakerBody,
  BreakerChangedReply,
  BreakerParameters,
  BreakerReply,
  CHANGE_ERRORS,
} from './schemas.ts';
import { timestamp } from './timestamp.ts';

/** The breakers: listed, set, closed (spec section 3.2). */
export const breakerRoutes: FastifyPluginCallbackTypebox<{ dependencies: HttpDependencies }> = (
  app,
  { dependencies },
  done,
) => {
  const { adminTokens, breakers } = dependencies;

  app.get(
    '/api/breakers',
    {
      onRequest: requireAdmin(adminTokens, 'read'),
      schema: {
        summary: 'The breakers',
        security: ADMIN_SECURITY,
        response: { 200: Type.Array(BreakerReply), ...ADMIN_ERRORS },
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
    onRequest: requireAdmin(adminTokens, 'operations'),
    schema: {
      summary: 'Set a breaker',
      security: ADMIN_SECURITY,
      params: BreakerParameters,
      body: BreakerBody,
      response: { 200: BreakerChangedReply, ...CHANGE_ERRORS },
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
    onRequest: requireAdmin(adminTokens, 'operations'),
    schema: {
      summary: 'Close a breaker and take it out of the file',
      security: ADMIN_SECURITY,
      params: BreakerParameters,
      response: { 200: BreakerChangedReply, ...CHANGE_ERRORS },
    },
    handler: async (request) => {
      const { name } = request.params;
      await saved(breakers.clear(name, adminOf(request)), `breaker ${name}`);
      return { ok: true, name };
    },
  });

  done();
};
