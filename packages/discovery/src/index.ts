export { discoveryConstants } from './constants.ts';
export type { DiscoveryConstants } from './constants.ts';
export type { DiscoveryContext } from './context.ts';
export { DiscoveryDaemon } from './daemon.ts';
export type { DaemonOptions, IndexerParts } from './daemon.ts';
export { discoveryErrors } from './errors.ts';
export type { DiscoveryErrorCode } from './errors.ts';
export type { DiscoveryEvents, EvictionReason } from './events.ts';
export type { ConnectionPolicy, ConnectionVerdict } from './overlay/connection-policy.ts';
export type {
  Deadline,
  Dht,
  DhtNamespace,
  FrameStream,
  GetOptions,
  Gossip,
  GossipMessage,
  GossipVerdict,
  Overlay,
  PeerEvent,
  RemotePeer,
  StreamHandler,
} from './overlay/overlay.ts';
export type { Behaviour, IndexerFacts, NodeRecord, NodeTable, Pool, PoolEntryView } from './parts.ts';
export { derivedDid, isUuid } from './records/did.ts';
export { dhtRules } from './records/dht-rules.ts';
export { ed25519Crypto } from './records/ed25519-crypto.ts';
export { buildIndexerRecord, peerHash, verifyIndexerRecord } from './records/indexer-record.ts';
export type { IndexerRecordFields, VerifiedIndexerRecord } from './records/indexer-record.ts';
export { buildPeerRecord, verifyPeerRecord } from './records/peer-record.ts';
export type {
  PeerRecordFields,
  RecordCheck,
  RecordCheckOptions,
  RecordFault,
} from './records/peer-record.ts';
export { INDEXERS_CID } from './records/provider-key.ts';
export type { RecordCrypto } from './records/record-crypto.ts';
export { DEFAULT_SETTINGS } from './settings.ts';
export type { DiscoverySettings } from './settings.ts';
export { isVisible } from './stores/access-filter.ts';
export { FilePeerStore } from './stores/adapters/file-peer-store.ts';
export { FilePlannerProvider, FileResourceStore } from './stores/adapters/file-resource-store.ts';
export { DATA_TYPES, dataTypeOf, RESOURCE_TYPES } from './stores/data-types.ts';
export type { DataType } from './stores/data-types.ts';
export { MemoryPeerStore } from './stores/memory-peer-store.ts';
export { MemoryResourceStore } from './stores/memory-resource-store.ts';
export type { StoredResource } from './stores/memory-resource-store.ts';
export { RELATIONS } from './stores/peer-store.ts';
export type { PeerStore, Relation, StoredPeer } from './stores/peer-store.ts';
export { MemoryPlannerProvider } from './stores/planner-provider.ts';
export type { PlannerProvider } from './stores/planner-provider.ts';
export { PUBLIC_ACCESS } from './stores/resource-store.ts';
export type {
  AccessFilter,
  Resource,
  ResourceStore,
  WritableResourceStore,
} from './stores/resource-store.ts';
export {
  formatPeerAddress,
  isPeerId,
  parsePeerAddress,
  usableAddresses,
  usableAddrInfo,
} from './wire/addresses.ts';
export { encodeFrame, FrameDecoder } from './wire/frame-decoder.ts';
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
export { formatTime, parseTime } from './wire/time.ts';
