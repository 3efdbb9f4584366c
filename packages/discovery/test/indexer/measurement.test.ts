import { describe, expect, it } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { measure, probeLatencyScore, probeMbps } from '../../src/indexer/measurement.ts';

const constants = discoveryConstants();

describe('DEF-9: the grace for size is per KiB, not per byte', () => {
  it.each([
    [0, 2048, 1],
    [300, 2048, 0.5],
    [600, 2048, 0],
    [5_000, 2048, 0],
    [250, 1024, 0.5],
    [250, 512, 0.5],
    [300, 1025, 0.5],
  ])('%d ms for %d bytes make %d', (ms, bytes, score) => {
    expect(probeLatencyScore(ms, bytes, constants)).toBeCloseTo(score, 12);
  });

  it('keeps its shape when time is scaled', () => {
    const scaled = discoveryConstants(0.1);
    expect(probeLatencyScore(30, 2048, scaled)).toBeCloseTo(probeLatencyScore(300, 2048, constants), 12);
  });
});

describe('DEF-10: throughput is not the round trip in disguise, and its share is at most 1', () => {
  it('does not fall with the distance', () => {
    expect(probeMbps(110, 100, 65_536)).toBeCloseTo(probeMbps(510, 500, 65_536), 9);
    expect(probeMbps(110, 100, 65_536)).toBeCloseTo(104.8576, 9);
  });

  it('is finite when the large echo is no slower', () => {
    expect(probeMbps(1, 5, 65_536)).toBeCloseTo(1048.576, 9);
  });

  it('is clamped', () => {
    const measured = measure({ fastestMs: 1, bytes: 512 }, { ms: 1, bytes: 65_536 }, constants);
    expect(measured.bandwidthScore).toBe(1);
    const slow = measure({ fastestMs: 100, bytes: 512 }, { ms: 1_148.576, bytes: 65_536 }, constants);
    expect(slow.bandwidthScore).toBeCloseTo(0.01, 12);
    expect(slow.mbps).toBeCloseTo(1, 12);
  });
});
