import type { Random } from '@muster/core';
import type { DiscoveryConstants } from '../constants.ts';
import type { PeerId } from '../wire/messages.ts';
import type { PoolEntry } from '../pool/pool-entry.ts';

/** What a heartbeat asks of the indexer besides its figures (11.7). */
export interface Challenges {
  /** Own id first; empty without a batch. */
  readonly peers: readonly PeerId[];
  /** DID to fetch from the DHT. */
  readonly did: string | undefined;
}

export const NO_CHALLENGES: Challenges = { peers: [], did: undefined };

/** Heartbeats until the next batch, uniform (6 `CHALLENGE_GAP`). */
export function drawChallengeGap(random: Random, constants: DiscoveryConstants): number {
  return (
    constants.challengeGapMin + random.integer(constants.challengeGapMax - constants.challengeGapMin + 1)
  );
}

/**
 * Decides what the next heartbeat to this indexer carries (11.7), and moves the schedule on. The own id is the ground
 * truth: we know that we are connected. A forced challenge (24.4) leaves the schedule as it is.
 *
 * @param others further ids to ask about, best first
 */
export function scheduleChallenges(
  entry: PoolEntry,
  options: {
    readonly self: PeerId;
    readonly ownDid: string | undefined;
    readonly others: readonly PeerId[];
    readonly random: Random;
    readonly constants: DiscoveryConstants;
  },
): Challenges {
  const { self, ownDid, others, random, constants } = options;
  let isDue = entry.isChallengeForced;
  let isDhtDue = entry.isDhtChallengeForced;
  entry.heartbeatsSinceChallenge += 1;
  if (entry.heartbeatsSinceChallenge >= entry.nextChallenge) {
    isDue = true;
    entry.heartbeatsSinceChallenge = 0;
    entry.nextChallenge = drawChallengeGap(random, constants);
    entry.challengeBatches += 1;
    if (entry.challengeBatches % constants.dhtChallengeEveryBatches === 0) isDhtDue = true;
  }
  const did = isDhtDue ? ownDid : undefined;
  if (!isDue) return did === undefined ? NO_CHALLENGES : { peers: [], did };
  return {
    peers: [self, ...others.filter((peer) => peer !== self && peer !== entry.peer)].slice(
      0,
      constants.challengesMax,
    ),
    did,
  };
}

/** The challenges were answered: nothing is forced any more. */
export function settleChallenges(entry: PoolEntry, sent: Challenges): void {
  if (sent.peers.length > 0) entry.isChallengeForced = false;
  if (sent.did !== undefined) entry.isDhtChallengeForced = false;
}

/**
 * The heartbeat got no answer: the same challenges go out with the next one, so that nobody escapes them by falling
 * silent. They are counted only when they are answered.
 */
export function repeatChallenges(entry: PoolEntry, sent: Challenges): void {
  if (sent.peers.length > 0) entry.isChallengeForced = true;
  if (sent.did !== undefined) entry.isDhtChallengeForced = true;
}
