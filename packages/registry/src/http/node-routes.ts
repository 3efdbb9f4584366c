import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { HttpDependencies } from './dependencies.ts';
import { httpErrors } from './errors.ts';
import { adminOf, requireAdmin } from './guards.ts';
import { ADMIN_SECURITY, CHANGE_ERRORS, ErrorReply } from './schemas.ts';

/** What administrators change of single nodes and no message of the protocol does. */
export const nodeRoutes: FastifyPluginCallbackTypebox<{ dependencies: HttpDependencies }> = (
  app,
  { dependencies },
  done,
) => {
  app.route({
    method: 'DELETE',
    url: '/api/admin/nodes/:id/signature-ratchet',
    onRequest: requireAdmin(dependencies.adminTokens, 'nodes'),
    schema: {
      summary: 'Accept v1 signatures of a node again, for instance after going back to an old client',
      security: ADMIN_SECURITY,
      params: Type.Object({ id: Type.String({ pattern: '^[1-9][0-9]{0,9}$', description: 'node id' }) }),
      response: {
        200: Type.Object({ ok: Type.Boolean(), node_id: Type.Integer() }),
        ...CHANGE_ERRORS,
        503: ErrorReply,
      },
    },
    handler: async (request) => {
      const id = Number(request.params.id);
      const { health, notReadyReason, clearSignatureRatchet } = dependencies;
      const { status } = health();
      if (status !== 'ok') throw httpErrors.create('not_ready', `not ready: ${notReadyReason() ?? status}`);
      if (!(await clearSignatureRatchet(id, adminOf(request)))) {
        throw httpErrors.create('not_found', `node ${id}: node not found`);
      }
      return { ok: true, node_id: id };
    },
  });

  done();
};
