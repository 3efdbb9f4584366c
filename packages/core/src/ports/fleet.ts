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

/** Which grant of a lease: of two leases that of the higher epoch is the newer one, and within an epoch that of the higher token. */
export interface LeaseStamp {
  /** Number of the authority's reign: a store that begins anew has a higher one. */
  readonly epoch: number;
  /** Fencing token: grows with every grant within an epoch, and over restarts of the authority. */
  readonly token: number;
}

/** Leave to do one piece of work, until it is released, or not renewed in time. */
export interface Lease extends LeaseStamp {
  readonly resource: string;
  /** How long it lasts without a renewal. */
  readonly ttlMs: number;
  /** Aborted when the lease is lost: it ran out, or the authority has given it to another. Work must stop then. */
  readonly lost: AbortSignal;
  /**
   * Whether the lease is surely ours still, by the clock: true also in the moment after a pause of the process, when `lost` has had no
   * chance to be aborted yet. To be asked before each effect that another holder must not see.
   */
  isHeld(): boolean;
  /**
   * Gives it back. `done` says that the work is done and its result is to be had from the holder, which the authority remembers for
   * those who ask later. Never rejects; when the authority cannot hear it, the lease runs out.
   */
  release(outcome?: 'done'): Promise<void>;
}

/** Answer to a wish for a lease. */
export type LeaseAnswer =
  | { readonly kind: 'granted'; readonly lease: Lease }
  | (LeaseStamp & {
      readonly kind: 'held';
      /** Peer id of the holder; empty when the authority does not know it. */
      readonly holder: string;
      readonly remainingMs: number;
    })
  | (LeaseStamp & {
      /** Nobody holds it, for its last holder has done the work; who cannot have the result asks again with `notwithstanding`. */
      readonly kind: 'done';
      /** Peer id of that holder; empty when the authority does not know it. */
      readonly holder: string;
    });

/** Fenced leases of an authority; renewed by itself while they are held. */
export interface Leases {
  /**
   * Asks for the lease of a resource (at most 256 bytes of text). Who holds it already gets the same lease. `notwithstanding` is the
   * stamp of a `done` answer whose result could not be had: the lease is granted although that work was done, unless somebody else
   * has got it since.
   *
   * Rejects LEASE_UNAVAILABLE when the authority cannot be reached in time, or refuses: then, and only then, may a service fall back
   * to rules of its own. Rejects with the reason of the signal.
   */
  acquire(
    resource: string,
    limit: WaitLimit & { readonly notwithstanding?: LeaseStamp },
  ): Promise<LeaseAnswer>;
}
