import { beforeEach, describe, expect, it } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { OffloadPlan } from '../../src/indexer/offload.ts';

const GRACE = 180_000;
const overloaded = { fillRate: 0.84, peerCount: 42, hasSuggestions: true };
let plan: OffloadPlan;

beforeEach(() => {
  plan = new OffloadPlan(discoveryConstants());
});

describe('offload (12.3.7)', () => {
  it('asks nobody at a fill of 0.8, or without an alternative', () => {
    expect(plan.propose('a', { ...overloaded, fillRate: 0.8 }, 0)).toBe(false);
    expect(plan.propose('a', { ...overloaded, hasSuggestions: false }, 0)).toBe(false);
    expect(plan.sizes).toEqual({ batch: 0, alreadyTried: 0 });
  });

  it('asks five at a time, and repeats itself to those', () => {
    const asked = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].filter((peer) => plan.propose(peer, overloaded, 0));
    expect(asked).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(plan.propose('a', overloaded, GRACE)).toBe(true);
    expect(plan.propose('f', overloaded, GRACE)).toBe(false);
  });

  it('leaves who has ignored it for three minutes alone, and asks others', () => {
    for (const peer of ['a', 'b', 'c', 'd', 'e']) plan.propose(peer, overloaded, 0);
    expect(plan.propose('a', overloaded, GRACE + 1)).toBe(false);
    expect(plan.propose('f', overloaded, GRACE + 1)).toBe(true);
    expect(plan.sizes).toEqual({ batch: 1, alreadyTried: 5 });
  });

  it('begins again when all have been asked', () => {
    const few = { ...overloaded, peerCount: 3 };
    for (const peer of ['a', 'b', 'c']) plan.propose(peer, few, 0);
    expect(plan.propose('a', few, GRACE + 1)).toBe(true);
    expect(plan.sizes).toEqual({ batch: 1, alreadyTried: 0 });
  });

  it('forgets everything when the load is gone', () => {
    for (const peer of ['a', 'b', 'c']) plan.propose(peer, overloaded, 0);
    plan.propose('d', overloaded, GRACE + 1);
    plan.propose('x', { ...overloaded, fillRate: 0.5 }, GRACE + 2);
    expect(plan.sizes).toEqual({ batch: 0, alreadyTried: 0 });
  });

  it('makes room when a node leaves', () => {
    for (const peer of ['a', 'b', 'c', 'd', 'e']) plan.propose(peer, overloaded, 0);
    plan.drop('b');
    expect(plan.propose('f', overloaded, 1)).toBe(true);
  });
});
