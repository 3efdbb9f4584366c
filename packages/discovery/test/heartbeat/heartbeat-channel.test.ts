import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { HeartbeatChannel } from '../../src/heartbeat/heartbeat-channel.ts';
import type { HeartbeatResponse } from '../../src/wire/messages.ts';
import { streamPair } from '../support/memory-stream.ts';
import { CONSTANTS, response } from '../support/pool-models.ts';

const NEVER = new AbortController().signal;
const WRITE = { timeoutMs: 1_000 };

function setting() {
  const clock = new ManualClock();
  const remote = { peer: 'p', address: '/ip4/100.64.1.1/tcp/1', direction: 'inbound' as const };
  const [near, far] = streamPair('heartbeat', remote, remote, clock);
  const notices: HeartbeatResponse[] = [];
  const channel = new HeartbeatChannel({
    stream: near,
    timers: clock,
    constants: CONSTANTS,
    monotonic: () => clock.monotonic(),
    signal: NEVER,
    onNotice: (notice) => void notices.push(notice),
  });
  return { clock, near, far, notices, channel };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

describe('the heartbeat stream (11.3)', () => {
  it('times an answer when it arrives', async () => {
    const { clock, far, channel } = setting();
    const asked = channel.ask({}, 1, NEVER);
    await settle();
    clock.advance(120);
    await far.write({ ...response(), seq: 1 }, WRITE);
    expect(await asked).toMatchObject({ kind: 'answer', at: clock.monotonic(), response: { seq: 1 } });
  });

  it('is silent after five seconds, and then knows the late answer', async () => {
    const { clock, far, channel, notices } = setting();
    const asked = channel.ask({}, 1, NEVER);
    await settle();
    clock.advance(5_000);
    expect(await asked).toEqual({ kind: 'silent' });
    const second = channel.ask({}, 2, NEVER);
    await settle();
    await far.write({ ...response(), fill_rate: 0.9, seq: 1 }, WRITE);
    await far.write({ ...response(), fill_rate: 0.1, seq: 2 }, WRITE);
    expect(await second).toMatchObject({ kind: 'answer', response: { fill_rate: 0.1 } });
    expect(notices).toEqual([]);
  });

  it.each([
    ['is reset', (far: { reset(): void }) => far.reset()],
    ['is closed', (far: { close(): Promise<void> }) => far.close()],
  ])('tells who waits that the stream %s', async (_case, end) => {
    const { far, channel } = setting();
    const asked = channel.ask({}, 1, NEVER);
    await settle();
    await end(far);
    expect((await asked).kind).toBe('ended');
    expect(channel.isOpen).toBe(false);
    expect((await channel.ask({}, 2, NEVER)).kind).toBe('ended');
  });

  it.each([[{}], [[]], [{ ...response(), peer_count: 'many' }], [{ ...response(), fill_rate: 7 }]])(
    'DEF-2: ends at the malformed frame %j',
    async (frame) => {
      const { far, near, channel } = setting();
      const asked = channel.ask({}, 1, NEVER);
      await settle();
      await far.write(frame, WRITE);
      expect(await asked).toEqual({ kind: 'ended', reason: 'FRAME_MALFORMED' });
      await settle();
      expect(near.isReset).toBe(true);
    },
  );

  it('ends at a frame that is too long', async () => {
    const { far, channel } = setting();
    const asked = channel.ask({}, 1, NEVER);
    await settle();
    await far.write({ ...response(), dht_payload: 'x'.repeat(300_000) }, WRITE);
    expect(await asked).toEqual({ kind: 'ended', reason: 'FRAME_TOO_LARGE' });
  });

  it('outlives long silence between heartbeats', async () => {
    const { clock, far, channel } = setting();
    for (let i = 0; i < 10; i += 1) {
      clock.advance(CONSTANTS.heartbeatStreamIdleMs);
      await settle();
    }
    const asked = channel.ask({}, 1, NEVER);
    await settle();
    await far.write({ ...response(), seq: 1 }, WRITE);
    expect((await asked).kind).toBe('answer');
  });

  it('passes on what answers nothing', async () => {
    const { far, notices } = setting();
    await far.write({ ...response(), suggest_migrate: true }, WRITE);
    await settle();
    expect(notices).toMatchObject([{ suggest_migrate: true }]);
  });
});
