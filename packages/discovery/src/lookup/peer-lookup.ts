/**
 * Who a peer is, and saying who we are (discovery spec 15.2, 15.4).
 *
 * Fault model: indexers may be slow, ignorant or lying. A record counts only when it verifies and is of whom was asked
 * for; one "not found" is not the last word, two are (DEF-64).
 */

import { errorCode } from '@muster/core';
import type { DiscoveryContext } from '../context.ts';
import { discoveryErrors } from '../errors.ts';
import type { NodeTable, Pool, VerifiedRecord } from '../parts.ts';
import { verifyPeerRecord } from '../records/peer-record.ts';
import { toPeer } from '../records/to-peer.ts';
import { RELATIONS, type StoredPeer } from '../stores/peer-store.ts';
import { isPeerId, parsePeerAddress } from '../wire/addresses.ts';
import { type ClaimResult, publishClaim } from './claim.ts';
import { type RecordQuestion, requestRecord } from './get-request.ts';
import { ownDid, ownRecord } from './own-record.ts';

export interface PeerLookupParts {
  readonly pool: Pool;
  /** On a process that is an indexer too: its own live records, which no pool tells it. */
  readonly table?: NodeTable;
}

/** Answers that a peer is not known before that is believed. */
const OPINIONS = 2;

export class PeerLookup {
  readonly #context: DiscoveryContext;
  readonly #pool: Pool;
  readonly #table: NodeTable | undefined;

  constructor(context: DiscoveryContext, parts: PeerLookupParts) {
    this.#context = context;
    this.#pool = parts.pool;
    this.#table = parts.table;
  }

  /**
   * The peer with this peer id or DID, online now: ourselves, from the local store when its record is less than a minute
   * old, else from the indexers of the pool, one after the other, 15 s each.
   *
   * @throws PEER_OFFLINE when the newest record has expired, PEER_NOT_FOUND when two indexers don't know it (or all, if
   * there are fewer), NO_INDEXER when none answers.
   */
  async getPeerRecord(pidOrDid: string): Promise<StoredPeer> {
    const { constants, peers, self, signal } = this.#context;
    if (pidOrDid === self || pidOrDid === ownDid(this.#context)) return this.#ownPeer();
    const question: RecordQuestion = isPeerId(pidOrDid) ? { peer_id: pidOrDid } : { did: pidOrDid };
    const stored = 'peer_id' in question ? peers.findByPeerId(question.peer_id) : peers.get(question.did);
    if (stored !== undefined && this.#isFresh(stored)) return stored;

    const live = this.#live(question);
    if (live !== undefined) return await this.#accept(live);

    let ignorant = 0;
    let isExpired = false;
    const codes: string[] = [];
    for (const indexer of this.#pool.reachable()) {
      if (ignorant >= OPINIONS || signal.aborted) break;
      const answer = await requestRecord(this.#context, indexer, question, constants.getMs);
      if (answer.kind === 'failed') {
        codes.push(failureOf(answer.error));
        continue;
      }
      if (answer.kind === 'found' && this.#isSameKey(answer.verified))
        return await this.#accept(answer.verified);
      isExpired ||= answer.kind === 'expired';
      ignorant += 1;
    }
    const details = { peer: pidOrDid, codes };
    if (isExpired) throw discoveryErrors.create('PEER_OFFLINE', 'the newest record has expired', { details });
    if (ignorant > 0)
      throw discoveryErrors.create('PEER_NOT_FOUND', 'no indexer knows the peer', { details });
    throw discoveryErrors.create('NO_INDEXER', 'no indexer has answered', { details });
  }

  /**
   * Publishes our record, good for 150 s, to all indexers of the pool, and stores us as SELF.
   *
   * @throws NO_INDEXER when none has taken it; {@link keepClaiming} tries again.
   */
  async claim(): Promise<ClaimResult> {
    const result = await publishClaim(this.#context, this.#pool.reachable());
    await this.#context.peers.upsert(this.#ownPeer());
    return result;
  }

  /** Claims until an indexer has taken our record, whenever the pool recovers and at least each minute (DEF-91). */
  async keepClaiming(): Promise<void> {
    const { constants, events, logger, signal, timers } = this.#context;
    while (!signal.aborted) {
      try {
        await this.claim();
        return;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ error }, 'our record could not be published; another try follows');
      }
      const pause = new AbortController();
      const stopListening = events.on('pool.healthy', ({ payload }) => {
        if (payload.healthy > 0) pause.abort();
      });
      try {
        await timers.sleep(constants.replenishRetryMs, AbortSignal.any([signal, pause.signal]));
      } catch {
        // Woken early: by the pool, or by the end.
      } finally {
        stopListening();
      }
    }
  }

  #live(question: RecordQuestion): VerifiedRecord | undefined {
    const now = this.#context.clock.now();
    if (this.#table === undefined) return undefined;
    if ('peer_id' in question) {
      const verified = this.#table.get(question.peer_id)?.verified;
      return verified !== undefined && verified.expiresAt > now ? verified : undefined;
    }
    for (const { verified } of this.#table.values()) {
      if (verified?.record.did === question.did && verified.expiresAt > now) return verified;
    }
    return undefined;
  }

  #ownPeer(): StoredPeer {
    const { clock, constants, peers, self } = this.#context;
    const record = ownRecord(this.#context, constants.claimRecordTtlMs);
    const expiresAt = clock.now() + constants.claimRecordTtlMs;
    return toPeer({ record, expiresAt }, { self, peers, now: clock.now() }).peer;
  }

  #isFresh(stored: StoredPeer): boolean {
    const { clock, constants, crypto, settings } = this.#context;
    const now = clock.now();
    if (stored.record === undefined || now - stored.updated_at >= constants.localRecordFreshMs) return false;
    const result = verifyPeerRecord(stored.record, { crypto, now, constants, didMode: settings.didMode });
    return result.ok && result.verified.record.peer_id === stored.peer_id && result.verified.expiresAt > now;
  }

  /** A DID that we have stored with one key is not taken over by another. */
  #isSameKey({ record }: VerifiedRecord): boolean {
    const stored = this.#context.peers.get(record.did);
    return stored === undefined || stored.public_key === '' || stored.public_key === record.pub_key;
  }

  async #accept(verified: VerifiedRecord): Promise<StoredPeer> {
    const { clock, peers, self } = this.#context;
    const { peer } = toPeer(verified, { self, peers, now: clock.now() });
    const address = parsePeerAddress(peer.stream_address);
    if (address !== undefined) this.#pool.noteKnownPeer(address);
    // Only who is stored already is renewed: a look-up must not make a stranger known to the gate.
    const stored = peers.findByPeerId(peer.peer_id);
    if (stored !== undefined && stored.relation !== RELATIONS.BLACKLIST) await peers.upsert(peer);
    return peer;
  }
}

/** The code of a refusal, else that of the error. */
function failureOf(error: unknown): string {
  const { details } = error as { readonly details?: { readonly code?: unknown } };
  return typeof details?.code === 'string' ? details.code : (errorCode(error) ?? 'unknown');
}
