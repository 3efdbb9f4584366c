import { describe, expect, it } from 'vitest';
import { Tally } from '../../src/scoring/tally.ts';

describe('a tally of checks', () => {
  it('is 1 while nothing was checked', () => {
    expect(new Tally().ratio).toBe(1);
  });

  it('counts with weights', () => {
    const tally = new Tally();
    tally.add(true);
    tally.add(false, 2);
    expect(tally.ratio).toBeCloseTo(1 / 3, 12);
  });

  it('DEF-52: forgets by halves once there are more than 20, so that nothing is held against anyone for ever', () => {
    const tally = new Tally(20, 5);
    tally.fade();
    expect(tally).toEqual(new Tally(20, 5));
    tally.add(false);
    tally.fade();
    expect(tally).toEqual(new Tally(10.5, 2.5));
  });
});
