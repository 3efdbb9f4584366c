import { expect, test } from 'vitest';
import { ownTime, type TimerHandle } from '../src/index.ts';
import { ManualClock } from '../src/testing/index.ts';

test('in a process that runs, a delay takes as long as it says', () => {
  for (const delayMs of [0, 1, 100, 101, 250, 2_000]) {
    const clock = new ManualClock();
    const before = clock.monotonic();
    let firedAt: number | undefined;
    ownTime(clock).after(delayMs, () => (firedAt = clock.monotonic()));
    clock.advance(10_000);
    expect(Math.round(firedAt! - before)).toBe(delayMs);
  }
});

test('time in which the process stood still does not count', () => {
  let tick: () => void = () => undefined;
  let isCancelled = false;
  const handle: TimerHandle = { cancel: () => void (isCancelled = true) };
  const timers = {
    after: () => handle,
    every: (_: number, callback: () => void) => ((tick = callback), handle),
  };
  let fired = 0;
  ownTime(timers).after(2_000, () => (fired += 1));
  // Nineteen ticks are nineteen slices, however long each of them took.
  for (let ticks = 0; ticks < 19; ticks += 1) tick();
  expect(fired).toBe(0);
  tick();
  expect(fired).toBe(1);
  expect(isCancelled).toBe(true);
});

test('a cancelled delay never ends', () => {
  const clock = new ManualClock();
  let fired = 0;
  const timer = ownTime(clock).after(1_000, () => (fired += 1));
  clock.advance(999);
  timer.cancel();
  clock.advance(10_000);
  expect(fired).toBe(0);
});
