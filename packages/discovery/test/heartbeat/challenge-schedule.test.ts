import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import {
  type Challenges,
  drawChallengeGap,
  repeatChallenges,
  scheduleChallenges,
  settleChallenges,
} from '../../src/heartbeat/challenge-schedule.ts';
import type { PoolEntry } from '../../src/pool/pool-entry.ts';
import { testPeer } from '../support/identities.ts';
import { CONSTANTS, SELF, testEntry } from '../support/pool-models.ts';

const random = seededRandom(7);
const DID = 'own-did';

function next(entry: PoolEntry, ownDid: string | undefined = DID): Challenges {
  return scheduleChallenges(entry, {
    self: SELF,
    ownDid,
    others: [testPeer(2), SELF, entry.peer, testPeer(3), testPeer(4)],
    random,
    constants: CONSTANTS,
  });
}

describe('the challenge schedule (11.7)', () => {
  it('draws gaps from 1 to 10 alike', () => {
    const counts = new Map<number, number>();
    for (let i = 0; i < 10_000; i += 1) {
      const gap = drawChallengeGap(random, CONSTANTS);
      counts.set(gap, (counts.get(gap) ?? 0) + 1);
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('DEF-1: keeps its state from heartbeat to heartbeat: one batch in 5.5 on average, one DHT challenge in five batches', () => {
    const entry = testEntry(1, { nextChallenge: 3 });
    const sent = Array.from({ length: 5_500 }, () => next(entry));
    expect(sent.slice(0, 3).map(({ peers }) => peers.length > 0)).toEqual([false, false, true]);
    const batches = sent.filter(({ peers }) => peers.length > 0);
    expect(batches.length).toBeGreaterThan(900);
    expect(batches.length).toBeLessThan(1_100);
    const positions = batches.flatMap(({ did }, index) => (did === undefined ? [] : [index + 1]));
    expect(positions.every((position) => position % 5 === 0)).toBe(true);
    expect(positions).toHaveLength(Math.floor(batches.length / 5));
  });

  it('asks for our own id first, and for two others at most', () => {
    expect(next(testEntry()).peers).toEqual([SELF, testPeer(2), testPeer(3)]);
  });

  it('sends no DHT challenge before our DID is known', () => {
    const entry = testEntry();
    entry.isDhtChallengeForced = true;
    expect(
      scheduleChallenges(entry, { self: SELF, ownDid: undefined, others: [], random, constants: CONSTANTS })
        .did,
    ).toBe(undefined);
  });

  it('sends what a suspicion forces, outside the schedule, until it is answered', () => {
    const entry = testEntry(1, { nextChallenge: 10 });
    entry.isChallengeForced = true;
    entry.isDhtChallengeForced = true;
    const forced = next(entry);
    expect(forced).toEqual({ peers: [SELF, testPeer(2), testPeer(3)], did: DID });
    expect(next(entry).peers).toHaveLength(3);
    settleChallenges(entry, forced);
    expect(next(entry)).toEqual({ peers: [], did: undefined });
    expect(entry.heartbeatsSinceChallenge).toBe(3);
  });

  it('repeats with the next heartbeat what was not answered, so that nobody escapes by silence', () => {
    const entry = testEntry(1, { nextChallenge: 1 });
    const sent = next(entry);
    entry.nextChallenge = 10;
    repeatChallenges(entry, sent);
    expect(next(entry).peers[0]).toBe(SELF);
    expect(entry.challenge.checked).toBe(0);
  });
});
