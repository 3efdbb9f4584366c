export { isDigest, isTag, parseDigest } from './digest.ts';
export { coordinationErrors } from './errors.ts';
export type { CoordinationErrorCode } from './errors.ts';
export type { CoordinationEvents } from './events.ts';
export { DEFAULT_COORDINATION_SETTINGS } from './settings.ts';
export type { CoordinationSettings } from './settings.ts';
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
export type { ColdStartParts, ColdStartSettings, ProviderSuppression } from './cold-start/context.ts';
export type {
  ColdStartRequest,
  CooldownDetails,
  Resolution,
  ShortCircuitDetails,
  TailRefusal,
} from './cold-start/resolution.ts';
