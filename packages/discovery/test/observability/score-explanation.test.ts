import { describe, expect, test } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { explainScore, type ScoreExplanation } from '../../src/observability/index.ts';
import type { PoolEntryView } from '../../src/parts.ts';
import { nodeScore } from '../../src/scoring/node-score.ts';
import { poolEntry } from '../support/status-source.ts';

const constants = discoveryConstants();
const HOUR = 3_600_000;

function explain(changes: Partial<PoolEntryView>, otherHealthy = 1): ScoreExplanation {
  return explainScore(poolEntry(changes), { constants, otherHealthy });
}

test('points and lost points add up to the score', () => {
  const terms = {
    uptime: 0.9,
    challenge: 0,
    latency: 0.75,
    freeCapacity: 0.2,
    fillConsistency: 1,
    witness: 0.5,
    dht: 1,
    restartPenalty: 0.7,
  };
  const { base = 0, terms: explained, restartPenalty = 0 } = explain({ terms, score: nodeScore(terms) });
  expect(base * restartPenalty).toBeCloseTo(nodeScore(terms), 10);
  expect(base + explained.reduce((sum, { lostPoints }) => sum + lostPoints, 0)).toBeCloseTo(100, 10);
  expect(explained.find(({ name }) => name === 'challenge')).toMatchObject({
    weight: 0.2,
    points: 0,
    lostPoints: 20,
  });
});

test('each term has the counters that it comes from', () => {
  const evidence = { challengesChecked: 4, challengesCorrect: 3, dhtChecked: 2, dhtSucceeded: 1, answers: 9 };
  const { terms } = explain({ evidence, rttMs: 80, fillRate: 0.4 });
  const of = (name: string): unknown => terms.find((term) => term.name === name)?.evidence;
  expect(of('challenge')).toEqual({ challengesCorrect: 3, challengesChecked: 4 });
  expect(of('dht')).toEqual({ dhtSucceeded: 1, dhtChecked: 2 });
  expect(of('latency')).toEqual({ rttMs: 80 });
  expect(of('freeCapacity')).toEqual({ fillRate: 0.4 });
});

test('before the first answer there is no score', () => {
  const explained = explain({ score: undefined, terms: undefined });
  expect(explained).toMatchObject({ score: undefined, base: undefined, terms: [] });
  expect(explained.eviction[0]).toContain('not before it has answered');
});

describe('what would evict it', () => {
  test.each<[string, Partial<PoolEntryView>, number, string]>([
    ['a seed', { isSeed: true, score: 10 }, 1, 'never, it is a seed'],
    ['the last healthy one', { score: 10 }, 0, 'not while no other indexer'],
    ['one below the minimum', { score: 15 }, 1, 'at the next look; it has 15.0 and needs 20.0'],
    [
      'one that is new',
      { score: 15, evidence: { totalOnlineMs: 90_000 } },
      1,
      'after 30 s more online; it has 15.0',
    ],
    ['one that may stay for ever', { score: 85 }, 1, 'when it falls below 80'],
    ['one whose minimum rises', { score: 50, ageMs: 6 * HOUR }, 1, 'in 6.0 h if it stays at 50.0'],
  ])('by score: %s', (_, changes, otherHealthy, sentence) => {
    expect(explain(changes, otherHealthy).eviction[0]).toContain(sentence);
  });

  test('by failing', () => {
    expect(explain({ silent: 2, consecutiveFails: 1 }).eviction[1]).toContain('1 more unanswered ones');
    expect(explain({ isSeed: true }).eviction[1]).toContain('never');
  });

  test.each([
    [0, 0, 'after 3 failed checks'],
    [2, 1, 'after 2 failed checks'],
    [10, 1, 'after 10 failed checks'],
    [1, 3, 'at the next look; 3 of 4 checks failed'],
  ])('by evidence: %i good, %i failed', (verificationsPassed, verificationsFailed, sentence) => {
    const evidence = { verificationsPassed, verificationsFailed };
    expect(explain({ evidence }).eviction[2]).toContain(sentence);
  });
});
