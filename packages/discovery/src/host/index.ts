export { STATUS_ROUTES } from '../http/index.ts';
export type { StatusRoute } from '../http/index.ts';
export { declareDiscoveryMetrics } from '../observability/index.ts';
export type { MetricsSources } from '../observability/index.ts';
export { DiscoveryHost } from './discovery-host.ts';
export type { HostOptions } from './discovery-host.ts';
export { FilePeerStore } from '../stores/adapters/file-peer-store.ts';
