export { createLibp2pOverlay } from './libp2p-overlay.ts';
export type { Libp2pOverlayOptions } from './options.ts';
export type { ConnectionLimits } from './connection-limits.ts';
export type { ConnectionPolicy, ConnectionVerdict } from '../connection-policy.ts';
export { createPeerNetwork } from './peer-network.ts';
export type { PeerNetwork, PeerNetworkOptions } from './peer-network.ts';
