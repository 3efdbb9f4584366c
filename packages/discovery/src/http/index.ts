export { statusErrors } from './errors.ts';
export { statusSourceOf } from './daemon-source.ts';
export { STATUS_ROUTES } from './routes.ts';
export type { Route as StatusRoute } from './routes.ts';
export { StatusServer } from './status-server.ts';
export type { IndexerStatus, StatusSource } from './status-source.ts';
