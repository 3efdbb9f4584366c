import { ManualClock } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeadlineWheel, runDeadlineWheel } from '../../src/admission/index.ts';

const START_MS = 5_000.25;

describe('a deadline wheel', () => {
  test('fires in the tick of the deadline, once, and not before', () => {
    const wheel = new DeadlineWheel<string>({ startMs: 0, tickMs: 10, slots: 8 });
    const fired: string[] = [];
    const advance = (to: number) => wheel.advance(to, (value) => fired.push(value));
    wheel.add('a', 25);
    advance(25);
    expect(fired).toEqual([]);
    advance(29);
    expect(fired).toEqual([]);
    advance(30);
    advance(500);
    expect(fired).toEqual(['a']);
    expect(wheel.size).toBe(0);
  });

  test('a deadline beyond the reach of the wheel is kept', () => {
    const wheel = new DeadlineWheel<string>({ startMs: 0, tickMs: 10, slots: 8 });
    const fired: [string, number][] = [];
    wheel.add('far', 1_005);
    for (let now = 0; now <= 1_100; now += 10) wheel.advance(now, (value) => fired.push([value, now]));
    expect(fired).toEqual([['far', 1_010]]);
  });

  test('a callback may set, move and remove deadlines, its own included', () => {
    const wheel = new DeadlineWheel<string>({ startMs: 0, tickMs: 10, slots: 8 });
    const fired: string[] = [];
    const ids = new Map<string, number>();
    for (const name of ['a', 'b', 'c', 'd']) ids.set(name, wheel.add(name, 15));
    wheel.advance(20, (value) => {
      fired.push(value);
      if (value !== 'a') return;
      wheel.remove(ids.get('b') ?? -1);
      wheel.move(ids.get('c') ?? -1, 55);
      wheel.add('again', 5);
    });
    expect(fired).toEqual(['a', 'd']);
    wheel.advance(30, (value) => fired.push(value));
    expect(fired).toEqual(['a', 'd', 'again']);
    wheel.advance(60, (value) => fired.push(value));
    expect(fired).toEqual(['a', 'd', 'again', 'c']);
  });

  test('when a callback throws, the others fire with the next tick', () => {
    const wheel = new DeadlineWheel<number>({ startMs: 0, tickMs: 10, slots: 8 });
    for (let value = 0; value < 5; value++) wheel.add(value, 10);
    const fired: number[] = [];
    expect(() =>
      wheel.advance(10, (value) => {
        if (value === 2) throw new Error('callback');
        fired.push(value);
      }),
    ).toThrowError('callback');
    expect(wheel.size).toBe(2);
    wheel.advance(20, (value) => fired.push(value));
    expect(fired).toEqual([0, 1, 3, 4]);
  });

  test('an id that is not in use is refused', () => {
    const wheel = new DeadlineWheel<string>({ startMs: 0, tickMs: 10, slots: 8 });
    const id = wheel.add('a', 10);
    wheel.remove(id);
    expect(() => wheel.remove(id)).toThrowError(RangeError);
    expect(() => wheel.move(id, 20)).toThrowError(RangeError);
    expect(() => wheel.move(3, 20)).toThrowError(RangeError);
    expect(() => wheel.move(1_000, 20)).toThrowError(RangeError);
  });

  test('agrees with a plain list, whatever is added, moved, removed and however time jumps', () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), inMs: fc.integer({ min: -50, max: 400 }) }),
      fc.record({
        kind: fc.constant('move' as const),
        pick: fc.nat(),
        inMs: fc.integer({ min: -50, max: 400 }),
      }),
      fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }),
      fc.record({ kind: fc.constant('advance' as const), byMs: fc.integer({ min: 0, max: 60 }) }),
      fc.record({ kind: fc.constant('advance' as const), byMs: fc.integer({ min: 0, max: 700 }) }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 20 }),
        fc.integer({ min: 1, max: 30 }),
        fc.array(operation, { maxLength: 150 }),
        (slots, tickMs, operations) => {
          const wheel = new DeadlineWheel<{ n: number }>({ startMs: START_MS, tickMs, slots });
          /** Live deadlines; `dueMs` is when the wheel has to have fired. */
          const live = new Map<number, { n: number; deadlineMs: number; dueMs: number }>();
          let now = START_MS;
          let n = 0;
          const due = (deadlineMs: number) => {
            const nextTick = Math.floor((now - START_MS) / tickMs) + 1;
            const tick = Math.max(Math.ceil((deadlineMs - START_MS) / tickMs), nextTick);
            return START_MS + tick * tickMs;
          };
          const pickId = (pick: number) => [...live.keys()][pick % Math.max(live.size, 1)];
          for (const step of operations) {
            if (step.kind === 'add') {
              const id = wheel.add({ n }, now + step.inMs);
              expect(live.has(id)).toBe(false);
              live.set(id, { n, deadlineMs: now + step.inMs, dueMs: due(now + step.inMs) });
              n += 1;
            } else if (step.kind === 'advance') {
              now += step.byMs;
              const fired: number[] = [];
              wheel.advance(now, (value) => fired.push(value.n));
              const expected: number[] = [];
              for (const [id, entry] of live) {
                const isDue = entry.dueMs <= now;
                if (fired.includes(entry.n)) expect(entry.deadlineMs).toBeLessThanOrEqual(now);
                if (!isDue && !fired.includes(entry.n)) continue;
                expected.push(entry.n);
                live.delete(id);
              }
              expect(fired.sort((a, b) => a - b)).toEqual(expected.sort((a, b) => a - b));
            } else {
              const id = pickId(step.pick);
              const entry = id === undefined ? undefined : live.get(id);
              if (id === undefined || entry === undefined) continue;
              if (step.kind === 'remove') {
                wheel.remove(id);
                live.delete(id);
              } else {
                wheel.move(id, now + step.inMs);
                entry.deadlineMs = now + step.inMs;
                entry.dueMs = due(entry.deadlineMs);
              }
            }
            expect(wheel.size).toBe(live.size);
          }
          const rest: number[] = [];
          wheel.advance(now + 2_000, (value) => rest.push(value.n));
          expect(rest.sort((a, b) => a - b)).toEqual(
            [...live.values()].map((entry) => entry.n).sort((a, b) => a - b),
          );
        },
      ),
      { numRuns: 400 },
    );
  });

  test('200,000 connections that stay active are looked at once per turn, not once per request', () => {
    const idleMs = 300_000;
    const wheel = new DeadlineWheel<number>({ startMs: 0 });
    const ids = Array.from({ length: 200_000 }, (_, n) => wheel.add(n, idleMs));
    const fired = new Set<number>();
    for (let now = 30_000; now <= 1_200_000; now += 30_000) {
      for (const id of ids) if (now <= 900_000) wheel.move(id, now + idleMs);
      wheel.advance(now, (value) => {
        if (fired.has(value)) throw new Error(`${value} fired twice`);
        fired.add(value);
      });
      if (now < 1_200_000) expect(fired.size).toBe(0);
    }
    expect(fired.size).toBe(200_000);
  });

  test('one timer drives it', () => {
    const clock = new ManualClock();
    const wheel = new DeadlineWheel<string>({ startMs: clock.monotonic() });
    const fired: string[] = [];
    const running = runDeadlineWheel(wheel, { clock, timers: clock }, (value) => fired.push(value));
    wheel.add('header', clock.monotonic() + 10_000);
    wheel.add('idle', clock.monotonic() + 300_000);
    clock.advance(9_999);
    expect(fired).toEqual([]);
    clock.advance(251);
    expect(fired).toEqual(['header']);
    running.cancel();
    clock.advance(1_000_000);
    expect(fired).toEqual(['header']);
  });
});
