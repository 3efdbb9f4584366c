import { expect, it } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { UNMEASURED } from '../../src/indexer/measurement.ts';
import { ProbeSchedule } from '../../src/indexer/probe-schedule.ts';

const constants = discoveryConstants();
const TICK = 20_000;
const good = { latencyScore: 0.9, bandwidthScore: 0.4, mbps: 40 };

/** Beats `count` times and says at which beats (from 1) a probe was started; each ends before the next beat. */
function probedBeats(schedule: ProbeSchedule, peer: string, count: number): number[] {
  const beats: number[] = [];
  for (let beat = 1; beat <= count; beat++) {
    if (!schedule.noteHeartbeat(peer, beat === 1, beat * TICK)) continue;
    beats.push(beat);
    schedule.finish(peer, good);
  }
  return beats;
}

it('probes at the first heartbeat, then at every 15th', () => {
  expect(probedBeats(new ProbeSchedule(constants), 'a', 50)).toEqual([1, 16, 31, 46]);
});

it('never probes a peer twice at once', () => {
  const schedule = new ProbeSchedule(constants);
  expect(schedule.noteHeartbeat('a', true, 0)).toBe(true);
  for (let beat = 1; beat < 40; beat++) expect(schedule.noteHeartbeat('a', false, beat * TICK)).toBe(false);
  schedule.finish('a', undefined);
  expect(schedule.noteHeartbeat('a', false, 40 * TICK)).toBe(true);
});

it('runs four at once; the others wait for their next heartbeat', () => {
  const schedule = new ProbeSchedule(constants);
  const started = ['a', 'b', 'c', 'd', 'e', 'f'].filter((peer) => schedule.noteHeartbeat(peer, true, 0));
  expect(started).toEqual(['a', 'b', 'c', 'd']);
  expect(schedule.running).toBe(4);
  schedule.finish('b', good);
  expect(schedule.noteHeartbeat('e', false, TICK)).toBe(true);
  expect(schedule.noteHeartbeat('f', false, TICK)).toBe(false);
});

it('probes at a new session, but not more often than once a minute', () => {
  const schedule = new ProbeSchedule(constants);
  expect(schedule.noteHeartbeat('a', true, 0)).toBe(true);
  schedule.finish('a', good);
  expect(schedule.noteHeartbeat('a', true, 59_999)).toBe(false);
  expect(schedule.noteHeartbeat('a', true, 60_000)).toBe(true);
});

it('keeps the last good measurement when a probe fails', () => {
  const schedule = new ProbeSchedule(constants);
  expect(schedule.measurement('a')).toBe(UNMEASURED);
  schedule.noteHeartbeat('a', true, 0);
  schedule.finish('a', undefined);
  expect(schedule.measurement('a')).toEqual({ latencyScore: 0.5, bandwidthScore: 0, mbps: 0 });
  for (let beat = 1; beat <= 15; beat++) schedule.noteHeartbeat('a', false, beat * TICK);
  schedule.finish('a', good);
  for (let beat = 16; beat <= 30; beat++) schedule.noteHeartbeat('a', false, beat * TICK);
  schedule.finish('a', undefined);
  expect(schedule.measurement('a')).toEqual(good);
});

it('forgets a peer that has left, and keeps count of its running probe', () => {
  const schedule = new ProbeSchedule(constants);
  schedule.noteHeartbeat('a', true, 0);
  schedule.drop('a');
  expect(schedule.size).toBe(0);
  expect(schedule.running).toBe(1);
  schedule.finish('a', good);
  expect(schedule.running).toBe(0);
  expect(schedule.size).toBe(0);
});
