import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseReferent } from '../../src/heartbeat/referent.ts';

const a = { peer: 'a', score: 80, isHealthy: true, wasTried: true };
const b = { peer: 'b', score: 84, isHealthy: true, wasTried: true };
const c = { peer: 'c', score: 99, isHealthy: false, wasTried: true };

describe('the choice of the referent (11.4)', () => {
  it('takes the best healthy one', () => {
    expect(chooseReferent([a, b, c], undefined, 5)).toBe('b');
  });

  it('DEF-58: keeps the current one until another is better by more than 5 points', () => {
    expect(chooseReferent([a, b], 'a', 5)).toBe('a');
    expect(chooseReferent([a, { ...b, score: 85 }], 'a', 5)).toBe('a');
    expect(chooseReferent([a, { ...b, score: 85.1 }], 'a', 5)).toBe('b');
  });

  it('gives the current one up when it is not healthy any more', () => {
    expect(chooseReferent([{ ...b, isHealthy: false }, a], 'b', 5)).toBe('a');
  });

  it('breaks ties by the smallest peer id, without scores too; who has no score loses', () => {
    expect(chooseReferent([{ ...a, peer: 'z' }, a], undefined, 5)).toBe('a');
    const unscored = ['d', 'b', 'c'].map((peer) => ({ ...a, peer, score: undefined }));
    expect(chooseReferent(unscored, undefined, 5)).toBe('b');
    expect(chooseReferent([...unscored, { ...a, peer: 'z', score: 0 }], undefined, 5)).toBe('z');
  });

  it('is nobody when nobody is healthy', () => {
    expect(chooseReferent([c], 'c', 5)).toBeUndefined();
    expect(chooseReferent([], undefined, 5)).toBeUndefined();
  });

  it('is the first that was not tried yet, when nobody is healthy: a node can be found after its first heartbeat', () => {
    const fresh = ['e', 'd'].map((peer) => ({ peer, score: undefined, isHealthy: false, wasTried: false }));
    expect(chooseReferent([c, ...fresh], undefined, 5)).toBe('d');
    expect(chooseReferent([a, ...fresh], undefined, 5)).toBe('a');
  });

  it('does not depend on the order of the pool', () => {
    const entry = fc.record({
      peer: fc.string({ minLength: 1, maxLength: 2 }),
      score: fc.option(fc.nat(100), { nil: undefined }),
      isHealthy: fc.boolean(),
      wasTried: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(entry, { selector: ({ peer }) => peer }),
        fc.string({ maxLength: 2 }),
        (pool, current) => {
          expect(chooseReferent(pool.toReversed(), current, 5)).toBe(chooseReferent(pool, current, 5));
        },
      ),
    );
  });
});
