import { describe, expect, it } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { decideAdmission, personalScore, rawScore } from '../../src/indexer/admission.ts';

const constants = discoveryConstants();
const HOUR = 3_600_000;
const metrics = (
  uptime: number,
  bandwidth: number,
  diversity: number,
  latency: number,
  fillRate: number,
) => ({
  uptime,
  bandwidth,
  diversity,
  latency,
  fillRate,
});

describe('vectors of A.1', () => {
  it.each([
    [metrics(0, 0.01, 1, 0.99, 0), 35.05],
    [metrics(0, 0.01, 0.1, 0.99, 0.02), 17.55],
    [metrics(1, 0.01, 0.1, 0.99, 0.02), 37.55],
  ])('raw score of %o', (input, score) => {
    expect(rawScore(input)).toBeCloseTo(score, 9);
  });

  it.each([
    [0.5, 0.01, 0.95, 44.454_545],
    [1, 0, 0.9, 60.909_09],
    [0.2, 0, 0.9, 31.818_181],
  ])('personal score of %d, %d, %d', (uptime, bandwidth, latency, score) => {
    expect(personalScore({ uptime, bandwidth, latency })).toBeCloseTo(score, 5);
  });

  it('strict refuses 17.55 at birth and 37.55 from 7.02 h', () => {
    const newcomer = decideAdmission('strict', metrics(0, 0.01, 0.1, 0.99, 0.02), 0, constants);
    expect(newcomer).toMatchObject({ admitted: false, minimum: 20 });
    const perfect = metrics(1, 0.01, 0.1, 0.99, 0.02);
    expect(decideAdmission('strict', perfect, 7.01 * HOUR, constants).admitted).toBe(true);
    expect(decideAdmission('strict', perfect, 7.03 * HOUR, constants).admitted).toBe(false);
  });

  it('normalized refuses 31.8 once it is 4.73 h old', () => {
    const poor = metrics(0.2, 0, 0, 0.9, 0);
    expect(decideAdmission('normalized', poor, 4.72 * HOUR, constants).admitted).toBe(true);
    expect(decideAdmission('normalized', poor, 4.73 * HOUR, constants)).toMatchObject({
      admitted: false,
      score: expect.closeTo(31.818, 2),
      minimum: expect.closeTo(31.825, 2),
    });
  });
});

describe('DEF-12: the gate judges the node, not the indexer', () => {
  it('admits a perfect newcomer of a young network in one subnet', () => {
    const newcomer = metrics(0, 0, 0.05, 0.5, 0);
    expect(decideAdmission('normalized', newcomer, 0, constants).admitted).toBe(true);
    expect(decideAdmission('strict', newcomer, 0, constants).admitted).toBe(false);
  });

  it('keeps a perfect node of a wide-area link, whatever its age', () => {
    for (const hours of [0, 1, 7, 24, 1_000]) {
      const verdict = decideAdmission('normalized', metrics(1, 0, 0, 0.9, 0), hours * HOUR, constants);
      expect(verdict.admitted).toBe(true);
      expect(verdict.minimum).toBeLessThanOrEqual(50);
    }
  });

  it('does not depend on diversity and fill', () => {
    const score = (diversity: number, fill: number): number =>
      decideAdmission('normalized', metrics(0.7, 0.2, diversity, 0.5, fill), HOUR, constants).score;
    expect(score(0, 0)).toBe(score(1, 1));
  });
});

it('takes half of the uptime for granted during the first two minutes', () => {
  const silent = metrics(0, 0, 0, 0.5, 0);
  expect(decideAdmission('normalized', silent, 119_999, constants).score).toBeCloseTo(31.818, 2);
  expect(decideAdmission('normalized', silent, 120_000, constants)).toMatchObject({
    admitted: false,
    score: expect.closeTo(13.636, 2),
  });
});

it('off admits everybody and still computes the raw score', () => {
  const verdict = decideAdmission('off', metrics(0, 0, 0, 0, 0.4), 48 * HOUR, constants);
  expect(verdict).toMatchObject({ admitted: true, raw: 10 });
});
