import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pickDiverse } from '../../src/pool/subnet-diversity.ts';

const at = (subnet: number, host: number) => ({
  ID: `${subnet}.${host}`,
  Addrs: [`/ip4/100.64.${subnet}.${host}/tcp/4001`],
});
const ids = (picked: readonly { readonly ID: string }[]) => picked.map(({ ID }) => ID);
const one = [at(1, 1), at(1, 2), at(1, 3), at(1, 4), at(1, 5), at(1, 6)];

describe('subnet diversity (14.7)', () => {
  it('strict takes one of a subnet', () => {
    expect(ids(pickDiverse([...one, at(2, 1)], 5, { mode: 'strict', maxPool: 5, pool: [] }))).toEqual([
      '1.1',
      '2.1',
    ]);
  });

  it('off takes what comes', () => {
    expect(ids(pickDiverse(one, 3, { mode: 'off', maxPool: 5, pool: [] }))).toEqual(['1.1', '1.2', '1.3']);
  });

  it('DEF-31: soft fills the pool of a fleet that lives in one subnet', () => {
    expect(pickDiverse(one, 5, { mode: 'soft', maxPool: 5, pool: [] })).toHaveLength(5);
    const pool = [['/ip4/100.64.1.9/tcp/1'], ['/ip4/100.64.1.8/tcp/1'], ['/ip4/100.64.1.7/tcp/1']];
    expect(pickDiverse(one, 2, { mode: 'soft', maxPool: 5, pool })).toHaveLength(2);
  });

  it('soft prefers other subnets, and leaves one subnet at most half of the pool while others are on offer', () => {
    const picked = pickDiverse([...one, at(2, 1), at(3, 1)], 5, { mode: 'soft', maxPool: 5, pool: [] });
    expect(ids(picked)).toEqual(['1.1', '2.1', '3.1', '1.2']);
  });

  it('soft counts what the pool holds already, so that one answer full of one subnet cannot take over', () => {
    const pool = [['/ip4/100.64.1.9/tcp/1'], ['/ip4/100.64.2.1/tcp/1']];
    expect(ids(pickDiverse(one, 3, { mode: 'soft', maxPool: 5, pool }))).toEqual(['1.1']);
  });

  it('never sees a conflict where there is no subnet', () => {
    const dns = [1, 2, 3].map((n) => ({ ID: `${n}`, Addrs: [`/dns4/host-${n}.example/tcp/1`] }));
    expect(pickDiverse(dns, 3, { mode: 'strict', maxPool: 5, pool: [] })).toHaveLength(3);
  });

  it('has a rule for IPv6: its first 48 bits', () => {
    const six = [1, 2].map((n) => ({ ID: `${n}`, Addrs: [`/ip6/2001:db8:1:${n}::1/tcp/1`] }));
    expect(pickDiverse(six, 2, { mode: 'strict', maxPool: 5, pool: [] })).toHaveLength(1);
  });

  it('never picks more than wanted, nor anybody twice', () => {
    const candidate = fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 250 })).map(([s, h]) => at(s, h));
    fc.assert(
      fc.property(
        fc.uniqueArray(candidate, { selector: ({ ID }) => ID }),
        fc.nat(6),
        fc.constantFrom('strict' as const, 'soft' as const, 'off' as const),
        (candidates, want, mode) => {
          const picked = pickDiverse(candidates, want, { mode, maxPool: 5, pool: [] });
          expect(picked.length).toBeLessThanOrEqual(want);
          expect(new Set(picked).size).toBe(picked.length);
        },
      ),
    );
  });
});
