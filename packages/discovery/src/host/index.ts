export { DiscoveryHost } from './discovery-host.ts';
export type { HostOptions } from './discovery-host.ts';
export { FilePeerStore } from '../stores/adapters/file-peer-store.ts';
