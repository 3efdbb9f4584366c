/** What an answer to a heartbeat says (discovery spec 12.3), from plain inputs. */

import type { Random } from '@muster/core';
import type { DiscoveryConstants } from '../constants.ts';
import type { AddrInfo, ChallengeEntry, HeartbeatResponse, PeerId } from '../wire/messages.ts';

/** What the indexer says of itself in every answer. `bornAt` is formatted. */
export interface IndexerState {
  readonly fillRate: number;
  readonly peerCount: number;
  readonly maxNodes: number;
  readonly bornAt: string;
}

/** Outcome of a DHT challenge; undefined when none was asked. */
export type DhtChallengeOutcome =
  | { readonly kind: 'busy' }
  | { readonly kind: 'looked-up'; readonly payload: unknown };

export interface ResponseInputs {
  readonly state: IndexerState;
  readonly seq: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly challenges: readonly ChallengeEntry[];
  readonly dht: DhtChallengeOutcome | undefined;
  readonly witnesses: readonly AddrInfo[];
  readonly suggestions: readonly AddrInfo[];
  readonly suggestMigrate: boolean;
  readonly cachedScore: number;
}

/** The answer to a candidate probe, and the base of all others. */
export function minimalResponse(
  state: IndexerState,
  seq: number | undefined,
  now: number,
): HeartbeatResponse {
  return {
    fill_rate: state.fillRate,
    peer_count: state.peerCount,
    max_nodes: state.maxNodes,
    born_at: state.bornAt,
    ...(seq !== undefined && { seq }),
    ts: now,
  };
}

/** The whole answer; lists that are empty are left out. */
export function buildResponse(inputs: ResponseInputs): HeartbeatResponse {
  const { challenges, witnesses, suggestions, dht } = inputs;
  return {
    ...minimalResponse(inputs.state, inputs.seq, inputs.now),
    ...(challenges.length > 0 && { challenges }),
    ...(dht !== undefined && dhtFields(dht)),
    ...(witnesses.length > 0 && { witnesses }),
    ...(suggestions.length > 0 && { suggestions }),
    ...(inputs.suggestMigrate && { suggest_migrate: true }),
    cached_score: inputs.cachedScore,
  };
}

function dhtFields(dht: DhtChallengeOutcome): Partial<HeartbeatResponse> {
  if (dht.kind === 'busy') return { dht_busy: true };
  return dht.payload === undefined ? { dht_found: false } : { dht_found: true, dht_payload: dht.payload };
}

/** Answers challenges in their order (12.3.3). `lastSeen`: formatted, of live records only. */
export function answerChallenges(
  ids: readonly PeerId[],
  constants: Pick<DiscoveryConstants, 'challengesMax'>,
  lastSeen: (peer: PeerId) => string | undefined,
): readonly ChallengeEntry[] {
  return ids.slice(0, constants.challengesMax).map((peer) => {
    const seen = lastSeen(peer);
    return seen === undefined
      ? { peer_id: peer, found: false }
      : { peer_id: peer, found: true, last_seen: seen };
  });
}

/**
 * Which indexers to suggest (12.3.6). An overloaded indexer names at least one, and begins at a random place among the
 * first few, so that nodes that move at the same time spread out. `accept` sorts out the requester, this indexer and
 * whoever must not be handed out.
 */
export function chooseSuggestions(
  cache: readonly AddrInfo[],
  request: { readonly need: number; readonly isOverloaded: boolean },
  constants: Pick<DiscoveryConstants, 'maxSuggestions' | 'spreadWindow'>,
  random: Random,
  accept: (candidate: AddrInfo) => boolean,
): readonly AddrInfo[] {
  const wanted = Math.min(constants.maxSuggestions, Math.max(0, request.need));
  const count = request.isOverloaded ? Math.max(1, wanted) : wanted;
  if (count === 0 || cache.length === 0) return [];
  const spreads = request.isOverloaded && cache.length > count;
  const start = spreads ? random.integer(Math.min(constants.spreadWindow, cache.length)) : 0;
  const chosen: AddrInfo[] = [];
  for (let i = 0; i < cache.length && chosen.length < count; i++) {
    const candidate = cache[(start + i) % cache.length] as AddrInfo;
    if (accept(candidate)) chosen.push(candidate);
  }
  return chosen;
}
