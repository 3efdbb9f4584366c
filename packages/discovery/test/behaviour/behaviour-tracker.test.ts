import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testTracker } from '../support/indexer-models.ts';

const MINUTE = 60_000;

describe('windows (17.1)', () => {
  it.each([
    ['heartbeat', 5],
    ['publish', 10],
    ['get', 50],
  ] as const)('accepts the limit of %s in a minute and refuses the next, with a strike', (action, limit) => {
    const { tracker, events } = testTracker();
    const strikes: number[] = [];
    events.on('behaviour.strike', ({ payload }) => strikes.push(payload.strikes));
    for (let i = 0; i < limit; i++) expect(tracker.record('a', action)).toEqual({ accepted: true });
    expect(tracker.record('a', action)).toEqual({
      accepted: false,
      code: 'rate_limited',
      retryAfterMs: MINUTE,
    });
    expect(strikes).toEqual([1]);
  });

  it('counts each action, and each peer, by itself', () => {
    const { tracker } = testTracker();
    for (let i = 0; i < 5; i++) tracker.record('a', 'heartbeat');
    expect(tracker.record('a', 'publish').accepted).toBe(true);
    expect(tracker.record('b', 'heartbeat').accepted).toBe(true);
    expect(tracker.record('a', 'heartbeat').accepted).toBe(false);
  });

  it('forgets what is older than the window, and tells when there is room again', () => {
    const { tracker, clock } = testTracker();
    for (let i = 0; i < 5; i++) {
      tracker.record('a', 'heartbeat');
      clock.advance(10_000);
    }
    expect(tracker.record('a', 'heartbeat')).toMatchObject({ code: 'rate_limited', retryAfterMs: 10_000 });
    clock.advance(10_001);
    expect(tracker.record('a', 'heartbeat').accepted).toBe(true);
    expect(tracker.record('a', 'heartbeat').accepted).toBe(false);
  });

  it('never refuses heartbeats that keep the minimum gap', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 13_000, max: 40_000 }), { maxLength: 60, size: 'max' }),
        (gaps) => {
          const { tracker, clock } = testTracker();
          for (const gap of gaps) {
            expect(tracker.record('a', 'heartbeat').accepted).toBe(true);
            clock.advance(gap);
          }
        },
      ),
    );
  });

  it('uses the configured limits', () => {
    const { tracker } = testTracker({ maxGetsPerMinute: 1 });
    expect(tracker.record('a', 'get').accepted).toBe(true);
    expect(tracker.record('a', 'get').accepted).toBe(false);
  });

  it('excuses one early heartbeat after a reconnection, once a minute', () => {
    const { tracker, events, clock } = testTracker();
    let strikes = 0;
    events.on('behaviour.strike', () => (strikes += 1));
    for (let i = 0; i < 5; i++) tracker.record('a', 'heartbeat');
    tracker.noteStream('a');
    expect(tracker.record('a', 'heartbeat')).toMatchObject({ code: 'rate_limited' });
    expect(strikes).toBe(0);
    tracker.noteStream('a');
    tracker.record('a', 'heartbeat');
    expect(strikes).toBe(1);
    clock.advance(MINUTE + 1);
    for (let i = 0; i < 5; i++) tracker.record('a', 'heartbeat');
    tracker.noteStream('a');
    clock.advance(13_001);
    tracker.record('a', 'heartbeat');
    expect(strikes).toBe(2);
  });
});

describe('strikes and bans (17.2)', () => {
  it('bans at three strikes for ten minutes', () => {
    const { tracker, clock, events } = testTracker();
    const bans: unknown[] = [];
    events.on('behaviour.banned', ({ payload }) => bans.push(payload));
    tracker.strike('a', 2, 'bad signature');
    expect(tracker.bannedForMs('a')).toBeUndefined();
    tracker.strike('a', 1, 'bad frame');
    expect(bans).toEqual([{ peer: 'a', forMs: 10 * MINUTE }]);
    expect(tracker.record('a', 'get')).toEqual({
      accepted: false,
      code: 'banned',
      retryAfterMs: 10 * MINUTE,
    });
    expect(tracker.bans()).toEqual([{ peer: 'a', forMs: 10 * MINUTE, strikes: 1 }]);
    clock.advance(10 * MINUTE);
    expect(tracker.bannedForMs('a')).toBeUndefined();
    expect(tracker.bans()).toEqual([]);
    expect(tracker.record('a', 'get').accepted).toBe(true);
  });

  it('answers banned to the very request that earns the ban', () => {
    const { tracker } = testTracker({ maxGetsPerMinute: 1 });
    tracker.strike('a', 2, 'bad signature');
    tracker.record('a', 'get');
    expect(tracker.record('a', 'get')).toMatchObject({ accepted: false, code: 'banned' });
  });

  it('doubles the next bans up to two hours', () => {
    const { tracker, clock, events } = testTracker();
    const minutes: number[] = [];
    events.on('behaviour.banned', ({ payload }) => minutes.push(payload.forMs / MINUTE));
    for (let i = 0; i < 6; i++) {
      tracker.strike('a', 3, 'flood');
      clock.advance(tracker.bannedForMs('a') ?? 0);
    }
    expect(minutes).toEqual([10, 20, 40, 80, 120, 120]);
  });

  it('DEF-70: strikes decay, and one slip after a ban does not ban again', () => {
    const { tracker, clock } = testTracker();
    tracker.strike('a', 2, 'bad signature');
    clock.advance(10 * MINUTE);
    tracker.strike('a', 1, 'bad frame');
    expect(tracker.bannedForMs('a')).toBeUndefined();
    clock.advance(5 * MINUTE);
    tracker.strike('a', 1, 'bad frame');
    clock.advance(tracker.bannedForMs('a') ?? 0);
    tracker.strike('a', 1, 'bad frame');
    expect(tracker.bannedForMs('a')).toBeUndefined();
  });

  it('forgets earlier bans after a long time without a strike', () => {
    const { tracker, clock } = testTracker();
    tracker.strike('a', 3, 'flood');
    for (let minute = 0; minute < 60; minute++) {
      clock.advance(MINUTE);
      tracker.record('a', 'get');
    }
    tracker.strike('a', 3, 'flood');
    expect(tracker.bannedForMs('a')).toBe(10 * MINUTE);
  });

  it('charges only who is named', () => {
    const { tracker } = testTracker();
    tracker.strike('thief', 3, 'foreign peer id');
    expect(tracker.bannedForMs('victim')).toBeUndefined();
    expect(tracker.record('victim', 'heartbeat').accepted).toBe(true);
  });
});

