import { describe, expect, it, vi } from 'vitest';
import { clientErrors } from '../src/index.ts';
import type { Beat } from '../src/calls/directory-types.ts';
import { HeartbeatLoop, type HeartbeatLoopOptions } from '../src/heartbeat-loop.ts';
import { refused } from '../src/errors.ts';
import { ManualEnvironment, settle } from './manual-environment.ts';

const beat: Beat = {
  serverTimeMs: 1_780_000_000_000,
  keyExpiryWarning: false,
  raw: { encoding: 'json', message: {} },
};

interface Started {
  readonly loop: HeartbeatLoop;
  readonly environment: ManualEnvironment;
  readonly asked: (number | undefined)[];
  readonly failures: [string, number][];
  readonly beats: Beat[];
  readonly closing: AbortController;
}

function start(outcomes: (Error | Beat)[], options: Partial<HeartbeatLoopOptions> = {}): Started {
  const environment = new ManualEnvironment();
  const asked: (number | undefined)[] = [];
  const failures: [string, number][] = [];
  const beats: Beat[] = [];
  const closing = new AbortController();
  const source = {
    heartbeat: async ({ nodeId }: { readonly nodeId?: number }): Promise<Beat> => {
      asked.push(nodeId);
      const outcome = outcomes.shift() ?? beat;
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
  };
  const loop = new HeartbeatLoop(
    source,
    environment,
    {
      onFailure: (error, count) => failures.push([(error as Error & { code: string }).code, count]),
      onBeat: (one) => beats.push(one),
      ...options,
    },
    closing.signal,
  );
  return { loop, environment, asked, failures, beats, closing };
}

describe('HeartbeatLoop', () => {
  it('beats at once and then at every interval, less some jitter', async () => {
    const { loop, environment, asked, beats } = start([], { nodeId: 7 });
    await settle();
    expect(asked).toEqual([7]);
    for (let round = 2; round <= 4; round++) {
      environment.clock.advance(53_999);
      await settle();
      expect(asked).toHaveLength(round - 1);
      environment.clock.advance(6001);
      await settle();
      expect(asked).toHaveLength(round);
    }
    expect(beats).toHaveLength(4);
    expect(loop.lastBeat).toBe(beat);
    await loop.stop();
    expect(environment.pending).toBe(0);
  });

  it('tries again soon after failures that pass, and reports each', async () => {
    const down = (): Error => clientErrors.create('CONNECT_FAILED', 'down');
    const { loop, environment, asked, failures } = start([down(), down(), down()]);
    await settle();
    for (const upToMs of [1000, 2000, 4000]) {
      expect(loop.consecutiveFailures).toBe(asked.length);
      environment.clock.advance(upToMs);
      await settle();
    }
    expect(asked).toHaveLength(4);
    expect(failures).toEqual([
      ['CONNECT_FAILED', 1],
      ['CONNECT_FAILED', 2],
      ['CONNECT_FAILED', 3],
    ]);
    expect(loop.consecutiveFailures).toBe(0);
    await loop.stop();
  });

  it('waits as long as the registry says', async () => {
    const { loop, environment, asked } = start([
      refused('heartbeat', 'rate limited', { code: 'rate_limited', retryAfterMs: 20_000 }),
    ]);
    await settle();
    environment.clock.advance(19_999);
    await settle();
    expect(asked).toHaveLength(1);
    environment.clock.advance(1);
    await settle();
    expect(asked).toHaveLength(2);
    await loop.stop();
  });

  it('goes on at its pace after failures that do not pass', async () => {
    const { loop, environment, asked, failures } = start([refused('heartbeat', 'node 7: not found')]);
    await settle();
    environment.clock.advance(53_999);
    await settle();
    expect(asked).toHaveLength(1);
    environment.clock.advance(6001);
    await settle();
    expect(asked).toHaveLength(2);
    expect(failures).toEqual([['REGISTRY_REFUSED', 1]]);
    await loop.stop();
  });

  it.each(['stop', 'close', 'signal'] as const)('ends by %s, and is silent then', async (how) => {
    const controller = new AbortController();
    const { loop, environment, asked, failures, closing } = start([], { signal: controller.signal });
    await settle();
    if (how === 'close') closing.abort();
    if (how === 'signal') controller.abort();
    await loop.stop();
    environment.clock.advance(600_000);
    await settle();
    expect(asked).toHaveLength(1);
    expect(failures).toEqual([]);
    expect(environment.pending).toBe(0);
  });

  it('survives a callback that throws, which the program hears of', async () => {
    const uncaught: unknown[] = [];
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      const { loop, environment, asked } = start([], {
        onBeat: () => {
          throw new Error('a fault of the program');
        },
      });
      await vi.waitFor(() => expect(uncaught).toHaveLength(1));
      environment.clock.advance(60_000);
      await vi.waitFor(() => expect(uncaught).toHaveLength(2));
      expect(asked).toHaveLength(2);
      await loop.stop();
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of before) process.on('uncaughtException', listener);
    }
    expect(uncaught).toMatchObject([
      { message: 'a fault of the program' },
      { message: 'a fault of the program' },
    ]);
  });

  it('refuses an interval of nothing', () => {
    expect(() => start([], { intervalMs: 0 })).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }));
  });
});
