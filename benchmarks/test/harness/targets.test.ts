import { describe, expect, it } from 'vitest';
import { Targets } from '../../harness/targets.ts';

const targets = new Targets([
  { id: 'rate', atLeast: 1.3 },
  { id: 'delay', atMost: 3 },
  { id: 'memory', below: 512 },
]);

describe('targets', () => {
  it('are reached at their bound, unless it is to be stayed below', () => {
    expect([targets.verdict('rate', 1.3), targets.verdict('rate', 1.29)]).toEqual(['pass', 'MISS']);
    expect([targets.verdict('delay', 3), targets.verdict('delay', 3.01)]).toEqual(['pass', 'MISS']);
    expect([targets.verdict('memory', 511), targets.verdict('memory', 512)]).toEqual(['pass', 'MISS']);
    expect(targets.verdict('other', 1)).toBe('');
  });

  it('say in words what is wanted', () => {
    expect(['rate', 'delay', 'memory', 'other'].map((id) => targets.text(id))).toEqual([
      '>= 1.3',
      '<= 3',
      '< 512',
      '',
    ]);
  });

  it('are set once for an id, one way', () => {
    expect(
      () =>
        new Targets([
          { id: 'a', below: 1 },
          { id: 'a', atLeast: 0 },
        ]),
    ).toThrow(RangeError);
    expect(() => new Targets([{ id: 'a', below: 1, atLeast: 0 }])).toThrow(RangeError);
    expect(() => new Targets([{ id: 'a' }])).toThrow(RangeError);
  });
});
