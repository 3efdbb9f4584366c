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
