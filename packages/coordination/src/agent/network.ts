import type { ContentRouting, PeerStreams } from '@muster/core';

/** The peer network that an agent runs on; it is made, started and stopped by the agent's owner's wiring. */
export interface AgentNetwork {
  readonly streams: PeerStreams;
  readonly routing: ContentRouting;
  /** Where it listens, without `/p2p`; empty until it is started. */
  listenAddresses(): readonly string[];
  /** Called when the own addresses may have changed. Returns the function that ends it. */
  onAddresses(listener: () => void): () => void;
  start(): Promise<void>;
  stop(): Promise<void>;
}
