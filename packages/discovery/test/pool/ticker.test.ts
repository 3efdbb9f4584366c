import { describe, expect, it } from 'vitest';
import { PoolState } from '../../src/pool/pool-state.ts';
import { Ticker, type TickScope } from '../../src/pool/ticker.ts';
import { TestFleet } from '../support/members.ts';

function setting(durationMs = 0) {
  const fleet = new TestFleet();
  const state = new PoolState(fleet.member(), 5);
  const ticks: { scope: TickScope; at: number }[] = [];
  let running = 0;
  let most = 0;
  const start = fleet.clock.now();
  const ticker = new Ticker(state, async (scope) => {
    ticks.push({ scope, at: fleet.clock.now() - start });
    running += 1;
    most = Math.max(most, running);
    if (durationMs > 0) await state.sleep(durationMs);
    running -= 1;
  });
  state.run('ticks', () => ticker.run());
  return { fleet, state, ticks, most: () => most };
}

describe('the ticker (11.2)', () => {
  it('ticks at once, then every 20 s, up to 5 % early or late', async () => {
    const { fleet, ticks } = setting();
    await fleet.pass(2_000_000, 100);
    expect(ticks[0]?.at).toBe(0);
    const gaps = ticks.slice(1).map(({ at }, index) => at - (ticks[index]?.at ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(19_000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(21_000);
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeGreaterThan(1_000);
    expect(ticks.every(({ scope }) => scope === 'full')).toBe(true);
  });

  it('runs a partial tick at a nudge', async () => {
    const { fleet, state, ticks } = setting();
    await fleet.pass(5_000);
    state.nudge();
    await fleet.settle();
    expect(ticks).toEqual([
      { scope: 'full', at: 0 },
      { scope: 'partial', at: 5_000 },
    ]);
  });

  it('never overlaps ticks: what is asked for during one runs once after it', async () => {
    const { fleet, state, ticks, most } = setting(3_000);
    await fleet.pass(1_000);
    for (let i = 0; i < 5; i += 1) state.nudge();
    await fleet.pass(1_500);
    expect(ticks).toHaveLength(1);
    await fleet.pass(6_000);
    expect(ticks.map(({ scope }) => scope)).toEqual(['full', 'partial']);
    await fleet.pass(200_000);
    expect(most()).toBe(1);
  });

  it('goes on after ticks that take longer than the period, without making up for them', async () => {
    const { fleet, ticks } = setting(50_000);
    await fleet.pass(205_000);
    expect(ticks.length).toBe(5);
  });

  it('ends with the agent', async () => {
    const { fleet, state, ticks } = setting();
    await fleet.settle();
    await state.stop();
    await fleet.pass(60_000);
    expect(ticks).toHaveLength(1);
  });
});
