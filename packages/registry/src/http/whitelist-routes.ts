import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { HttpDependencies } from './dependencies.ts';
import { saved } from './errors.ts';
import { adminOf, requireAdmin } from './guards.ts';
import { MAX_WHITELIST_BODY_BYTES } from './limits.ts';
import {
  ADMIN_ERRORS,
  ADMIN_SECURITY,
  CHANGE_ERRORS,
  WhitelistBody,
  WhitelistChangedReply,
  WhitelistReply,
} from './schemas.ts';

/** The sources with rates of their own (spec section 2.10). */
export const whitelistRoutes: FastifyPluginCallbackTypebox<{ dependencies: HttpDependencies }> = (
  app,
  { dependencies },
  done,
) => {
  const { adminTokens, whitelist } = dependencies;

  app.get(
    '/api/admin/whitelist',
    {
      onRequest: requireAdmin(adminTokens, 'read'),
      schema: {
        summary: 'Sources with rates of their own',
        security: ADMIN_SECURITY,
        response: { 200: WhitelistReply, ...ADMIN_ERRORS },
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
    onRequest: requireAdmin(adminTokens, 'operations'),
    bodyLimit: MAX_WHITELIST_BODY_BYTES,
    schema: {
      summary: 'Replace the sources with rates of their own',
      security: ADMIN_SECURITY,
      body: WhitelistBody,
      response: { 200: WhitelistChangedReply, ...CHANGE_ERRORS },
    },
    handler: async (request) => {
      const entries = Array.isArray(request.body) ? request.body : request.body.entries;
      await saved(whitelist.replace(entries, adminOf(request)), 'the whitelist');
      return { ok: true, count: whitelist.entries().length };
    },
  });

  done();
};
