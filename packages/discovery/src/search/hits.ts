/**
 * Checks the hits of a search result before they are shown or passed on (discovery spec 16.3, 16.6; DEF-60). A hit with
 * a record must be what the record says, and the record must hold; a hit without one is passed on as unverified. Each
 * peer comes once, except that a verified hit may follow an unverified one: nobody can hide a peer by being first with
 * a false hit.
 */

import type { DiscoveryContext } from '../context.ts';
import type { VerifiedRecord } from '../parts.ts';
import { verifyPeerRecord } from '../records/peer-record.ts';
import type { SearchHit } from '../wire/messages.ts';

export interface CheckedHit {
  readonly hit: SearchHit;
  /** Undefined when the hit came without a record. */
  readonly verified: VerifiedRecord | undefined;
}

export type HitContext = Pick<DiscoveryContext, 'crypto' | 'clock' | 'constants' | 'settings'>;

/** The hit with its record verified, or undefined when it has one that is not valid or says something else. */
export function checkHit(hit: SearchHit, context: HitContext): CheckedHit | undefined {
  if (hit.record === undefined || hit.record === null) {
    const { peer_id, did, name } = hit;
    return peer_id === '' && did === '' ? undefined : { hit: { peer_id, did, name }, verified: undefined };
  }
  const { crypto, clock, constants, settings } = context;
  const result = verifyPeerRecord(hit.record, {
    crypto,
    now: clock.now(),
    constants,
    didMode: settings.didMode,
  });
  if (!result.ok) return undefined;
  const { record } = result.verified;
  const isSame = hit.peer_id === record.peer_id && hit.did === record.did && hit.name === record.name;
  return isSame ? { hit: { ...hit, record }, verified: result.verified } : undefined;
}

/** The peers that one search has met. */
export class SeenHits {
  readonly #limit: number;
  /** Peer id, else DID, and whether the hit was verified. */
  readonly #seen = new Map<string, boolean>();

  /** `limit` bounds the memory: a search that has met so many peers meets no more. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#seen.size >= this.#limit;
  }

  /** True for the first hit of a peer, and for the first verified one after unverified ones. */
  isNew({ hit, verified }: CheckedHit): boolean {
    const key = hit.peer_id === '' ? hit.did : hit.peer_id;
    const before = this.#seen.get(key);
    if (before === true || (before === false && verified === undefined)) return false;
    if (before === undefined && this.isFull) return false;
    this.#seen.set(key, verified !== undefined);
    return true;
  }
}

/** Most peers that one search reports. */
export const MAX_HITS_PER_SEARCH = 5_000;
