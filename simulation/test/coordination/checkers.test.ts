import { describe, expect, test } from 'vitest';
import type { Leases } from '@muster/core';
import { checkLeases } from '../../coordination/checkers/leases.ts';
import { everybodyPulls } from '../../coordination/scenarios/leases.ts';
import { digestsOf, playOut, type Script } from '../../coordination/scenarios/setup.ts';
import type { Tampering } from '../../coordination/tampering.ts';
import { isMet } from '../../services.ts';

const play: Script['play'] = async ({ image, pullEverywhere, served }) => {
  const wanted = image('app/one', [20_000, 80_000]);
  pullEverywhere(wanted);
  await served(300_000);
  return { digests: digestsOf(wanted), origin: { copies: { atMost: 1.005 } } };
};

/** Names of the figures that miss their targets when the bug is planted. */
async function missedWith(
  tampering: Tampering,
  script = play,
  leases?: { readonly driftPpm: number },
): Promise<readonly string[]> {
  const options = { seed: 5, isQuick: true };
  const fleet = { seed: 5, agents: 10, tampering, ...(leases === undefined ? {} : { leases }) };
  const result = await playOut({ play: script }, options, fleet);
  return result.figures.filter((figure) => !isMet(figure)).map(({ name }) => name);
}

describe('planted bugs', () => {
  test('without one, everything is well', async () => {
    expect(await missedWith({})).toEqual([]);
  });

  test('wrong bytes in the hands of a runtime', async () => {
    const delivered = (data: Uint8Array): Uint8Array =>
      data.map((byte, index) => (index === 7 ? byte ^ 1 : byte));
    expect(await missedWith({ delivered })).toContain('broken rules');
  });

  test('half a body that is handed out as a whole one', async () => {
    const delivered = (data: Uint8Array): Uint8Array => data.subarray(0, Math.floor(data.length / 2));
    expect(await missedWith({ delivered })).toContain('broken rules');
  });

  test('requests that are swallowed', async () => {
    expect(await missedWith({ swallows: 0.1 })).toContain('wishes that never ended');
  });

  test('failures without a reason', async () => {
    const delivered = (): never => {
      throw new TypeError('something is undefined');
    };
    expect(await missedWith({ delivered })).toContain('broken rules');
  });

  test('nodes that do not agree on a puller: every node pulls by itself', async () => {
    const missed = await missedWith({ resolve: everybodyPulls });
    expect(missed).toContain('origin pulls per digest, most');
    expect(missed).toContain('copies read from the origin');
  });

  const leased: Script['play'] = async (parts) => {
    const outcome = await play(parts);
    checkLeases(parts.fleet, parts.report, outcome.digests);
    return outcome;
  };

  test('without one, leases make it one pull even when every node pulls by itself', async () => {
    expect(await missedWith({ resolve: everybodyPulls }, leased, { driftPpm: 100 })).toEqual([]);
  });

  test('two that have the same lease', async () => {
    // An authority that has no memory.
    let token = 0;
    const leases = (): Leases => ({
      acquire: async (resource) => ({
        kind: 'granted',
        lease: {
          resource,
          epoch: 1,
          token: ++token,
          ttlMs: 10_000,
          lost: new AbortController().signal,
          isHeld: () => true,
          release: async () => {},
        },
      }),
    });
    const missed = await missedWith({ leases, resolve: everybodyPulls }, leased, { driftPpm: 100 });
    expect(missed).toContain('broken rules');
    expect(missed).toContain('successful pulls per digest, most, no holder having gone');
  });

  test('nodes that read without asking for the lease again when it is done', async () => {
    const leases = (real: Leases): Leases => ({
      acquire: async (resource, limit) => {
        const answer = await real.acquire(resource, limit);
        if (answer.kind !== 'done') return answer;
        return real.acquire(resource, { ...limit, notwithstanding: answer });
      },
    });
    // One after the other, and none finds a copy.
    const blind: Script['play'] = async (parts) => {
      parts.fleet.world.routing.isOff = true;
      const wanted = parts.image('app/one', [20_000, 80_000]);
      parts.pullEverywhere(wanted, 60_000);
      await parts.served(300_000);
      checkLeases(parts.fleet, parts.report, digestsOf(wanted));
      return { digests: digestsOf(wanted) };
    };
    const missed = await missedWith({ leases, resolve: everybodyPulls }, blind, { driftPpm: 100 });
    expect(missed).toContain('successful pulls per digest, most, no holder having gone');
  });

  test('pulls whose entries stay in flight', async () => {
    expect(await missedWith({ leaksInFlight: true })).toContain('left over at rest');
  });

  test('timers that stay', async () => {
    expect(await missedWith({ leaksTimers: true })).toContain('timers more than at the start');
  });

  test('a run that makes one node after the other pull', async () => {
    const missed = await missedWith({
      resolve: async (agent, request, proceed) => {
        const { digest } = request;
        for (const { id } of agent.members.snapshot().slice(0, 4)) {
          if (id !== agent.host) await agent.watched.coordinator.pleasePull(id, request, [digest]);
        }
        return proceed();
      },
    });
    expect(missed).toContain('accepted pullers per run, most');
  });

  test('other bytes on a disk than its name says', async () => {
    const spoil: Script['play'] = async (parts) => {
      const outcome = await play(parts);
      const disk = parts.fleet.disk('n004');
      const path = disk.paths.find((each) => each.endsWith((outcome.digests[2] ?? '').slice(7)));
      disk.put(path ?? '', Buffer.from('other bytes'));
      return outcome;
    };
    expect(await missedWith({}, spoil)).toContain('stored objects that are others');
  });
});
