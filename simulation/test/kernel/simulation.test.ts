import { describe, expect, test } from 'vitest';
import { SimRandom, Simulation } from '../../kernel/index.ts';

describe('order of events', () => {
  test('events happen in order of time, then in the order in which they were scheduled', async () => {
    const sim = new Simulation({ seed: 1 });
    const seen: string[] = [];
    sim.schedule(20, () => seen.push('c'));
    sim.schedule(10, () => seen.push('a'));
    sim.schedule(10, () => seen.push('b'));
    await sim.runFor(15);
    expect(seen).toEqual(['a', 'b']);
    expect(sim.now).toBe(15);
    await sim.runFor(5);
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  test('many events, many of them cancelled, come out sorted', async () => {
    const sim = new Simulation({ seed: 2 });
    const random = new SimRandom(7);
    const times: number[] = [];
    let expected = 0;
    for (let i = 0; i < 5_000; i++) {
      const event = sim.schedule(random.integer(1_000), () => times.push(sim.now));
      if (i % 3 === 0) expected += 1;
      else sim.cancel(event);
    }
    expect(sim.pendingEvents).toBe(expected);
    await sim.runFor(1_000);
    expect(times).toHaveLength(expected);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test('all that an event sets off in promises runs before the next event', async () => {
    const sim = new Simulation({ seed: 3 });
    const seen: string[] = [];
    const chain = async (length: number): Promise<void> => {
      for (let i = 0; i < length; i++) await Promise.resolve();
      seen.push('chain');
    };
    sim.schedule(1, () => void chain(500));
    sim.schedule(1, () => seen.push('next'));
    await sim.runFor(1);
    expect(seen).toEqual(['chain', 'next']);
  });

  test('a hook sees every step, and what it throws ends the run', async () => {
    const sim = new Simulation({ seed: 4 });
    let value = 0;
    sim.afterStep(() => {
      if (value === 2) throw new Error('found');
    });
    for (let i = 1; i <= 3; i++) sim.schedule(i, () => void (value = i));
    await expect(sim.runFor(10)).rejects.toThrow('found');
    expect(value).toBe(2);
  });

  test('waits for a condition in virtual time', async () => {
    const sim = new Simulation({ seed: 5 });
    let isDone = false;
    sim.schedule(730, () => void (isDone = true));
    await expect(sim.runUntil(() => isDone, { withinMs: 10_000, everyMs: 100 })).resolves.toBe(800);
    await expect(sim.runUntil(() => false, { withinMs: 1_000 })).resolves.toBeUndefined();
    expect(sim.now).toBe(1_800);
  });
});

describe('processes', () => {
  test('sleep, timers and clocks of one process follow its drift and its offset', async () => {
    const sim = new Simulation({ seed: 6 });
    const process = sim.process('fast', { clockOffsetMs: 5_000, driftPpm: 100_000 });
    let woke = 0;
    void process.sleep(1_100).then(() => void (woke = sim.now));
    await sim.runFor(2_000);
    expect(woke).toBeCloseTo(1_000, 6);
    expect(process.monotonic()).toBeCloseTo(2_200, 6);
    expect(process.now()).toBe(sim.epochMs + 5_000 + 2_200);
  });

  test('a paused process does nothing; what fell due then happens in order, at once', async () => {
    const sim = new Simulation({ seed: 7 });
    const process = sim.process('p');
    const seen: string[] = [];
    process.after(10, () => seen.push(`a${sim.now}`));
    process.after(20, () => seen.push(`b${sim.now}`));
    process.pause();
    await sim.runFor(100);
    expect(seen).toEqual([]);
    expect(process.deferredEvents).toBe(2);
    process.resume();
    await sim.runFor(1);
    expect(seen).toEqual(['a100', 'b100']);
  });

  test('nothing of a killed process happens again', async () => {
    const sim = new Simulation({ seed: 8 });
    const process = sim.process('p');
    let ticks = 0;
    process.every(10, () => void (ticks += 1));
    await sim.runFor(35);
    process.kill();
    await sim.runFor(100);
    expect(ticks).toBe(3);
  });

  test('an aborted sleep rejects with the reason', async () => {
    const sim = new Simulation({ seed: 9 });
    const process = sim.process('p');
    const controller = new AbortController();
    const sleep = process.sleep(1_000, controller.signal);
    process.after(10, () => controller.abort(new Error('enough')));
    const rejected = expect(sleep).rejects.toThrow('enough');
    await sim.runFor(20);
    await rejected;
    expect(sim.pendingEvents).toBe(0);
  });
});

describe('randomness', () => {
  test('a child draws the same whatever its parent has drawn', () => {
    const a = new SimRandom(42);
    const b = new SimRandom(42);
    for (let i = 0; i < 10; i++) a.fraction();
    expect(a.fork('x').bytes(8)).toEqual(b.fork('x').bytes(8));
    expect(a.fork('x').bytes(8)).not.toEqual(a.fork('y').bytes(8));
  });

  test('is about uniform', () => {
    const random = new SimRandom(1);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 100_000; i++) {
      const drawn = random.integer(10);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    for (const count of counts) {
      expect(count).toBeGreaterThan(9_500);
      expect(count).toBeLessThan(10_500);
    }
  });
});

test('the hash of a trace depends on times, order and contents', () => {
  const run = (notes: readonly (readonly [number, string])[]): string => {
    const { trace } = new Simulation({ seed: 1 });
    for (const [at, text] of notes) trace.note(at, text);
    return trace.hash;
  };
  const base = run([
    [1, 'a'],
    [2, 'b'],
  ]);
  expect(
    run([
      [1, 'a'],
      [2, 'b'],
    ]),
  ).toBe(base);
  expect(
    run([
      [2, 'b'],
      [1, 'a'],
    ]),
  ).not.toBe(base);
  expect(
    run([
      [1, 'a'],
      [2.5, 'b'],
    ]),
  ).not.toBe(base);
  expect(
    run([
      [1, 'a'],
      [2, 'c'],
    ]),
  ).not.toBe(base);
});
