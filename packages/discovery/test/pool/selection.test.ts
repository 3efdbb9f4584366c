import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { selectByFillRate, selectionWeight } from '../../src/pool/selection.ts';

const at = (number: number) => ({ ID: `${number}`, Addrs: [`/ip4/100.64.${number}.1/tcp/4001`] });
const options = (seed: number) => ({
  mode: 'off' as const,
  maxPool: 5,
  pool: [],
  random: seededRandom(seed),
});

describe('selection by fill rate (14.6)', () => {
  it.each([
    [0, 0.05],
    [0.1, 0.081],
    [0.2, 0.128],
    [0.4, 0.144],
    [0.5, 0.125],
    [0.8, 0.032],
    [0.9, 0.009],
    [1, 0],
  ])('gives a fill rate of %d the weight %d', (fill, weight) => {
    expect(selectionWeight(fill)).toBeCloseTo(weight, 12);
  });

  it('DEF-29: draws by weight: 20 % is likely, 80 % unlikely, an empty newcomer has a chance', () => {
    const fills = new Map([
      ['1', 0.2],
      ['2', 0.8],
      ['3', 0],
      ['4', 1],
    ]);
    const wins = new Map<string, number>();
    const random = seededRandom(11);
    for (let draw = 0; draw < 10_000; draw += 1) {
      const [first] = selectByFillRate([4, 3, 2, 1].map(at), fills, 1, { ...options(0), random });
      wins.set(first?.ID ?? '', (wins.get(first?.ID ?? '') ?? 0) + 1);
    }
    const total = 0.128 + 0.032 + 0.05;
    expect((wins.get('1') ?? 0) / 10_000).toBeCloseTo(0.128 / total, 1);
    expect((wins.get('2') ?? 0) / 10_000).toBeCloseTo(0.032 / total, 1);
    expect((wins.get('3') ?? 0) / 10_000).toBeCloseTo(0.05 / total, 1);
    expect(wins.get('4')).toBeUndefined();
  });

  it('draws without replacement, and takes full ones when nothing else is left', () => {
    const fills = new Map([['2', 1]]);
    expect(selectByFillRate([1, 2].map(at), fills, 5, options(3)).map(({ ID }) => ID)).toEqual(['1', '2']);
  });

  it('takes 0.5 for those of which nothing is known', () => {
    const random = seededRandom(5);
    let unknown = 0;
    for (let draw = 0; draw < 4_000; draw += 1) {
      const [first] = selectByFillRate([1, 2].map(at), new Map([['2', 0.5]]), 1, { ...options(0), random });
      if (first?.ID === '1') unknown += 1;
    }
    expect(unknown / 4_000).toBeCloseTo(0.5, 1);
  });

  it('keeps the rule of subnets', () => {
    const same = [1, 2, 3].map((n) => ({ ID: `${n}`, Addrs: [`/ip4/100.64.1.${n}/tcp/4001`] }));
    expect(selectByFillRate(same, new Map(), 3, { ...options(1), mode: 'strict' })).toHaveLength(1);
  });
});
