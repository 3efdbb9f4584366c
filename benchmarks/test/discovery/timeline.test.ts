import { describe, expect, it } from 'vitest';
import { delays, firstTime, type PoolState } from '../../discovery/timeline.ts';

const state = (at: number, peers: readonly string[], healthy = peers): PoolState => ({ at, peers, healthy });
const timeline = [state(100, []), state(150, ['a'], []), state(200, ['a', 'b']), state(300, ['a'])];
const isHealthy = ({ healthy }: PoolState): boolean => healthy.length > 0;

describe('timelines of pools', () => {
  it('tell when something first was so', () => {
    expect(firstTime(timeline, 0, isHealthy)).toBe(200);
    expect(firstTime(timeline, 0, ({ peers }) => peers.includes('c'))).toBeUndefined();
  });

  it('do not count what was so only before', () => {
    expect(firstTime(timeline, 210, ({ peers }) => !peers.includes('b'))).toBe(300);
    expect(firstTime(timeline, 310, ({ peers }) => peers.includes('b'))).toBeUndefined();
  });

  it('count what is so already', () => {
    expect(firstTime(timeline, 250, isHealthy)).toBe(250);
  });

  it('give the delay of each pool, and nothing for one where it never came about', () => {
    expect(delays({ one: timeline, other: [state(100, [])] }, 50, isHealthy)).toEqual([150, undefined]);
  });
});
