/**
 * Every duration, threshold and size of the discovery protocols in one table (discovery spec section 6, F:99), so that
 * tests and the simulator can scale time without touching logic.
 */

/** Durations in milliseconds. `TIME_SCALE` multiplies these and nothing else. */
const DURATIONS_MS = {
  /** Heartbeat period. */
  tickMs: 20_000,
  /** Recommended interval: uptime gap rule, provide period, base of the offload grace. */
  recommendedMs: 60_000,
  heartbeatReadMs: 5_000,
  heartbeatWriteMs: 3_000,
  heartbeatDialMs: 10_000,
  /** Indexer: how long a stranger may take to send the first heartbeat of a stream. */
  heartbeatFirstMs: 10_000,
  /** Indexer: read deadline on a heartbeat stream. */
  heartbeatStreamIdleMs: 120_000,
  /** Minimum spacing of two heartbeats to one indexer: keeps any closed 60 s window at 5 or fewer. */
  heartbeatMinGapMs: 13_000,
  /** Life of a heartbeat record on the indexer. */
  heartbeatExpiryMs: 120_000,
  recordGcMs: 30_000,
  streamGcMs: 8_000,
  snapshotLogMs: 3_600_000,
  /** Unit of latency; {@link DiscoveryConstants.maxRttMs} is ten of it. */
  baseRttMs: 400,
  maxRttMs: 4_000,
  bandwidthProbeMs: 10_000,
  witnessMs: 5_000,
  candidatesMs: 5_000,
  candidateProbeMs: 8_000,
  candidateProbeWriteMs: 3_000,
  candidateProbeReadMs: 5_000,
  supportsHeartbeatMs: 3_000,
  dhtChallengeMs: 3_000,
  /** Life of a record that a heartbeat carries. */
  heartbeatRecordTtlMs: 120_000,
  claimRecordTtlMs: 150_000,
  /** Validators refuse an expiry further ahead. */
  recordMaxTtlMs: 900_000,
  /** How long after its expiry a record is still taken (clock differences). */
  recordExpiryToleranceMs: 5_000,
  /** Minimum spacing of puts of one record by one indexer. */
  republishMinMs: 50_000,
  dhtPutMs: 10_000,
  dhtPutPauseMs: 2_000,
  dhtGetByDidMs: 10_000,
  dhtGetByPeerMs: 5_000,
  gateLookupIndexerMs: 3_000,
  gateLookupNodeMs: 4_000,
  gatePositiveMs: 60_000,
  gateNegativeMs: 5_000,
  warmupMs: 5_000,
  dhtBootstrapMs: 15_000,
  provideMs: 30_000,
  addressWaitMs: 5_000,
  discoverMs: 10_000,
  cacheFirstMs: 30_000,
  cachePeriodMs: 120_000,
  offloadGraceMs: 180_000,
  retryFirstMs: 10_000,
  retryMaxMs: 300_000,
  replenishRetryMs: 60_000,
  banMs: 600_000,
  banMaxMs: 7_200_000,
  behaviourWindowMs: 60_000,
  strikeDecayMs: 600_000,
  strikeKeepMs: 1_800_000,
  guardMemoryMs: 600_000,
  searchDialMs: 5_000,
  searchReplyJitterMs: 200,
  searchQueryWindowMs: 10_000,
  /** How far the time of a resource event may be from ours. */
  eventWindowMs: 120_000,
  /** How long the nonces of events are remembered. */
  eventNonceMs: 300_000,
  firstRequestMs: 5_000,
  publishClientMs: 10_000,
  publishServerMs: 25_000,
  getMs: 15_000,
  quarantineMs: 1_800_000,
  standbyMs: 600_000,
  fullBackoffMs: 300_000,
  suspicionGapMs: 60_000,
  spotCheckMs: 5_000,
  /** Fetching the indexer records of candidates (14.6). */
  indexerRecordFetchMs: 3_000,
  indexerRecordTtlMs: 180_000,
  indexerRecordPeriodMs: 60_000,
  indexerRecordMaxTtlMs: 600_000,
  localRecordFreshMs: 60_000,
  identityPinMs: 2_592_000_000,
  /** How long a challenger must have been the better one before an entry of a day's age is given up for it (24.3). */
  switchPatienceMs: 600_000,
  /** Window in which two self-chosen witnesses against `born_at` are hard evidence (13.8). */
  bornAtEvidenceMs: 600_000,
  shutdownMs: 3_000,
  /** Units of 13.3, 13.4 and 13.8, so that a scaled test ages scores too. */
  hourMs: 3_600_000,
  dayMs: 86_400_000,
} as const;

/** Counts, sizes and shares: never scaled. */
const NUMBERS = {
  maxExpectedMbps: 100,
  probeMinBytes: 512,
  probeMaxBytes: 2048,
  probeBandwidthBytes: 65_536,
  echoMaxBytes: 131_072,
  probeEveryHeartbeats: 15,
  probesAtOnce: 4,
  challengeGapMin: 1,
  challengeGapMax: 10,
  challengesMax: 3,
  dhtChallengeEveryBatches: 5,
  dhtChallengesAtOnce: 8,
  silentToFail: 3,
  lastIndexerTries: 3,
  heartbeatsAtOnce: 8,
  addressWaitTries: 12,
  cacheFetch: 30,
  cacheKeep: 10,
  offloadThreshold: 0.8,
  offloadBatch: 5,
  spreadWindow: 5,
  maxWitnesses: 3,
  maxSuggestions: 10,
  knownPeersLru: 64,
  strikesToBan: 3,
  searchQueueBatches: 16,
  searchHitsPerAnswer: 100,
  searchesPerRequester: 2,
  searchesAtOnce: 256,
  searchFramesPerSender: 5,
  searchQueriesPerEmitter: 20,
  searchNameMinChars: 2,
  maxAddresses: 8,
  standbyMax: 32,
  candidatesProbed: 16,
  minQuickScore: 20,
  referentHysteresis: 5,
  indexerRecordMaxPeers: 2_000,
  witnessRequestsPerMinute: 30,
  /** Heartbeat streams of peers without a record: as many as slots, and at least these. */
  strangerStreamsMin: 64,
  /** Refused heartbeat streams that are left open for a moment, so that the other side can read why. */
  lingeringStreams: 64,
  /** Nodes whose records an indexer puts, or fetches, at once. */
  republishAtOnce: 16,
  /** Small echoes of a bandwidth probe, of which the fastest counts. */
  probeEchoes: 3,
  /** Peers whose behaviour is kept, and peers that the burst guard remembers, for each slot. */
  behaviourStatesPerSlot: 10,
  /** Answered heartbeats between witness rounds, spot checks and looks at the witnesses' subnets (13.6, 24.4). */
  witnessEveryAnswers: 6,
  spotCheckEveryAnswers: 5,
  spreadEveryAnswers: 10,
  /** Payload of a node's own bandwidth probe: smaller than the indexer's, since every node probes every indexer. */
  nodeProbeBytes: 16_384,
} as const;

/** The table that all parts are handed. */
export type DiscoveryConstants = { readonly [K in keyof typeof DURATIONS_MS | keyof typeof NUMBERS]: number };

/** The table with every duration multiplied by `timeScale` (1 outside tests). */
export function discoveryConstants(timeScale = 1): DiscoveryConstants {
  const scaled = Object.fromEntries(
    Object.entries(DURATIONS_MS).map(([name, value]) => [name, value * timeScale]),
  );
  return { ...scaled, ...NUMBERS } as DiscoveryConstants;
}
