import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HardEvidence, type VerificationKind } from '../../src/scoring/hard-evidence.ts';

const WINDOW = 600_000;

function evidence(kind: VerificationKind, verdicts: string): HardEvidence {
  const hard = new HardEvidence();
  for (const verdict of verdicts) hard.add(kind, verdict === '+');
  return hard;
}

describe('the hard-evidence rule (13.8)', () => {
  it.each([
    ['--', false],
    ['---', true],
    ['+--', false],
    ['+---', true],
    ['++---', true],
    ['+++---', false],
    ['+++----', true],
  ])('of the verdicts %s convicts: %s', (verdicts, convicts) => {
    expect(evidence('own-challenge', verdicts).verdict(0, WINDOW) !== undefined).toBe(convicts);
  });

  it('adds up failures of different kinds', () => {
    const hard = evidence('own-challenge', '-');
    hard.add('dht-challenge', false);
    hard.add('witness', false);
    expect(hard.verdict(0, WINDOW)).toMatch(/3 of 3/);
  });

  it('is not bought off by truths of another kind', () => {
    const hard = evidence('witness', '+'.repeat(50));
    for (let i = 0; i < 3; i += 1) hard.add('own-challenge', false);
    expect(hard.verdict(0, WINDOW)).toMatch(/own-challenge/);
  });

  it('is not bought off by the good behaviour of before', () => {
    const hard = evidence('dht-challenge', '+'.repeat(500));
    for (let i = 0; i < 4; i += 1) hard.add('dht-challenge', false);
    expect(hard.verdict(0, WINDOW)).toBeUndefined();
    hard.add('dht-challenge', false);
    expect(hard.verdict(0, WINDOW)).toBeDefined();
  });

  it('convicts nobody who was right in every second check or more', () => {
    const kinds: VerificationKind[] = ['own-challenge', 'dht-challenge', 'witness', 'spot-check'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { maxLength: 60 }), (checks) => {
        const hard = new HardEvidence();
        for (const kind of checks) {
          hard.add(kind, true);
          hard.add(kind, false);
          expect(hard.verdict(0, WINDOW)).toBeUndefined();
        }
      }),
    );
  });

  it('convicts at once for a forged record of ours', () => {
    const hard = evidence('dht-challenge', '++++');
    hard.addForgery();
    expect(hard.verdict(0, WINDOW)).toMatch(/forged/);
  });
});

describe('witnesses of our own choice against born_at (13.8)', () => {
  it('convict by two within ten minutes', () => {
    const hard = new HardEvidence();
    hard.addBornAt('a', false, 0, WINDOW);
    expect(hard.verdict(0, WINDOW)).toBeUndefined();
    hard.addBornAt('b', false, WINDOW - 1, WINDOW);
    expect(hard.verdict(WINDOW - 1, WINDOW)).toMatch(/born_at/);
  });

  it('do not convict when they are further apart, or the same one', () => {
    const late = new HardEvidence();
    late.addBornAt('a', false, 0, WINDOW);
    late.addBornAt('b', false, WINDOW, WINDOW);
    expect(late.verdict(WINDOW, WINDOW)).toBeUndefined();
    const same = new HardEvidence();
    same.addBornAt('a', false, 0, WINDOW);
    same.addBornAt('a', false, 1, WINDOW);
    expect(same.verdict(1, WINDOW)).toBeUndefined();
  });

  it('do not convict when as many confirm it: witnesses lie as well', () => {
    const hard = new HardEvidence();
    hard.addBornAt('a', false, 0, WINDOW);
    hard.addBornAt('b', true, 1, WINDOW);
    hard.addBornAt('c', true, 2, WINDOW);
    hard.addBornAt('d', false, 3, WINDOW);
    expect(hard.verdict(3, WINDOW)).toBeUndefined();
  });
});
