export { statusErrors } from './errors.ts';
export { STATUS_ROUTES } from './routes.ts';
export { StatusServer } from './status-server.ts';
export type { FoundPeer, IndexerStatus, StatusSource } from './status-source.ts';
