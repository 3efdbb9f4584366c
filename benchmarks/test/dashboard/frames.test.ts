import { describe, expect, it } from 'vitest';
import { figuresOf } from '../../dashboard/frames.ts';
import { changesOf, largeFleet, sequence } from '../../dashboard/lab/fleets.ts';
import { TARGETS } from '../../dashboard/targets.ts';

describe('frames of the page', () => {
  it('are counted, and what was late is told', () => {
    const intervals = [...Array.from({ length: 98 }, () => 16.7), 33.4, 70];
    const figures = figuresOf({ intervals, longTasks: [60], elapsedMs: 1_740 });
    expect(figures).toEqual({
      frames: (1_000 * 100) / 1_740,
      p50: 16.7,
      p95: 16.7,
      p99: 33.4,
      worst: 70,
      missed: 2,
      longTasks: 1,
    });
    expect(() => figuresOf({ intervals: [], longTasks: [], elapsedMs: 1 })).toThrow(RangeError);
  });

  it('have targets', () => {
    expect(TARGETS.verdict('changes.frames', 60)).toBe('pass');
    expect(TARGETS.verdict('changes.frames', 50)).toBe('MISS');
  });
});

describe('fleets of the benchmark', () => {
  it('have as many peers as asked, all different, and the same each time', () => {
    const fleet = largeFleet(1_000, 10_000);
    expect(new Set(fleet.peers.map(({ id }) => id)).size).toBe(10_000);
    expect(largeFleet(1_000, 10_000)).toEqual(fleet);
    const known = new Set(fleet.peers.flatMap(({ id, links }) => [id, ...links]));
    expect(known.size, 'links lead to peers').toBe(10_000);
  });

  it('change by as many peers as asked', () => {
    const fleet = largeFleet(1_000, 500);
    const changes = changesOf(fleet, 100, 2_000, sequence(1));
    expect(new Set(changes.map(({ id }) => id)).size).toBe(100);
    expect(changes.every(({ lastSeenAt }) => lastSeenAt === 2_000)).toBe(true);
  });
});
