import { describe, expect, test } from 'vitest';
import { BREAKER_GUARDS, BreakerSet, parseBreakerState } from '../../src/breakers/index.ts';

describe('breaker states', () => {
  test.each([
    ['', 'closed'],
    ['closed', 'closed'],
    ['half_open', 'half_open'],
    ['half-open', 'half_open'],
    ['halfopen', 'half_open'],
    ['open', 'open'],
  ])('%j reads as %s', (text, state) => {
    expect(parseBreakerState(text)).toBe(state);
  });

  test.each(['OPEN', 'ope', 'half open', 'a"b'])('%j is refused', (text) => {
    expect(() => parseBreakerState(text)).toThrowError(
      `unknown breaker state "${text.replace('"', '\\"')}" (want closed | half_open | open)`,
    );
  });
});

describe('a set of breakers', () => {
  test('starts closed, with one handle per name and the guarded types mapped', () => {
    const set = new BreakerSet();
    expect(set.list()).toHaveLength(16);
    for (const breaker of set.list()) {
      expect(breaker).toMatchObject({ isOpen: false, state: 'closed', reason: '', updatedAtMs: undefined });
      expect(set.find(breaker.name)).toBe(breaker);
      for (const type of BREAKER_GUARDS[breaker.name]) expect(set.forRequestType(type)).toBe(breaker);
    }
    expect(set.forRequestType('rotate_key')).toBeUndefined();
    expect(set.forRequestType('constructor')).toBeUndefined();
  });

  test('only open refuses, with the reason when there is one', () => {
    const breaker = new BreakerSet().get('registry.resolve');
    breaker.set({ state: 'half_open', reason: 'careful' }, 10);
    expect(breaker.isOpen).toBe(false);
    breaker.set({ state: 'open', reason: 'maintenance' }, 20);
    expect(breaker.isOpen).toBe(true);
    expect(breaker.deny(30)).toBe('service unavailable: breaker "registry.resolve" is open (maintenance)');
    breaker.set({ state: 'open', reason: '' }, 40);
    expect(breaker.deny(50)).toBe('service unavailable: breaker "registry.resolve" is open');
    expect(breaker).toMatchObject({ deniedTotal: 2, lastDeniedAtMs: 50, updatedAtMs: 40 });
  });

  test('counts what it lets through and what it refuses', () => {
    const breaker = new BreakerSet().get('snapshot.write');
    breaker.check(1);
    breaker.set({ state: 'open', reason: '' }, 2);
    expect(() => breaker.check(3)).toThrowError(expect.objectContaining({ code: 'breaker_open' }));
    expect(breaker).toMatchObject({ allowedTotal: 1, deniedTotal: 1, lastDeniedAtMs: 3 });
  });

  test('replacing all closes what is not named, and tells what changed', () => {
    const set = new BreakerSet();
    set.get('registry.punch').set({ state: 'open', reason: 'x' }, 1);
    set.get('beacon.relay').set({ state: 'open', reason: 'y' }, 1);
    const changed = set.replaceAll(
      new Map([
        ['beacon.relay', { state: 'open', reason: 'y' }],
        ['dashboard.verify', { state: 'half_open', reason: '' }],
      ]),
      2,
    );
    expect(changed).toEqual(['registry.punch', 'dashboard.verify']);
    expect(set.get('beacon.relay').updatedAtMs).toBe(1);
    expect(set.get('registry.punch')).toMatchObject({ isOpen: false, updatedAtMs: 2 });
  });

  test.each(['registry.nothing', '__proto__', ''])('%j is no breaker', (name) => {
    expect(() => new BreakerSet().find(name)).toThrowError(
      expect.objectContaining({ code: 'breaker_unknown' }),
    );
  });
});
