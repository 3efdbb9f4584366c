import type { Behaviour, Gate, Pool, RecordDirectory, Referenced, Suggestions } from '../parts.ts';
import type { PeerId } from '../wire/messages.ts';

/** The behaviour tracker as the heartbeat server needs it. */
export interface IndexerBehaviour extends Behaviour {
  readonly size: number;
  /** Identity pins held. */
  readonly pins: number;
  noteStream(peer: PeerId): void;
  sweep(): void;
}

/** A peer that heartbeated here; `seenAt` is a date, in milliseconds since the epoch. */
export interface SeenPeer {
  readonly peer: PeerId;
  readonly seenAt: number;
}

/**
 * Where the peers of the last minutes are kept across a restart, so that they need no place in the line for strangers
 * (F:72). Losing it costs time, nothing else.
 */
export interface SeenPeers {
  load(): Promise<readonly SeenPeer[]>;
  save(peers: readonly SeenPeer[]): Promise<void>;
}

/** What the indexer side uses of the rest of the daemon. */
export interface IndexerParts {
  readonly behaviour: IndexerBehaviour;
  readonly directory: RecordDirectory;
  readonly suggestions: Suggestions;
  readonly referenced: Referenced;
  readonly pool: Pool;
  readonly gate?: Gate;
  readonly seenPeers?: SeenPeers;
}
