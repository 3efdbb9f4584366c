import { describe, expect, it } from 'vitest';
import { discoveryConstants } from '../src/constants.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('the table of constants (section 6)', () => {
  it('has the values of the specification', () => {
    expect(discoveryConstants()).toMatchObject({
      tickMs: 20 * SECOND,
      recommendedMs: 60 * SECOND,
      heartbeatReadMs: 5 * SECOND,
      heartbeatWriteMs: 3 * SECOND,
      heartbeatDialMs: 10 * SECOND,
      heartbeatStreamIdleMs: 120 * SECOND,
      heartbeatMinGapMs: 13 * SECOND,
      heartbeatExpiryMs: 120 * SECOND,
      recordGcMs: 30 * SECOND,
      streamGcMs: 8 * SECOND,
      snapshotLogMs: 60 * MINUTE,
      baseRttMs: 400,
      maxRttMs: 4_000,
      maxExpectedMbps: 100,
      probeMinBytes: 512,
      probeMaxBytes: 2048,
      probeBandwidthBytes: 65_536,
      bandwidthProbeMs: 10 * SECOND,
      witnessMs: 5 * SECOND,
      candidatesMs: 5 * SECOND,
      candidateProbeMs: 8 * SECOND,
      supportsHeartbeatMs: 3 * SECOND,
      challengeGapMin: 1,
      challengeGapMax: 10,
      dhtChallengeEveryBatches: 5,
      dhtChallengeMs: 3 * SECOND,
      heartbeatRecordTtlMs: 120 * SECOND,
      claimRecordTtlMs: 150 * SECOND,
      recordMaxTtlMs: 15 * MINUTE,
      republishMinMs: 50 * SECOND,
      dhtPutMs: 10 * SECOND,
      dhtGetByDidMs: 10 * SECOND,
      dhtGetByPeerMs: 5 * SECOND,
      gateLookupIndexerMs: 3 * SECOND,
      gateLookupNodeMs: 4 * SECOND,
      warmupMs: 5 * SECOND,
      dhtBootstrapMs: 15 * SECOND,
      provideMs: 30 * SECOND,
      addressWaitMs: 5 * SECOND,
      addressWaitTries: 12,
      discoverMs: 10 * SECOND,
      cacheFirstMs: 30 * SECOND,
      cachePeriodMs: 2 * MINUTE,
      cacheFetch: 30,
      cacheKeep: 10,
      offloadThreshold: 0.8,
      offloadBatch: 5,
      offloadGraceMs: 180 * SECOND,
      spreadWindow: 5,
      maxWitnesses: 3,
      retryFirstMs: 10 * SECOND,
      retryMaxMs: 300 * SECOND,
      lastIndexerTries: 3,
      strikesToBan: 3,
      banMs: 10 * MINUTE,
      behaviourWindowMs: 60 * SECOND,
      strikeDecayMs: 10 * MINUTE,
      searchDialMs: 5 * SECOND,
      searchQueueBatches: 16,
      quarantineMs: 30 * MINUTE,
      indexerRecordTtlMs: 180 * SECOND,
      indexerRecordPeriodMs: 60 * SECOND,
    });
  });

  it('scales every duration and nothing else', () => {
    const plain = discoveryConstants();
    const scaled = discoveryConstants(0.1);
    for (const name of Object.keys(plain) as (keyof typeof plain)[]) {
      const expected = name.endsWith('Ms') ? plain[name] * 0.1 : plain[name];
      expect(scaled[name], name).toBeCloseTo(expected, 9);
    }
  });
});
