import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PoolDirectory } from '../../src/pool/pool-directory.ts';
import { testPeer } from '../support/identities.ts';
import { SELF, testDirectory } from '../support/pool-models.ts';

const at = (number: number) => ({ ID: testPeer(number), Addrs: [`/ip4/100.64.${number}.1/tcp/4001`] });

function insert(directory: PoolDirectory, number: number, isSeed = false) {
  return directory.insert(at(number), { isSeed, now: 0 });
}

describe('the pool directory (11.1, 14)', () => {
  it('DEF-1: has one live object an entry, and gives readers copies', () => {
    const directory = testDirectory();
    insert(directory, 1);
    const live = directory.get(testPeer(1));
    if (live === undefined) throw new Error('not inserted');
    live.challenge.add(false);
    expect(directory.get(testPeer(1))).toBe(live);
    const [view] = directory.view(0, undefined);
    expect(view?.evidence['challengesChecked']).toBe(1);
    (view?.addresses as string[] | undefined)?.push('changed');
    expect(directory.view(0, undefined)[0]?.addresses).toEqual(at(1).Addrs);
  });

  it('knows of an indexer that left and came back when it was last sent a heartbeat', () => {
    const directory = testDirectory();
    insert(directory, 1);
    insert(directory, 2);
    const [first, second] = [directory.get(testPeer(1)), directory.get(testPeer(2))];
    if (first === undefined || second === undefined) throw new Error('not inserted');
    first.lastSent = 7_000;
    expect([directory.remove(first), directory.remove(first), directory.remove(second)]).toEqual([
      true,
      false,
      true,
    ]);
    insert(directory, 1);
    insert(directory, 2);
    expect(directory.get(testPeer(1))?.lastSent).toBe(7_000);
    expect(directory.get(testPeer(2))?.lastSent).toBeUndefined();
  });

  it('has an indexer once, and merges its addresses, 8 at most', () => {
    const directory = testDirectory();
    insert(directory, 1);
    const Addrs = Array.from({ length: 12 }, (_, n) => `/ip4/100.65.${n}.1/tcp/4001`);
    expect(directory.insert({ ID: testPeer(1), Addrs }, { isSeed: false, now: 0 })).toEqual({
      refused: 'known',
    });
    expect(directory.size).toBe(1);
    expect(directory.get(testPeer(1))?.addresses).toEqual([...at(1).Addrs, ...Addrs.slice(0, 7)]);
  });

  it('DEF-22: never takes ourselves, nor who has no address', () => {
    const directory = testDirectory();
    expect(directory.insert({ ID: SELF, Addrs: at(1).Addrs }, { isSeed: true, now: 0 })).toEqual({
      refused: 'self',
    });
    expect(directory.insert({ ID: testPeer(1), Addrs: [] }, { isSeed: true, now: 0 })).toEqual({
      refused: 'no-address',
    });
  });

  it('DEF-23: refuses what is over the cap, except seeds', () => {
    const directory = testDirectory(2);
    insert(directory, 1);
    insert(directory, 2);
    expect(insert(directory, 3)).toEqual({ refused: 'full' });
    expect('entry' in insert(directory, 4, true)).toBe(true);
    expect(directory.size).toBe(3);
    expect(directory.need).toBe(0);
  });

  it('opens one extra slot while a migration is pending', () => {
    const directory = testDirectory(2);
    insert(directory, 1);
    insert(directory, 2);
    Object.assign(directory.get(testPeer(1)) ?? {}, { isMigrationPending: true });
    expect('entry' in insert(directory, 3)).toBe(true);
    expect(insert(directory, 4)).toEqual({ refused: 'full' });
  });

  it('gives the slot of an indexer that refuses us to another, and counts it as free', () => {
    const directory = testDirectory(2);
    insert(directory, 1, true);
    insert(directory, 2);
    for (const entry of directory.entries()) entry.isUnusable = true;
    expect(directory.need).toBe(2);
    const insertion = insert(directory, 3);
    expect('entry' in insertion && insertion.replaced?.peer).toBe(testPeer(2));
    expect(directory.has(testPeer(1))).toBe(true);
    expect(insert(directory, 4)).toEqual({ refused: 'full' });
  });

  it('tells an entry from a later one of the same peer', () => {
    const directory = testDirectory();
    insert(directory, 1);
    const first = directory.get(testPeer(1));
    if (first === undefined) throw new Error('not inserted');
    expect(directory.remove(first)).toBe(true);
    insert(directory, 1);
    expect(directory.holds(first)).toBe(false);
    expect(directory.remove(first)).toBe(false);
    expect(directory.size).toBe(1);
  });

  it('DEF-33: keeps its bounds under any sequence of changes', () => {
    const change = fc.record({ number: fc.nat(12), isSeed: fc.boolean(), isRemoval: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const directory = testDirectory(4);
        for (const { number, isSeed, isRemoval } of changes) {
          const entry = directory.get(testPeer(number));
          if (isRemoval) {
            if (entry !== undefined) directory.remove(entry);
          } else insert(directory, number, isSeed);
          const plain = directory.entries().filter((candidate) => !candidate.isSeed);
          expect(plain.length).toBeLessThanOrEqual(4);
          expect(new Set(directory.entries().map(({ peer }) => peer)).size).toBe(directory.size);
        }
      }),
    );
  });
});