describe('identity pins (17.3)', () => {
  it('charges two strikes for another DID of the same peer', () => {
    const { tracker, events } = testTracker();
    const causes: unknown[] = [];
    events.on('behaviour.strike', ({ payload }) => causes.push(payload.strikes));
    expect(tracker.checkIdentity('a', 'did-1')).toBe(true);
    expect(tracker.checkIdentity('a', '')).toBe(true);
    expect(tracker.checkIdentity('a', 'did-1')).toBe(true);
    expect(tracker.checkIdentity('a', 'did-2')).toBe(false);
    expect(causes).toEqual([2]);
    expect(tracker.checkIdentity('a', 'did-1')).toBe(true);
  });

  it('DEF-71: a stored DID belongs to its first peer', () => {
    const { tracker } = testTracker({ didMode: 'stored' });
    expect(tracker.checkIdentity('a', 'did-1')).toBe(true);
    expect(tracker.checkIdentity('thief', 'did-1')).toBe(false);
    expect(tracker.checkIdentity('a', 'did-1')).toBe(true);
  });

  it('keeps an unconfirmed pin for 30 days', () => {
    const { tracker, clock } = testTracker({ didMode: 'stored' });
    tracker.checkIdentity('a', 'did-1');
    clock.advance(30 * 24 * 60 * MINUTE);
    expect(tracker.checkIdentity('b', 'did-1')).toBe(false);
    clock.advance(1);
    expect(tracker.checkIdentity('b', 'did-1')).toBe(true);
  });

  it('drops the pin that was confirmed longest ago when there are too many', () => {
    const { tracker, clock } = testTracker({ didMode: 'stored', maxNodes: 1 });
    for (let i = 0; i < 10; i++) tracker.checkIdentity(`p${i}`, `d${i}`);
    clock.advance(1);
    tracker.checkIdentity('p0', 'd0');
    tracker.checkIdentity('p10', 'd10');
    expect(tracker.pins).toBe(10);
    expect(tracker.checkIdentity('thief', 'd0')).toBe(false);
    expect(tracker.checkIdentity('other', 'd1')).toBe(true);
  });
});

describe('clean-up (17.4)', () => {
  it('DEF-68: asking about a peer makes no state', () => {
    const { tracker } = testTracker();
    for (let i = 0; i < 1_000; i++) {
      tracker.bannedForMs(`p${i}`);
      tracker.noteStream(`p${i}`);
      tracker.checkIdentity(`p${i}`, '');
    }
    expect(tracker.size).toBe(0);
    expect(tracker.pins).toBe(0);
  });

  it('DEF-69: strikes outlive a disconnection by half an hour', () => {
    const { tracker, clock } = testTracker();
    tracker.strike('a', 2, 'bad signature');
    tracker.record('clean', 'heartbeat');
    clock.advance(5 * MINUTE);
    tracker.sweep();
    expect(tracker.size).toBe(1);
    tracker.strike('a', 1, 'bad frame');
    expect(tracker.bannedForMs('a')).toBeGreaterThan(0);
    tracker.strike('b', 2, 'bad signature');
    clock.advance(10 * MINUTE);
    tracker.sweep();
    // a: back from its ban; b: still remembered.
    expect(tracker.size).toBe(2);
    clock.advance(30 * MINUTE + 1);
    tracker.sweep();
    expect(tracker.size).toBe(0);
  });

  it('does not forget a running ban', () => {
    const { tracker, clock } = testTracker();
    for (let i = 0; i < 4; i++) {
      tracker.strike('a', 3, 'flood');
      if (i < 3) clock.advance(tracker.bannedForMs('a') ?? 0);
    }
    clock.advance(79 * MINUTE);
    tracker.sweep();
    expect(tracker.bannedForMs('a')).toBe(MINUTE);
  });

  it('M-14: tens of thousands of peers leave a bounded number of states, banned ones last to go', () => {
    const { tracker, clock } = testTracker({ maxNodes: 50 });
    tracker.strike('banned', 3, 'flood');
    for (let i = 0; i < 20_000; i++) {
      tracker.record(`p${i}`, 'heartbeat');
      tracker.checkIdentity(`p${i}`, `d${i}`);
      if (i % 1_000 === 0) clock.advance(1_000);
    }
    expect(tracker.size).toBe(500);
    expect(tracker.pins).toBe(500);
    expect(tracker.bannedForMs('banned')).toBeGreaterThan(0);
    clock.advance(2 * 60 * MINUTE);
    tracker.sweep();
    expect(tracker.size).toBe(0);
  });

  it('stays bounded when all are banned', () => {
    const { tracker } = testTracker({ maxNodes: 1 });
    for (let i = 0; i < 100; i++) tracker.strike(`p${i}`, 3, 'flood');
    expect(tracker.size).toBe(10);
    expect(tracker.bannedForMs('p99')).toBeGreaterThan(0);
  });
});
