import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UptimeTracker } from '../../src/scoring/uptime.ts';

const GAP = 120_000;

describe('the uptime tracker (13.1)', () => {
  it('leaves out a gap of more than 120 s, as in the test vector', () => {
    const tracker = new UptimeTracker(0, GAP);
    for (const at of [0, 20, 40, 200, 220]) tracker.recordHeartbeat(at * 1000);
    expect(tracker.totalOnlineMs).toBe(60_000);
    expect(tracker.ratio(220_000)).toBeCloseTo(0.2727, 4);
  });

  it('counts a gap of exactly 120 s, and none that is longer', () => {
    const tracker = new UptimeTracker(0, GAP);
    tracker.recordHeartbeat(0);
    tracker.recordHeartbeat(120_000);
    tracker.recordHeartbeat(240_001);
    expect(tracker.totalOnlineMs).toBe(120_000);
  });

  it('is 0 before any time has passed', () => {
    expect(new UptimeTracker(5, GAP).ratio(5)).toBe(0);
    expect(new UptimeTracker(5, GAP).ratio(4)).toBe(0);
  });

  it('is a share, whatever the heartbeats', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400_000)), (gaps) => {
        const tracker = new UptimeTracker(0, GAP);
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          tracker.recordHeartbeat(now);
        }
        expect(tracker.ratio(now)).toBeGreaterThanOrEqual(0);
        expect(tracker.ratio(now)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('does not count a mere sign of life', () => {
    const tracker = new UptimeTracker(0, GAP);
    tracker.recordHeartbeat(0);
    tracker.touch(50_000);
    expect(tracker.totalOnlineMs).toBe(0);
    expect(tracker.lastSeen).toBe(50_000);
  });
});
