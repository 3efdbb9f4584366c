export { DiscoveryHost } from './discovery-host.ts';
export type { HostOptions } from './discovery-host.ts';
