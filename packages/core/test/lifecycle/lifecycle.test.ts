import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import {
  type Component,
  coreErrors,
  errorCode,
  EXIT_CODES,
  exitCodeOf,
  Lifecycle,
  recordingLogger,
  silentLogger,
  stopOutcome,
} from '../../src/index.ts';
import { ManualClock } from '../../src/testing/index.ts';

function setUp() {
  const calls: string[] = [];
  const clock = new ManualClock();
  const lifecycle = new Lifecycle({ timers: clock, logger: silentLogger });
  const add = (name: string, overrides: Partial<Component> = {}): void => {
    lifecycle.add({
      name,
      start: () => void calls.push(`start ${name}`),
      stop: () => void calls.push(`stop ${name}`),
      ...overrides,
    });
  };
  return { calls, clock, lifecycle, add };
}

describe('lifecycle', () => {
  test('starts in order, stops in reverse, once', async () => {
    const { calls, lifecycle, add } = setUp();
    for (const name of ['a', 'b', 'c']) add(name);
    await lifecycle.start();
    expect(lifecycle.state).toBe('running');
    const [first, second] = await Promise.all([lifecycle.stop('asked'), lifecycle.stop('asked again')]);
    expect(calls).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
    expect(first).toEqual({ reason: 'asked', error: undefined, failures: [] });
    expect(second).toEqual(first);
    expect(stopOutcome(first)).toBe('ok');
    expect(lifecycle.state).toBe('stopped');
    expect(() => lifecycle.add({ name: 'late' })).toThrow(TypeError);
    await expect(lifecycle.start()).rejects.toThrow(TypeError);
  });

  test('a failing start stops what was started and passes the error on', async () => {
    const { calls, lifecycle, add } = setUp();
    add('a');
    const error = Object.assign(new Error('in use'), { code: 'EADDRINUSE' });
    add('b', { start: () => Promise.reject(error) });
    add('c');
    await expect(lifecycle.start()).rejects.toBe(error);
    expect(calls).toEqual(['start a', 'stop a']);
    expect(await lifecycle.stopped).toMatchObject({ reason: 'b failed to start', error });
  });

  test('stopping in the middle of starting starts nothing more and stops the rest', async () => {
    const { calls, lifecycle, add } = setUp();
    add('a');
    add('b', {
      start() {
        calls.push('start b');
        void lifecycle.stop('SIGINT');
      },
    });
    add('c');
    const error: unknown = await lifecycle.start().catch((reason: unknown) => reason);
    expect(errorCode(error)).toBe('LIFECYCLE_STOPPED');
    expect(calls).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  test('a part that takes long to start hears that it is to stop', async () => {
    const { calls, lifecycle, add } = setUp();
    add('a');
    add('b', {
      async start() {
        expect(lifecycle.stopping.aborted).toBe(false);
        void lifecycle.stop('SIGINT');
        lifecycle.stopping.throwIfAborted();
      },
    });
    const error: unknown = await lifecycle.start().catch((reason: unknown) => reason);
    expect(error).toBe(lifecycle.stopping.reason);
    expect(errorCode(error)).toBe('LIFECYCLE_STOPPED');
    expect(calls).toEqual(['start a', 'stop a']);
    expect(await lifecycle.stopped).toMatchObject({ reason: 'SIGINT', error: undefined, failures: [] });
  });

  test('stopping before the start lets nothing start', async () => {
    const { calls, lifecycle, add } = setUp();
    add('a');
    await lifecycle.stop('early');
    await expect(lifecycle.start()).rejects.toThrow(TypeError);
    expect(calls).toEqual([]);
  });

  test('a part that hangs or fails in stop keeps none of the others', async () => {
    const { calls, clock, lifecycle, add } = setUp();
    add('a');
    let hanging = false;
    add('hanging', {
      stopTimeoutMs: 500,
      stop() {
        hanging = true;
        return new Promise(() => {});
      },
    });
    add('failing', { stop: () => Promise.reject(new Error('broken')) });
    await lifecycle.start();
    const stopping = lifecycle.stop('asked');
    await expect.poll(() => hanging).toBe(true);
    clock.advance(499);
    expect(lifecycle.state).toBe('stopping');
    clock.advance(1);
    const report = await stopping;
    expect(report.failures.map(({ component, error }) => [component, errorCode(error)])).toEqual([
      ['failing', undefined],
      ['hanging', 'LIFECYCLE_STOP_TIMEOUT'],
    ]);
    expect(stopOutcome(report)).toBe('stoppedUncleanly');
    expect(calls.at(-1)).toBe('stop a');
  });

  test('a part that cannot go on stops everything', async () => {
    const logger = recordingLogger();
    const lifecycle = new Lifecycle({ timers: new ManualClock(), logger });
    lifecycle.add({ name: 'log' });
    await lifecycle.start();
    const error = new Error('fsync failed');
    lifecycle.fail('log', error);
    expect(await lifecycle.stopped).toEqual({ reason: 'log failed', error, failures: [] });
    expect(logger.entries.filter(({ level }) => level === 'error')).toHaveLength(1);
  });
});

describe('signals', () => {
  async function run(signals: number, stop: string, echoMs = 0): Promise<number | null> {
    const program = `
      import { Lifecycle, silentLogger, stopOnSignals, systemTimers } from '@muster/core';
      const lifecycle = new Lifecycle({ timers: systemTimers, logger: silentLogger });
      lifecycle.add({ name: 'part', stop: ${stop} });
      stopOnSignals(lifecycle, { echoMs: ${echoMs} });
      await lifecycle.start();
      const timer = setInterval(() => {}, 1000);
      process.stdout.write('ready\\n');
      const { reason } = await lifecycle.stopped;
      clearInterval(timer);
      process.exitCode = reason === 'SIGTERM' ? 0 : 99;
    `;
    const child = spawn(
      process.execPath,
      ['--conditions=muster-source', '--input-type=module', '--eval', program],
      { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const closed = once(child, 'close') as Promise<[number | null]>;
    for (let i = 0; i < signals; i++) {
      await once(child.stdout, 'data');
      child.kill('SIGTERM');
    }
    return (await closed)[0];
  }

  test('the first one stops cleanly', async () => {
    expect(await run(1, '() => {}')).toBe(EXIT_CODES.ok.code);
  });

  test('the second one ends the process at once', async () => {
    const stop = `() => { process.stdout.write('stopping\\n'); return new Promise(() => {}); }`;
    expect(await run(2, stop)).toBe(EXIT_CODES.terminated.code);
  });

  test('an echo of the first one is not a second', async () => {
    const stop = `async () => {
      process.stdout.write('stopping\\n');
      await new Promise((resolve) => process.once('SIGTERM', () => setImmediate(resolve)));
    }`;
    expect(await run(2, stop, 60_000)).toBe(EXIT_CODES.ok.code);
  });
});

describe('exit codes', () => {
  test('are distinct', () => {
    const codes = Object.values(EXIT_CODES).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });

  test.each([
    [coreErrors.create('CONFIG_INVALID', 'x'), 2],
    [Object.assign(new Error('x'), { code: 'EADDRINUSE' }), 6],
    [new Error('outer', { cause: Object.assign(new Error('x'), { code: 'ENOSPC' }) }), 5],
    [Object.assign(new Error('x'), { code: 'STORE_LOCKED' }), 4],
    [new Error('x'), 1],
    ['text', 1],
  ])('of %s is %i', (error, code) => {
    expect(exitCodeOf(error, { STORE_LOCKED: 'storeLocked' })).toBe(code);
  });
});
