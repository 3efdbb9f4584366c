/** What an agent is configured with, with the defaults of the coordination spec (sections 10.1, 21). Sizes are bytes. */

import type { FailureClass } from './types.ts';

export interface CoordinationSettings {
  readonly hrwK: number;
  readonly hrwScope: 'cluster' | 'zone';
  readonly hrwViewOverlapMs: number;
  readonly expansionFactor: number;
  readonly trustedClasses: readonly FailureClass[];
  readonly cooldownInitialMs: number;
  readonly cooldownMaxMs: number;
  readonly cooldownMultiplier: number;
  readonly honourCapMs: number;
  readonly coldStartRounds: number;
  readonly coldStartBudgetMaxMs: number;
  readonly stallBytesPerSecond: number;
  readonly coordMaxStreams: number;
  readonly coordMaxStreamsPerPeer: number;
  readonly coordStreamTimeoutMs: number;
  readonly coordDispatchMs: number;
  readonly coordDialTimeoutMs: number;
  readonly coordRpcTimeoutMs: number;
  readonly coordMaxDigests: number;
  readonly coordOfferMinor: 0 | 1;
  readonly maxConcurrentPulls: number;
  readonly pullQueue: number;
  readonly pumpPeerCheck: boolean;
  readonly pumpPeerCheckMs: number;
  readonly prefetchCoordinators: number;
  readonly prefetchMaxGroups: number;
  readonly prefetchJitterMs: number;
  readonly localPrefetch: boolean;
  readonly localPrefetchConcurrency: number;
  readonly headManifestPull: boolean;
  readonly errorMode: 'fallthrough' | 'truthful';
  readonly holdbackBytes: number;
  readonly verifyFirstMaxBytes: number;
  readonly partialTransfer: boolean;
  readonly transferMaxServes: number;
  readonly transferFanoutPerDigest: number;
  readonly peerConnectMs: number;
  readonly peerHeaderMs: number;
  readonly peerIdleMs: number;
  readonly peerAttemptMaxMs: number;
  readonly sessionMaxMs: number;
  readonly peerMinBytesPerSecond: number;
  readonly rediscoverBudgetMs: number;
  readonly maxSessions: number;
  readonly originConnectMs: number;
  readonly originHeaderMs: number;
  readonly originIdleMs: number;
  readonly originMaxRequestsPerSecond: number;
  readonly provideConcurrency: number;
  readonly reprovideAfterMs: number;
  readonly reconcileIntervalMs: number;
  readonly cacheBudgetBytes: number;
  readonly forcedEvictionHeadroomPercent: number;
  readonly evictionProviderThreshold: number;
  readonly verifyOnStart: 'off' | 'background' | 'full';
  readonly fallbackJitterBaseMs: number;
  readonly fallbackPerMinute: number;
  readonly bootstrapWindowMs: number;
  readonly bootstrapRoutingTablePercent: number;
}

const MIB = 1_048_576;

export const DEFAULT_COORDINATION_SETTINGS: CoordinationSettings = {
  hrwK: 3,
  hrwScope: 'cluster',
  hrwViewOverlapMs: 10_000,
  expansionFactor: 2,
  trustedClasses: ['auth', 'not_found', 'rate_limited'],
  cooldownInitialMs: 10_000,
  cooldownMaxMs: 600_000,
  cooldownMultiplier: 3,
  honourCapMs: 30_000,
  coldStartRounds: 3,
  coldStartBudgetMaxMs: 600_000,
  stallBytesPerSecond: 52_428_800,
  coordMaxStreams: 512,
  coordMaxStreamsPerPeer: 128,
  coordStreamTimeoutMs: 5_000,
  coordDispatchMs: 2_000,
  coordDialTimeoutMs: 2_000,
  coordRpcTimeoutMs: 2_000,
  coordMaxDigests: 256,
  coordOfferMinor: 0,
  maxConcurrentPulls: 16,
  pullQueue: 64,
  pumpPeerCheck: true,
  pumpPeerCheckMs: 300,
  prefetchCoordinators: 3,
  prefetchMaxGroups: 64,
  prefetchJitterMs: 1_000,
  localPrefetch: true,
  localPrefetchConcurrency: 3,
  headManifestPull: true,
  errorMode: 'fallthrough',
  holdbackBytes: 65_536,
  verifyFirstMaxBytes: MIB,
  partialTransfer: true,
  transferMaxServes: 32,
  transferFanoutPerDigest: 8,
  peerConnectMs: 2_000,
  peerHeaderMs: 5_000,
  peerIdleMs: 10_000,
  peerAttemptMaxMs: 900_000,
  sessionMaxMs: 1_800_000,
  peerMinBytesPerSecond: MIB,
  rediscoverBudgetMs: 300_000,
  maxSessions: 64,
  originConnectMs: 10_000,
  originHeaderMs: 30_000,
  originIdleMs: 30_000,
  originMaxRequestsPerSecond: 0,
  provideConcurrency: 16,
  reprovideAfterMs: 43_200_000,
  reconcileIntervalMs: 60_000,
  cacheBudgetBytes: 53_687_091_200,
  forcedEvictionHeadroomPercent: 5,
  evictionProviderThreshold: 3,
  verifyOnStart: 'background',
  fallbackJitterBaseMs: 3_000,
  fallbackPerMinute: 2,
  bootstrapWindowMs: 30_000,
  bootstrapRoutingTablePercent: 25,
};
