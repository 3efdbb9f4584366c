/** Entries and directories of a pool, for tests of its models. */

import { seededRandom } from '@muster/core/testing';
import { discoveryConstants } from '../../src/constants.ts';
import { NO_CHALLENGES } from '../../src/heartbeat/challenge-schedule.ts';
import { type AnswerContext, type AnswerFindings, takeAnswer } from '../../src/heartbeat/answer.ts';
import { PoolDirectory } from '../../src/pool/pool-directory.ts';
import { PoolEntry } from '../../src/pool/pool-entry.ts';
import type { HeartbeatResponse } from '../../src/wire/messages.ts';
import { testPeer } from './identities.ts';

export const CONSTANTS = discoveryConstants();
export const SELF = testPeer(50_000);
export const BORN_AT = '2026-01-01T00:00:00.000Z';

/** An entry for the indexer with this number. */
export function testEntry(
  number = 1,
  options: { readonly isSeed?: boolean; readonly now?: number; readonly nextChallenge?: number } = {},
): PoolEntry {
  return new PoolEntry({
    peer: testPeer(number),
    addresses: [`/ip4/100.64.${number}.1/tcp/4001`],
    isSeed: options.isSeed ?? false,
    now: options.now ?? 0,
    constants: CONSTANTS,
    nextChallenge: options.nextChallenge ?? 1,
  });
}

/** An entry that has answered at this time. */
export function healthyEntry(number: number, now: number, score = 90): PoolEntry {
  const entry = testEntry(number, { now: 0 });
  entry.isResponding = true;
  entry.lastAnswered = now;
  entry.score = score;
  return entry;
}

export function testDirectory(maxSize = 5): PoolDirectory {
  return new PoolDirectory({ self: SELF, maxSize, constants: CONSTANTS, random: seededRandom(1) });
}

export function response(overrides: Partial<HeartbeatResponse> = {}): HeartbeatResponse {
  return { fill_rate: 0.4, peer_count: 40, max_nodes: 100, born_at: BORN_AT, ...overrides };
}

/** Has the entry take an answer, without challenges unless they are given. */
export function answer(
  entry: PoolEntry,
  now: number,
  overrides: Partial<HeartbeatResponse> = {},
  options: Partial<AnswerContext> & {
    readonly rttMs?: number;
    readonly challenges?: { readonly peers: readonly string[]; readonly did: string | undefined };
  } = {},
): AnswerFindings {
  const { rttMs = 200, challenges = NO_CHALLENGES, ...context } = options;
  return takeAnswer(
    entry,
    { response: response(overrides), rttMs, challenges },
    { self: SELF, now, date: now, judgeOwnRecord: () => 'genuine', ...context },
  );
}
