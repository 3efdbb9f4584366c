/**
 * Where the services of one fleet meet: who is in it, where somebody is, and who may do a piece of work. Each is answered by
 * whatever service is there; no service knows another (DESIGN section 3). Times are milliseconds.
 */
import type { WaitLimit } from './peer-network.ts';

/** Somebody who belongs to the fleet. One key is one peer: all three names are derived from it. */
export interface Member {
  /** Raw Ed25519 key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** libp2p peer id, base58btc text. */
  readonly peerId: string;
  /** Number in the registry; undefined when no registry has told it. */
  readonly nodeId: number | undefined;
  readonly name: string | undefined;
  readonly tags: readonly string[];
  /** Multiaddrs without `/p2p`; empty when nobody knows. */
  readonly addresses: readonly string[];
}

/** Who is in this fleet. What was known stays in force when whoever knows cannot be reached. */
export interface Members {
  /** Undefined until it was known once: that is not the same as an empty fleet. */
  list(): readonly Member[] | undefined;
  /** When the list was confirmed last, epoch; undefined = never. */
  readonly confirmedAt: number | undefined;
  /** Calls after each change. Returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

/** Who said it: the registry is the authority; the overlay is what peers say of themselves, signed. */
export type LocationSource = 'registry' | 'overlay';

/** Where a peer is, who says so, and how old that may be. */
export interface Located extends Member {
  readonly source: LocationSource;
  readonly did: string;
  /** How long ago it was confirmed by the source; undefined when the source does not tell. */
  readonly ageMs: number | undefined;
  /** The truth may be at most this much newer than the answer: the longest time for which the source goes on telling what has changed. */
  readonly stalenessBoundMs: number;
  /**
   * `authority`: the registry itself; `signed`: the record is signed by the peer's own key, and that key is the registered one, as far
   * as it is known; `self-signed`: signed, and no registration is known to compare it with.
   */
  readonly proof: 'authority' | 'signed' | 'self-signed';
}

/** Finds peers by name, hostname, tag, peer id, node id or DID. */
export interface Locator {
  readonly source: LocationSource;
  /** Nobody found is an empty list. Rejects with the coded error of the service when it cannot be asked. */
  locate(what: string, limit: WaitLimit): Promise<readonly Located[]>;
}

/** Leave to do one piece of work, until it is released, or not renewed in time. */
export interface Lease {
  readonly resource: string;
  /** Number of the authority's reign: of two leases that of the higher epoch is the newer one. */
  readonly epoch: number;
  /** Fencing token: grows with every grant within an epoch, and over restarts of the authority. */
  readonly token: number;
  /** How long it lasts without a renewal. */
  readonly ttlMs: number;
  /** Aborted when the lease is lost: it ran out, or the authority has given it to another. Work must stop then. */
  readonly lost: AbortSignal;
  /** Gives it back. Never rejects; when the authority cannot hear it, the lease runs out. */
  release(): Promise<void>;
}

/** Answer to a wish for a lease. */
export type LeaseAnswer =
  | { readonly kind: 'granted'; readonly lease: Lease }
  | {
      readonly kind: 'held';
      /** Peer id of the holder. */
      readonly holder: string;
      readonly epoch: number;
      readonly token: number;
      readonly remainingMs: number;
    };

/** Fenced leases of an authority; renewed by itself while they are held. */
export interface Leases {
  /**
   * Asks for the lease of a resource (at most 256 bytes of text).
   *
   * Rejects LEASE_UNAVAILABLE when the authority cannot be reached in time: then, and only then, may a service fall back to
   * rules of its own.
   */
  acquire(resource: string, limit: WaitLimit): Promise<LeaseAnswer>;
}
