import { describe, expect, it } from 'vitest';
import {
  lacksWitnesses,
  noWitnessVerdict,
  type Reading,
  Readings,
  witnessVerdict,
} from '../../src/scoring/witness-verdict.ts';

const BORN = '2026-01-01T00:00:00.000Z';
const REBORN = '2026-02-01T00:00:00.000Z';

function reading(overrides: Partial<Reading> = {}): Reading {
  return { at: 0, fillRate: 0.4, peerCount: 40, maxNodes: 100, bornAt: Date.parse(BORN), ...overrides };
}

function readings(...all: readonly Partial<Reading>[]): Readings {
  const kept = new Readings();
  for (const one of all) kept.add(reading(one));
  return kept;
}

describe("a witness's verdict (13.6)", () => {
  it.each([
    ['nothing', undefined],
    ['that it has not seen it', { seen: false }],
    ['nothing of born_at', { seen: true, fill_rate: 0.4 }],
    ['a zero born_at', { seen: true, born_at: '0001-01-01T00:00:00Z', fill_rate: 0.4 }],
  ])('DEF-51: is inconclusive when it says %s', (_case, report) => {
    expect(witnessVerdict(report, readings({})).verdict).toBe('inconclusive');
  });

  it.each([
    [BORN, 0.4, 'consistent'],
    ['2026-01-01T00:00:00Z', 0.4, 'consistent'],
    [BORN, 0.64, 'consistent'],
    [BORN, 0.66, 'inconsistent'],
    [BORN, 0.14, 'inconsistent'],
    [REBORN, 0.4, 'inconsistent'],
  ])('of born_at %s and fill %d is %s', (born_at, fill_rate, verdict) => {
    expect(witnessVerdict({ seen: true, born_at, fill_rate }, readings({})).verdict).toBe(verdict);
  });

  it('is consistent while the fill rate really moves between our readings', () => {
    const moving = readings({ fillRate: 0.1 }, { fillRate: 0.7 });
    expect(witnessVerdict({ seen: true, born_at: BORN, fill_rate: 0.45 }, moving).verdict).toBe('consistent');
  });

  it('is consistent about a restart that one of us has not seen yet', () => {
    const restarted = readings({}, { bornAt: Date.parse(REBORN) });
    for (const born_at of [BORN, REBORN]) {
      expect(witnessVerdict({ seen: true, born_at, fill_rate: 0.4 }, restarted).verdict).toBe('consistent');
    }
  });

  it('forgets readings that are older than the last six', () => {
    const kept = readings({ bornAt: 1 }, {}, {}, {}, {}, {}, {});
    expect(kept.hasBornAt(1)).toBe(false);
    expect(kept.oldest?.bornAt).toBe(Date.parse(BORN));
  });
});

describe('no witness (13.6)', () => {
  it('is consistent when we are the only peer and the fill rate is that of one slot', () => {
    expect(noWitnessVerdict(reading({ peerCount: 1, maxNodes: 500, fillRate: 0.002 }), 0)).toBe(true);
    expect(noWitnessVerdict(reading({ peerCount: 1, maxNodes: 500, fillRate: 0.05 }), 0)).toBe(false);
    expect(noWitnessVerdict(reading({ peerCount: 1, maxNodes: 0, fillRate: 0.05 }), 0)).toBeUndefined();
  });

  it('is held against an indexer with five peers or more at the third time in a row', () => {
    expect(noWitnessVerdict(reading({ peerCount: 5 }), 2)).toBeUndefined();
    expect(noWitnessVerdict(reading({ peerCount: 5 }), 3)).toBe(false);
    expect(noWitnessVerdict(reading({ peerCount: 4 }), 9)).toBeUndefined();
  });

  it('counts only where witnesses could be', () => {
    expect(lacksWitnesses(reading({ peerCount: 5 }), 0)).toBe(true);
    expect(lacksWitnesses(reading({ peerCount: 5 }), 1)).toBe(false);
    expect(lacksWitnesses(reading({ peerCount: 4 }), 0)).toBe(false);
  });
});
