import type { DiscoveryContext } from '../context.ts';
import type { Behaviour, IndexerFacts, Pool, Referenced, Suggestions } from '../parts.ts';
import type { PeerId, PeerRecord } from '../wire/messages.ts';

/** A peer as a lookup or a search found it. */
export interface FoundPeer {
  readonly peerId: PeerId;
  readonly did: string;
  readonly name: string;
  /** Whether a signed record proves it. */
  readonly isVerified: boolean;
  readonly record?: PeerRecord;
}

/** The indexer side, as far as it is shown. */
export interface IndexerStatus {
  readonly facts: IndexerFacts;
  readonly behaviour: Pick<Behaviour, 'bans'>;
  readonly suggestions: Pick<Suggestions, 'list'>;
  readonly referenced: Pick<Referenced, 'size'>;
}

/** What the status endpoint shows of a daemon. All of it answers at any time between start and stop. */
export interface StatusSource {
  readonly context: Pick<
    DiscoveryContext,
    'self' | 'settings' | 'constants' | 'clock' | 'timers' | 'logger' | 'events' | 'overlay' | 'peers'
  >;
  readonly version: string;
  readonly name: string;
  /** Undefined until it is known. */
  readonly did: string | undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly isReady: boolean;
  /** Why it is not ready, in a few words each. */
  notReadyReasons(): readonly string[];
  readonly pool: Pool;
  readonly indexer: IndexerStatus | undefined;
  /** Peers by id, DID or part of the name. Leaving the loop, or the signal, ends the search. */
  search(needle: string, signal: AbortSignal): AsyncIterable<FoundPeer>;
  /** Rejects PEER_NOT_FOUND, PEER_OFFLINE, NO_INDEXER, RECORD_INVALID. */
  lookup(peerOrDid: string, signal: AbortSignal): Promise<FoundPeer>;
  /** Prometheus text 0.0.4. */
  renderMetrics(): Promise<string>;
}
