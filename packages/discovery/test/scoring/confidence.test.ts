import { describe, expect, it } from 'vitest';
import { Confidence, type ConfidenceEvidence } from '../../src/scoring/confidence.ts';

describe('the confidence in an indexer (13.8)', () => {
  it('begins undecided', () => {
    expect(new Confidence().value).toBe(0.5);
  });

  it.each<[ConfidenceEvidence, number, number]>([
    ['heartbeat', 0.2, 1],
    ['own-challenge', 1, 2],
    ['dht-challenge', 1, 2],
    ['witness', 0.5, 1.5],
    ['bandwidth', 0.2, 0.5],
    ['spot-check', 1, 3],
    ['cached-score', 0, 0.5],
    ['suggestion', 0, 1],
  ])('takes %s with %d for and %d against', (kind, good, bad) => {
    const confidence = new Confidence();
    confidence.add(kind, true);
    confidence.add(kind, false);
    expect([confidence.alpha, confidence.beta]).toEqual([1 + good, 1 + bad]);
  });

  it('forgets half of it in a day', () => {
    const confidence = new Confidence();
    for (let i = 0; i < 8; i += 1) confidence.add('own-challenge', true);
    for (let hour = 0; hour < 24; hour += 1) confidence.fade(1);
    expect(confidence.alpha).toBeCloseTo(5, 10);
    expect(confidence.beta).toBe(1);
  });
});
