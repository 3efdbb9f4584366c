export { isDigest, isTag, parseDigest } from './digest.ts';
export { coordinationErrors } from './errors.ts';
export type { CoordinationErrorCode } from './errors.ts';
export type { CoordinationEvents } from './events.ts';
export { DEFAULT_COORDINATION_SETTINGS } from './settings.ts';
export type { CoordinationSettings } from './settings.ts';
export type {
  ClusterMembers,
  ContentDiscovery,
  ContentStore,
  Coordinator,
  Download,
  Downloads,
  LocalCoordinator,
  OriginAdapter,
  Pump,
} from './parts.ts';
export type {
  ByteRange,
  ClusterNode,
  Digest,
  FailureClass,
  NegativeEntry,
  ObjectKind,
  PleasePullResult,
  Provider,
  PullIntent,
  PullJob,
  PullOutcome,
  PumpAnswer,
  Repository,
} from './types.ts';
export { order, RankMemo, rankOf, score, topK } from './election/hrw.ts';
export { scopedNodes } from './election/view.ts';
export type { ElectionScope } from './election/view.ts';
export {
  convergenceTarget,
  HealthScore,
  healthState,
  HEALTHY_SCORE,
  routingTableTarget,
  UNHEALTHY_SCORE,
} from './health/health-score.ts';
export type { HealthState } from './health/health-score.ts';
export { InFlightMap } from './inflight/in-flight-map.ts';
export type { InFlightHandle, InFlightStart } from './inflight/in-flight-map.ts';
export { pollIntervalMs, stallThresholdMs } from './inflight/stall.ts';
export {
  MAX_NEGATIVE_ENTRIES,
  NEGATIVE_SWEEP_INTERVAL_MS,
  NegativeCache,
} from './negative-cache/negative-cache.ts';
export type { NegativeCacheOptions } from './negative-cache/negative-cache.ts';
export {
  cidBytesOf,
  cidTextOf,
  digestBytes,
  digestOf,
  digestOfHash,
  kadKeyOf,
  multihashOf,
  normalizePeerId,
  selfTestDigest,
} from './content-key.ts';
export { CoordClient, hasPartialResults } from './rpc/coord-client.ts';
export type { CoordClientOptions, CoordClientParts, ErrorWithPartial } from './rpc/coord-client.ts';
export {
  CoordServer,
  DEFAULT_MAX_CONCURRENT_STREAMS,
  DEFAULT_STREAM_TIMEOUT_MS,
} from './rpc/coord-server.ts';
export type { CoordServerOptions, CoordServerParts } from './rpc/coord-server.ts';
export type { CoordHooks } from './rpc/hooks.ts';
export { decodeEnvelope, encodeEnvelope } from './wire/envelope.ts';
export type { Envelope } from './wire/envelope.ts';
export { encodeFrame, FrameReader, MAX_MESSAGE_BYTES } from './wire/frame.ts';
export { MAX_DIGESTS, PROTOCOL_ID, PROTOCOL_ID_1_1 } from './wire/messages.ts';
export { ColdStart } from './cold-start/cascade.ts';
export type {
  ColdStartParts,
  ColdStartSettings,
  ProviderSuppression,
  SizeIndex,
} from './cold-start/context.ts';
export type {
  ColdStartRequest,
  CooldownDetails,
  Resolution,
  ShortCircuitDetails,
  TailRefusal,
} from './cold-start/resolution.ts';
export { fileCredentials } from './origin/adapters/file-credentials.ts';
export { CredentialsFile, NO_CREDENTIALS, parseCredentials } from './origin/credentials.ts';
export type { Credentials, CredentialsReader, CredentialsSource } from './origin/credentials.ts';
export {
  originError,
  originFailureOf,
  parseRetryAfter,
  RequestFailure,
  statusClass,
} from './origin/failure.ts';
export { ConnectFailure } from './origin/http.ts';
export type { OriginHttp, OriginReply, OriginRequest } from './origin/http.ts';
export { MANIFEST_ACCEPT, OciOrigin } from './origin/oci-origin.ts';
export { OriginClient } from './origin/origin-client.ts';
export { NodeHttp } from './origin/outbound/node-http.ts';
export { openRegistryOrigins } from './origin/registry-origins.ts';
export type { RegistryOrigins, RegistryOriginsOptions } from './origin/registry-origins.ts';
export { parseEndpoint, RegistryTable } from './origin/registry-table.ts';
export type { RegistryConfig } from './origin/registry-table.ts';
export { TemplateOrigin } from './origin/template-origin.ts';
export { isRepository } from './repository.ts';
export { DescriptorIndex } from './descriptors/descriptor-index.ts';
export type { PeekableStore } from './descriptors/descriptor-index.ts';
export { DownloadRegistry } from './downloads/download-registry.ts';
export type { DownloadRegistryParts, DownloadStore } from './downloads/download-registry.ts';
export { nodeStoreFiles } from './store/adapters/node-store-files.ts';
export { FileContentStore } from './store/file-content-store.ts';
export type { StoreOptions, StoreParts, StoreStats } from './store/file-content-store.ts';
export type { FileFacts, StoreFile, StoreFiles } from './store/files.ts';
export { MemoryFiles } from './store/memory-files.ts';
export { openMemoryStore } from './store/memory-store.ts';
export type { FollowableWriter, WriterFollower } from './store/store-writer.ts';
export type { ProviderCounter } from './store/sweep.ts';
export { FallbackGate } from './fallback/fallback-gate.ts';
export type { FallbackGateParts, FallbackRequest, FallbackVerdict } from './fallback/fallback-gate.ts';
export type { DeclineReason } from './fallback/gate-model.ts';
export { readManifest } from './prefetch/children.ts';
export type { ChildObject, ManifestContent } from './prefetch/children.ts';
export { LocalPrefetch } from './prefetch/local-prefetch.ts';
export type { DetachedCopy, LocalPrefetchParts } from './prefetch/local-prefetch.ts';
export type { DescriptorSink, ManifestSource } from './prefetch/manifest-reader.ts';
export { Prefetch } from './prefetch/prefetch.ts';
export type { PrefetchOffer, PrefetchParts, PrefetchSettings } from './prefetch/prefetch.ts';
export { DONE_PATIENCE_MS, pullLeasing, pullResource } from './lease/pull-leasing.ts';
export type { PullLeasing } from './lease/pull-leasing.ts';
export type { CopyFromPeers, PeerCopyRequest, PullPumpParts, PullSource } from './pump/parts.ts';
export { PullPump } from './pump/pull-pump.ts';
export { isMediaType, sniffMediaType } from './http/sniff.ts';
export { applyRange, parseRange } from './http/ranges.ts';
export { parseContentPath } from './http/paths.ts';
export { HeadLookup } from './mirror/head-lookup.ts';
export type { HeadAnswer, HeadLookupParts, HeadRequest } from './mirror/head-lookup.ts';
export type { MirrorParts } from './mirror/server/mirror-handler.ts';
export { isLoopback } from './mirror/loopback.ts';
export { MirrorServer } from './mirror/server/mirror-server.ts';
export type { MirrorServerOptions } from './mirror/server/mirror-server.ts';
export type { FetchSessionsParts } from './sessions/context.ts';
export { classifyFailure } from './sessions/failure.ts';
export type { FetchRequest, FetchSession, SessionState } from './sessions/fetch-session.ts';
export { FetchSessions } from './sessions/fetch-sessions.ts';
export { ProviderOrder } from './sessions/provider-order.ts';
export { Suppressions, SuppressionTable } from './sessions/suppression.ts';
export { Admission } from './transfer/admission.ts';
export type { AdmissionLimits } from './transfer/admission.ts';
export { isTransferAddress } from './transfer/headers.ts';
export { PeerClient } from './transfer/outbound/peer-client.ts';
export type { PeerClientOptions, PeerClientParts } from './transfer/outbound/peer-client.ts';
export type { PeerOutcome, PeerReply, PeerRequest, PeerTransfer } from './transfer/peer-transfer.ts';
export type { TransferParts } from './transfer/server/transfer-handler.ts';
export { TransferServer } from './transfer/server/transfer-server.ts';
export type { TransferServerOptions } from './transfer/server/transfer-server.ts';
export { loadIdentity } from './identity/adapters/load-identity.ts';
export type { LoadedIdentity } from './identity/adapters/load-identity.ts';
export { encodeIdentityFile, parseIdentityFile } from './identity/identity-file.ts';
export { nodeMemberFiles } from './members/adapters/node-member-files.ts';
export { FileMembers } from './members/file-members.ts';
export type { FileMembersParts } from './members/file-members.ts';
export type { ListedFile, MemberFiles } from './members/files.ts';
export type { KubeApi, KubeEvent, KubeList, KubeResource } from './members/kubernetes/kube-api.ts';
export { KubernetesMembers } from './members/kubernetes/kubernetes-members.ts';
export { kubernetesView, podFacts } from './members/kubernetes/rules.ts';
export { SelfAnnouncer } from './members/kubernetes/self-announcer.ts';
export { formatMemberEntry, parseMemberEntry, parseMembersFile } from './members/member-file.ts';
export type { MemberEntry } from './members/member-file.ts';
export { MemberView } from './members/member-view.ts';
export type { ViewContent } from './members/member-view.ts';
export { SingleMember, ViewedMembers } from './members/members.ts';
export type { OwnEntry, RunningMembers } from './members/members.ts';
export { KubeHttp, serviceAccountEndpoint } from './members/outbound/kube-http.ts';
export {
  formatHostPort,
  parseHostPort,
  publishedMultiaddr,
  publishedMultiaddrs,
  transferAddress,
} from './members/published-address.ts';
export { ListedMembers } from './members/registry-members.ts';
export type { ListedMembersParts } from './members/registry-members.ts';
export { NO_CONTENT_SOURCE, registryOfImageName } from './source/content-source.ts';
export type { ContentSource, SourceAnswer, SourceEvent } from './source/content-source.ts';
export { Advertiser } from './advertise/advertiser.ts';
export type { AdvertiserParts } from './advertise/advertiser.ts';
export { ContentDiscoveryAgent } from './advertise/content-discovery.ts';
export type { ContentDiscoveryParts } from './advertise/content-discovery.ts';
export { MemberIndex, resolveProvider } from './advertise/provider-address.ts';
export { CoordinationAgent } from './agent.ts';
export type { AgentListeners } from './agent/listeners.ts';
export type { AgentNetwork } from './agent/network.ts';
export type { MemberSources } from './agent/open-members.ts';
export type { AgentOptions } from './agent/options.ts';
export { CoordinationMetrics } from './ops/metrics.ts';
export { readinessOf } from './ops/readiness.ts';
export type { Readiness, ReadinessFacts } from './ops/readiness.ts';
