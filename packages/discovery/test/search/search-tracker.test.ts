import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SearchTracker } from '../../src/search/search-tracker.ts';

const IDLE = 5_000;
const MAX = 60_000;

function makeTracker(): SearchTracker {
  return new SearchTracker({ random: seededRandom(1), idleMs: IDLE, maxMs: MAX });
}

describe('SearchTracker', () => {
  it('gives each search a key of the user and a UUID', () => {
    const tracker = makeTracker();
    const key = tracker.register('alice', 0, () => {});
    expect(key).toMatch(/^alice:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(tracker.isActive(key)).toBe(true);
  });

  it('ends the search of a user that begins another, and only that one', () => {
    const tracker = makeTracker();
    const ends: string[] = [];
    const first = tracker.register('alice', 0, (reason) => ends.push(`first ${reason}`));
    const other = tracker.register('bob', 0, (reason) => ends.push(`other ${reason}`));
    const second = tracker.register('alice', 10, (reason) => ends.push(`second ${reason}`));
    expect(ends).toEqual(['first replaced']);
    expect([first, other, second].map((key) => tracker.isActive(key))).toEqual([false, true, true]);
    expect(tracker.resetIdle(first, 20)).toBe(false);
  });

  it('ends a search that is idle, and not one whose results restart the time-out', () => {
    const tracker = makeTracker();
    const ends: string[] = [];
    const idle = tracker.register('idle', 0, (reason) => ends.push(`idle ${reason}`));
    const busy = tracker.register('busy', 0, (reason) => ends.push(`busy ${reason}`));
    expect(tracker.resetIdle(busy, IDLE - 1)).toBe(true);
    tracker.expire(IDLE - 1);
    expect(ends).toEqual([]);
    tracker.expire(IDLE);
    expect(ends).toEqual(['idle idle']);
    expect(tracker.deadline(idle)).toBeUndefined();
    expect(tracker.deadline(busy)).toBe(2 * IDLE - 1);
  });

  it('DEF-63: a search that never falls silent ends at its cap', () => {
    const tracker = makeTracker();
    let end: string | undefined;
    const key = tracker.register('alice', 0, (reason) => (end = reason));
    for (let now = 0; now < MAX; now += IDLE - 1) {
      tracker.expire(now);
      tracker.resetIdle(key, now);
    }
    expect(end).toBeUndefined();
    expect(tracker.deadline(key)).toBe(MAX);
    tracker.expire(MAX);
    expect(end).toBe('limit');
    expect(tracker.size).toBe(0);
  });

  it('DEF-67: users whose names begin alike or hold colons do not end each other', () => {
    const tracker = makeTracker();
    const ends: string[] = [];
    for (const user of ['a', 'a:b', 'a:b:c', '']) tracker.register(user, 0, () => ends.push(user));
    expect(tracker.cancelUser('a:b')).toBe(true);
    expect(ends).toEqual(['a:b']);
    expect(tracker.cancelUser('a:')).toBe(false);
    expect(tracker.cancelKey('a')).toBe(false);
    expect(tracker.size).toBe(3);
    expect(tracker.cancelUser('')).toBe(true);
    expect(ends).toEqual(['a:b', '']);
  });

  it('DEF-67: a user named like the key of another does not end that search', () => {
    const tracker = makeTracker();
    const key = tracker.register('alice', 0, () => {});
    tracker.register(key, 0, () => {});
    expect(tracker.cancelUser(key)).toBe(true);
    expect(tracker.isActive(key)).toBe(true);
  });

  it('says nothing of a search that has finished by itself', () => {
    const tracker = makeTracker();
    let ends = 0;
    const key = tracker.register('alice', 0, () => (ends += 1));
    tracker.finish(key);
    tracker.finish(key);
    expect(tracker.cancelUser('alice')).toBe(false);
    tracker.expire(MAX);
    expect(ends).toBe(0);
  });

  it('holds for any sequence: at most one search a user, each ended once', () => {
    const user = fc.constantFrom('a', 'a:b', 'b');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('register' as const), user }),
      fc.record({ kind: fc.constant('cancel' as const), user }),
      fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 9_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const tracker = makeTracker();
        const running = new Map<string, string>();
        let now = 0;
        let begun = 0;
        let ended = 0;
        for (const one of steps) {
          if (one.kind === 'pass') {
            now += one.ms;
            tracker.expire(now);
          } else if (one.kind === 'cancel') tracker.cancelUser(one.user);
          else {
            begun += 1;
            running.set(
              one.user,
              tracker.register(one.user, now, () => (ended += 1)),
            );
          }
          const active = [...running.values()].filter((key) => tracker.isActive(key));
          expect(active.length).toBe(tracker.size);
          expect(begun - ended).toBe(tracker.size);
        }
      }),
    );
  });
});
