import { describe, expect, it } from 'vitest';
import { EARLIEST_MS, examineClocks, skewOf } from '../../../src/doctor/checks/clocks.ts';

const NOW = EARLIEST_MS + 1_000_000_000;
const STEADY = { wallBefore: NOW, wallAfter: NOW + 500, monotonicBefore: 10, monotonicAfter: 510 };
const told = (toldMs: number): Parameters<typeof skewOf>[0] => ({
  owner: 'alpha',
  where: 'its Date header',
  toldMs,
  resolutionMs: 1_000,
  sentMs: NOW,
  receivedMs: NOW + 100,
});

describe('clocks', () => {
  it('takes the smallest difference that explains what was told', () => {
    expect(skewOf(told(NOW))).toBe(0);
    expect(skewOf(told(NOW - 999))).toBe(0);
    expect(skewOf(told(NOW + 100))).toBe(0);
    expect(skewOf(told(NOW - 5_000))).toBe(-4_000);
    expect(skewOf(told(NOW + 5_000))).toBe(4_900);
  });

  it('says nothing bad of clocks that agree', () => {
    expect(examineClocks(STEADY, [told(NOW)]).map(({ status }) => status)).toEqual(['ok', 'ok']);
    expect(examineClocks(STEADY, [])).toHaveLength(1);
  });

  it('finds a wall clock that was set while it was watched', () => {
    const [own] = examineClocks({ ...STEADY, wallAfter: NOW + 500 - 3_000 }, []);
    expect(own).toMatchObject({ status: 'warning', what: 'own clock' });
    expect(own?.found).toContain('back by 3000 ms');
  });

  it('finds a clock from before this program was written', () => {
    const early = { ...STEADY, wallBefore: 0, wallAfter: 500 };
    expect(examineClocks(early, [])[0]).toMatchObject({ status: 'problem' });
    expect(examineClocks(early, [])[0]?.found).toContain('1970');
  });

  it('warns of seconds, and calls a minute a problem: signatures with a time are refused then', () => {
    const [, behind, ahead] = examineClocks(STEADY, [told(NOW - 20_000), told(NOW + 300_000)]);
    expect(behind).toMatchObject({ status: 'warning', what: 'clock of alpha' });
    expect(behind?.found).toContain('19s behind');
    expect(ahead).toMatchObject({ status: 'problem' });
    expect(ahead?.found).toContain('5m ahead');
    expect(ahead?.fix).toContain('timedatectl');
  });
});
