export { createLibp2pOverlay } from './libp2p-overlay.ts';
export type { Libp2pOverlayOptions } from './parts.ts';
