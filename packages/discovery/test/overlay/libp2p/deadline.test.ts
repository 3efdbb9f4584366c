import { ManualClock } from '@muster/core/testing';
import { expect, test } from 'vitest';
import { raceAbort, startDeadline } from '../../../src/overlay/libp2p/deadline.ts';

test('a deadline aborts with STREAM_TIMEOUT when its time is over, not before', () => {
  const clock = new ManualClock();
  const { signal } = startDeadline(clock, { timeoutMs: 100 }, 'reading');
  clock.advance(99);
  expect(signal.aborted).toBe(false);
  clock.advance(1);
  expect(signal.reason).toMatchObject({
    code: 'STREAM_TIMEOUT',
    message: 'reading: no answer within 100 ms',
  });
});

test('a deadline ends with the signal of its caller, also one that was aborted before', () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const running = startDeadline(clock, { timeoutMs: 100, signal: controller.signal }, 'x');
  controller.abort(new Error('stop'));
  expect(running.signal.reason).toEqual(new Error('stop'));
  const late = startDeadline(clock, { timeoutMs: 100, signal: controller.signal }, 'x');
  expect(late.signal.reason).toEqual(new Error('stop'));
});

test('a deadline ends with the further signal, too', () => {
  const further = new AbortController();
  const own = new AbortController();
  const running = startDeadline(
    new ManualClock(),
    { timeoutMs: 100, signal: own.signal },
    'x',
    further.signal,
  );
  further.abort(new Error('all stops'));
  expect(running.signal.reason).toEqual(new Error('all stops'));
});

test('a deadline that was cleared aborts nothing', () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const running = startDeadline(clock, { timeoutMs: 100, signal: controller.signal }, 'x');
  running.clear();
  clock.advance(1_000);
  controller.abort();
  expect(running.signal.aborted).toBe(false);
});

test('a race ends as its promise does, or with the reason of the signal', async () => {
  const never = new Promise<number>(() => undefined);
  const controller = new AbortController();
  expect(await raceAbort(Promise.resolve(1), controller.signal)).toBe(1);
  await expect(raceAbort(Promise.reject(new Error('own')), controller.signal)).rejects.toThrow('own');
  const racing = raceAbort(never, controller.signal);
  controller.abort(new Error('over'));
  await expect(racing).rejects.toThrow('over');
  await expect(raceAbort(never, controller.signal)).rejects.toThrow('over');
});
