import type { PeerId } from '../wire/messages.ts';

/**
 * What becomes of connections with a peer. `refused`: it is no member, and loses all that it has here. `unreachable`: as if the
 * network between us were cut, for drills; what is known of it stays and fails as it would in a real partition.
 */
export type ConnectionVerdict = 'allowed' | 'refused' | 'unreachable';

/** Who may connect at all, beside the pre-shared key and the blacklist: admission by a registry, and drills. */
export interface ConnectionPolicy {
  /** Asked for each peer whose identity is proven, and before each dial. Must not throw. */
  judge(peer: PeerId): ConnectionVerdict;
  /** Calls when verdicts may have changed. Returns the function that ends it. */
  onChange(listener: () => void): () => void;
  /**
   * Learns what is new of a peer that is about to be refused: it may have become a member a moment ago. Resolves within a second or
   * so, however many ask; never rejects.
   */
  reconsider?(peer: PeerId): Promise<void>;
}

/** What the connection gate of a host asks. */
export interface Refusals {
  isRefused(peer: PeerId): boolean;
  /** Resolves when it is worth asking again. Never rejects. */
  reconsider(peer: PeerId): Promise<void>;
}
