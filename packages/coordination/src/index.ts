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
