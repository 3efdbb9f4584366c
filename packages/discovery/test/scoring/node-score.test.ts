import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latencyScore } from '../../src/scoring/latency.ts';
import { nodeScore, restartPenalty, SCORE_WEIGHTS } from '../../src/scoring/node-score.ts';

/** uptime, challenge, latency, F, fill consistency, witness, DHT, changes of born_at. */
function score(
  uptime: number,
  challenge: number,
  latency: number,
  fill: number,
  fillConsistency: number,
  witness: number,
  dht: number,
  changes: number,
): number {
  return nodeScore({
    uptime,
    challenge,
    latency,
    freeCapacity: 1 - fill,
    fillConsistency,
    witness,
    dht,
    restartPenalty: restartPenalty(changes),
  });
}

describe("a node's score of an indexer (13.3)", () => {
  it.each([
    [score(1, 1, 0.95, 0.4, 1, 1, 1, 0), 95.25],
    [score(0.5, 0.5, 0.5, 0.9, 1, 1 / 3, 0, 1), 30.45],
    [score(1, 0, 0.95, 0.4, 1, 1, 1, 0), 75.25],
    [score(1, 0, 0.95, 0.4, 1, 0, 0, 0), 50.25],
    [score(1, 1, 0.95, 0.4, 1, 1, 1, 4), 0],
  ])('is that of the test vectors: %d', (actual, expected) => {
    expect(actual).toBeCloseTo(expected, 10);
  });

  it('has weights that add up to 1', () => {
    expect(Object.values(SCORE_WEIGHTS).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
  });

  it('stays between 0 and 100', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(unit, unit, unit, unit, unit, unit, unit, fc.nat(10), (...terms) => {
        const value = score(...terms);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(100 + 1e-9);
      }),
    );
  });
});

describe('the latency score (13.2)', () => {
  it.each([
    [0, 1],
    [400, 0.9],
    [2000, 0.5],
    [4000, 0],
    [9000, 0],
  ])('of a round trip of %d ms is %d', (rttMs, expected) => {
    expect(latencyScore(rttMs, 4000)).toBeCloseTo(expected, 12);
  });
});
