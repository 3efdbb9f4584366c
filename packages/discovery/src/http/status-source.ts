import type { DiscoveryContext } from '../context.ts';
import type { Behaviour, IndexerFacts, Pool, Referenced, Suggestions } from '../parts.ts';
import type { PeerSearch } from '../search/search-client.ts';
import type { StoredPeer } from '../stores/peer-store.ts';

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
  /** Begins a search for a peer id, a DID or a part of a name; the signal ends it. */
  search(needle: string, signal: AbortSignal): PeerSearch;
  /** Rejects PEER_NOT_FOUND, PEER_OFFLINE, NO_INDEXER. */
  lookup(peerOrDid: string): Promise<StoredPeer>;
  /** Prometheus text 0.0.4. */
  renderMetrics(): Promise<string>;
}
