import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { Suppressions, SuppressionTable, type SuppressionReason } from '../../src/sessions/suppression.ts';
import { testDigest } from '../support/vectors.ts';

const peer = { nodeId: 'n1', addr: '10.0.0.1:5001' };
const digest = testDigest(1);
const other = testDigest(2);

describe('SuppressionTable', () => {
  it.each<[SuppressionReason, number, boolean]>([
    ['not_found', 180_000, false],
    ['unavailable', 30_000, true],
    ['busy', 1_000, false],
    ['corrupt', 300_000, true],
    ['auth', 300_000, true],
  ])('%s lasts %d ms; for all digests: %s', (reason, life, isForAll) => {
    const table = new SuppressionTable();
    table.add(digest, peer, reason, 0);
    expect(table.isSuppressed(digest, peer, life - 1)).toBe(true);
    expect(table.isSuppressed(other, peer, life - 1)).toBe(isForAll);
    expect(table.isSuppressed(digest, peer, life)).toBe(false);
  });

  it('knows a provider by its address as well as by its id', () => {
    const table = new SuppressionTable();
    table.add(digest, peer, 'not_found', 0);
    expect(table.isSuppressed(digest, { nodeId: 'peer-id-of-n1', addr: peer.addr }, 1)).toBe(true);
    expect(table.isSuppressed(digest, { nodeId: 'n1', addr: '' }, 1)).toBe(true);
    expect(table.isSuppressed(digest, { nodeId: 'n2', addr: '10.0.0.2:5001' }, 1)).toBe(false);
  });

  it('waits as long as the busy one asks for, give or take half, and no longer than a minute', () => {
    const table = new SuppressionTable();
    table.add(digest, peer, 'busy', 0, { retryAfterMs: 4_000, random: 0 });
    expect(table.isSuppressed(digest, peer, 1_999)).toBe(true);
    expect(table.isSuppressed(digest, peer, 2_000)).toBe(false);
    table.add(digest, peer, 'busy', 0, { retryAfterMs: 4_000, random: 0.999 });
    expect(table.isSuppressed(digest, peer, 5_900)).toBe(true);
    table.add(digest, peer, 'busy', 0, { retryAfterMs: 86_400_000, random: 0.5 });
    expect(table.isSuppressed(digest, peer, 60_000)).toBe(false);
  });

  it('a longer reason is not cut short by a shorter one', () => {
    const table = new SuppressionTable();
    table.add(digest, peer, 'corrupt', 0);
    table.add(digest, peer, 'unavailable', 0);
    expect(table.isSuppressed(digest, peer, 100_000)).toBe(true);
  });

  it('"has it" takes back a "not found", and nothing else', () => {
    const clock = new ManualClock();
    const suppressions = new Suppressions(clock, () => peer.addr);
    suppressions.table.add(digest, peer, 'not_found', clock.monotonic());
    suppressions.hasCached(digest, 'n1');
    expect(suppressions.isSuppressed(digest, peer)).toBe(false);
    suppressions.table.add(digest, peer, 'corrupt', clock.monotonic());
    suppressions.hasCached(digest, 'n1');
    expect(suppressions.isSuppressed(digest, peer)).toBe(true);
  });

  it('"not found" right after "has it" is a contradiction, which no word takes back', () => {
    const clock = new ManualClock();
    const suppressions = new Suppressions(clock, () => peer.addr);
    suppressions.hasCached(digest, 'n1');
    suppressions.table.add(digest, peer, 'not_found', clock.monotonic());
    expect(suppressions.isUseless(digest, peer)).toBe(true);
    suppressions.hasCached(digest, 'n1');
    expect(suppressions.isSuppressed(digest, peer)).toBe(true);
    expect(suppressions.isUseless(testDigest(2), peer)).toBe(false);
    expect(suppressions.table.isUseless(digest, peer, clock.monotonic() + 180_000)).toBe(false);
  });

  it('an object that was evicted a while after "has it" is no contradiction', () => {
    const table = new SuppressionTable();
    table.hasCached(digest, peer, 0);
    table.add(digest, peer, 'not_found', 15_000);
    expect(table.isSuppressed(digest, peer, 15_001)).toBe(true);
    expect(table.isUseless(digest, peer, 15_001)).toBe(false);
  });

  it('tells who is useless from who is only to be left alone for a while', () => {
    for (const [reason, isUseless] of [
      ['unavailable', true],
      ['corrupt', true],
      ['auth', true],
      ['not_found', false],
      ['busy', false],
      ['unproven', false],
    ] as const) {
      const table = new SuppressionTable();
      table.add(digest, peer, reason, 0);
      expect([reason, table.isSuppressed(digest, peer, 1)]).toEqual([reason, true]);
      expect([reason, table.isUseless(digest, peer, 1)]).toEqual([reason, isUseless]);
    }
  });

  it('is bounded; the oldest leave', () => {
    const table = new SuppressionTable(10);
    for (let index = 0; index < 50; index++) {
      table.add(testDigest(index), { nodeId: `n${index}`, addr: '' }, 'not_found', 0);
    }
    expect(table.size).toBe(10);
    expect(table.isSuppressed(testDigest(49), { nodeId: 'n49', addr: '' }, 1)).toBe(true);
    expect(table.isSuppressed(testDigest(0), { nodeId: 'n0', addr: '' }, 1)).toBe(false);
  });
});
