/**
 * Peers and content on an overlay, as ports: what a service needs of a network of authenticated peers, and nothing of
 * the library behind it. Discovery's overlay implements them; the simulator does, too. Durations are milliseconds.
 */

/** A peer and where it may be dialled; addresses are multiaddrs without `/p2p`, and may be empty when it is known. */
export interface PeerTarget {
  /** libp2p peer id, base58btc text. */
  readonly id: string;
  readonly addresses: readonly string[];
}

/** Bound and cancellation of one wait. */
export interface WaitLimit {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** One stream of bytes to an authenticated peer. Reads and writes reject with coded errors STREAM_TIMEOUT, STREAM_RESET, STREAM_CLOSED. */
export interface PeerStream {
  readonly remotePeer: string;
  /** The protocol that was agreed on. */
  readonly protocol: string;
  /** Writes all of `data` in one go as far as the network allows. */
  write(data: Uint8Array, limit: WaitLimit): Promise<void>;
  /** The next bytes, at least one, or undefined at the orderly end. */
  read(limit: WaitLimit): Promise<Uint8Array | undefined>;
  /** Half-close. Never rejects. */
  closeWrite(): Promise<void>;
  /** Closes in order. Never rejects. */
  close(): Promise<void>;
  reset(): void;
}

/** Streams to peers. */
export interface PeerStreams {
  readonly self: string;
  /** Our addresses to hand out, without `/p2p`. */
  addresses(): readonly string[];
  /** Dials, unless connected, and opens a stream with the first protocol that the peer serves. */
  open(to: PeerTarget, protocols: readonly string[], limit: WaitLimit): Promise<PeerStream>;
  /** Serves a protocol; `maxInboundStreams` a connection. Returns the function that ends it. */
  serve(
    protocol: string,
    handler: (stream: PeerStream) => Promise<void>,
    options?: { readonly maxInboundStreams?: number },
  ): () => void;
  connectedPeers(): readonly string[];
}

/** Who has which content, by SHA-256. */
export interface ContentRouting {
  /** Announces that this peer has the content with this digest (32 bytes). */
  provide(sha256: Uint8Array, limit: WaitLimit): Promise<void>;
  /** Forgets that this peer has it; other peers do when its announcement has grown old. */
  withdraw?(sha256: Uint8Array): Promise<void>;
  /** Up to `count` providers, also self if it is one; addresses may be empty. */
  findProviders(
    sha256: Uint8Array,
    options: WaitLimit & { readonly count: number },
  ): Promise<readonly PeerTarget[]>;
  readonly routingTableSize: number;
  /** Dials these, one attempt a peer with all its addresses. Resolves with the number that answered; never rejects. */
  bootstrap(peers: readonly PeerTarget[], limit: WaitLimit): Promise<number>;
}
