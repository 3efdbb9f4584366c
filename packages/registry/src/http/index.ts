export { createHttpServer } from './create-http-server.ts';
export type { HttpServer } from './create-http-server.ts';
export type {
  DurabilityFigures,
  FleetFigures,
  HealthFigures,
  HttpDependencies,
  LazyEvent,
  ServiceStatus,
  SnapshotFigures,
} from './dependencies.ts';
export { answerOf, httpErrors } from './errors.ts';
export type { ErrorAnswer } from './errors.ts';
export { adminOf, requireAdmin, requireLocal } from './guards.ts';
export {
  HTTP_HEADER_TIMEOUT_MS,
  HTTP_KEEP_ALIVE_MS,
  HTTP_REQUEST_TIMEOUT_MS,
  MAX_HTTP_BODY_BYTES,
  MAX_HTTP_CONNECTIONS,
  MAX_HTTP_HEADER_BYTES,
  MAX_WHITELIST_BODY_BYTES,
} from './limits.ts';
