export { discoveryConstants } from './constants.ts';
export type { DiscoveryConstants } from './constants.ts';
export type { DiscoveryContext } from './context.ts';
export { DiscoveryDaemon } from './daemon.ts';
export type { DaemonOptions, IndexerParts } from './daemon.ts';
export { discoveryErrors } from './errors.ts';
export type { DiscoveryErrorCode } from './errors.ts';
export type { DiscoveryEvents, EvictionReason } from './events.ts';
export type {
  Deadline,
  Dht,
  DhtNamespace,
  FrameStream,
  Gossip,
  GossipMessage,
  GossipVerdict,
  Overlay,
  PeerEvent,
  RemotePeer,
  StreamHandler,
} from './overlay/overlay.ts';
export type { Behaviour, IndexerFacts, NodeRecord, NodeTable, Pool, PoolEntryView } from './parts.ts';
export type { RecordCrypto } from './records/record-crypto.ts';
export { DEFAULT_SETTINGS } from './settings.ts';
export type { DiscoverySettings } from './settings.ts';
export { MemoryPeerStore } from './stores/memory-peer-store.ts';
export { RELATIONS } from './stores/peer-store.ts';
export type { PeerStore, StoredPeer } from './stores/peer-store.ts';
export type {
  AddrInfo,
  ErrorFrame,
  GetResponse,
  Heartbeat,
  HeartbeatResponse,
  IndexerCandidatesResponse,
  IndexerRecord,
  PeerId,
  PeerRecord,
  SearchHit,
  SearchPeerResult,
  WireErrorCode,
  WitnessReport,
  WitnessRequest,
} from './wire/messages.ts';
export { DHT_PROTOCOL, FRAME_LIMITS, PROTOCOLS, TOPICS } from './wire/protocols.ts';
