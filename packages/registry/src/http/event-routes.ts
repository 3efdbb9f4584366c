import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from './dependencies.ts';
import { answerOf } from './errors.ts';
import { EventStream } from './event-stream.ts';
import { requireServing, sentEvent } from './fleet-views.ts';
import { requireAdmin } from './guards.ts';
import { ADMIN_SECURITY, FLEET_ERRORS } from './schemas.ts';

/** What happens to nodes and networks, as it happens. */
export const eventRoutes: FastifyPluginCallbackTypebox<{ dependencies: HttpDependencies }> = (
  app,
  { dependencies },
  done,
) => {
  const { adminTokens, fleet, timers, logger } = dependencies;
  const stream = new EventStream(timers);
  const stopListening = fleet.onEvents((events) => {
    stream.send(() => events.map((event) => sentEvent(event(), fleet.onlineSince())));
  });
  app.addHook('preClose', async () => {
    stopListening();
    stream.stop();
  });

  app.route({
    method: 'GET',
    url: '/api/events',
    onRequest: requireAdmin(adminTokens, 'read'),
    exposeHeadRoute: false,
    schema: {
      summary: 'What happens, as server-sent events',
      description:
        'The id of an event is its place in the log. A reader that comes back with `Last-Event-ID` gets what it missed, or an event ' +
        '`gap`: then it lists the nodes again. Readers that are too slow are cut off. Events are shown when they are durable.',
      security: ADMIN_SECURITY,
      produces: ['text/event-stream'],
      response: { 200: Type.String(), ...FLEET_ERRORS },
    },
    handler: async (request, reply) => {
      requireServing(dependencies);
      const lastId = request.headers['last-event-id'];
      const source = {
        lastId: fleet.lastEventId,
        since: (id: number) => fleet.eventsSince(id)?.map((event) => sentEvent(event(), fleet.onlineSince())),
      };
      const headers = headersOf(reply);
      reply.hijack();
      try {
        stream.add(reply.raw, { headers, source, lastId: typeof lastId === 'string' ? lastId : undefined });
      } catch (error) {
        const { status, body } = answerOf(error, logger);
        reply.raw.writeHead(status, { ...headers, 'content-type': 'application/json; charset=utf-8' });
        reply.raw.end(JSON.stringify(body));
      }
    },
  });

  done();
};

function headersOf(reply: FastifyReply): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
}
