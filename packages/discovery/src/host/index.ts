export { STATUS_ROUTES } from '../http/index.ts';
export type { StatusRoute } from '../http/index.ts';
export { declareDiscoveryMetrics } from '../observability/index.ts';
export type { MetricsSources } from '../observability/index.ts';
export { DiscoveryHost } from './discovery-host.ts';
export type { HostOptions } from './discovery-host.ts';
export { FilePeerStore } from '../stores/adapters/file-peer-store.ts';
export { readPskFile } from '../identity/adapters/psk-file.ts';
export { createPeerNetwork } from '../overlay/libp2p/index.ts';
export type {
  ConnectionLimits,
  ConnectionPolicy,
  ConnectionVerdict,
  PeerNetwork,
  PeerNetworkOptions,
} from '../overlay/libp2p/index.ts';
