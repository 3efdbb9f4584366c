import { ManualClock } from '@muster/core/testing';
import { expect, it } from 'vitest';
import { InFlightMap } from '../../src/inflight/in-flight-map.ts';
import { PullWatch } from '../../src/inflight/pull-watch.ts';
import { flush } from '../support/cascade-harness.ts';
import { testDigest } from '../support/vectors.ts';

const digest = testDigest(1);

function setUp() {
  const clock = new ManualClock();
  const inflight = new InFlightMap();
  const watch = new PullWatch({ inflight, clock, timers: clock }, digest);
  const start = () => inflight.start(digest, 'blob', 0, clock.now()).handle;
  /** A pause of 200 ms; tells when it is over. */
  const pause = (signal?: AbortSignal) => {
    const state = { isOver: false };
    const done = watch.pause(200, signal).then(() => void (state.isOver = true));
    return { state, done };
  };
  return { clock, inflight, start, pause };
}

it('wakes when the pull ends, also after steps that time ended, and also for the next pull', async () => {
  const { clock, start, pause } = setUp();
  for (let pull = 0; pull < 2; pull += 1) {
    const handle = start();
    const first = pause();
    await flush();
    expect(first.state.isOver).toBe(false);
    clock.advance(200);
    await first.done;
    const second = pause();
    handle.done();
    await second.done;
  }
});

it('waits for its time when no pull runs, so that nobody spins', async () => {
  const { clock, pause } = setUp();
  const { state, done } = pause();
  await flush();
  expect(state.isOver).toBe(false);
  clock.advance(200);
  await done;
});

it('ends with the signal', async () => {
  const { pause, start } = setUp();
  start();
  const abort = new AbortController();
  const { done } = pause(abort.signal);
  abort.abort(new Error('gone'));
  await expect(done).rejects.toThrow('gone');
  await expect(pause(abort.signal).done).rejects.toThrow('gone');
});

it('a pull whose place another takes has ended', async () => {
  const { inflight, start } = setUp();
  const claim = start();
  const ended = inflight.whenDone(digest);
  claim.offer();
  const pull = start();
  await ended;
  claim.done();
  expect(inflight.length).toBe(1);
  const next = inflight.whenDone(digest);
  pull.done();
  await next;
  await inflight.whenDone(digest);
});
