import type { PeerAddress } from '@muster/core';

/** How long a verified signature proves that a connection speaks for a node (spec 4.1, 8.1). */
export const PROOF_SECONDS = 120;

/** Nodes that one connection may speak for at a time; above it the oldest proof is dropped. */
export const MAX_PROOFS_PER_CONNECTION = 256;

interface KeyVersions {
  readonly keyVersion: Uint32Array;
  idOf(slot: number): number;
}

/**
 * What a connection has proven: which nodes' keys have signed on it lately (B-09, B-25). A proof ends after 120 s, and
 * at once when the node's key changes.
 */
export class Proofs {
  /** The latest proof, in plain fields for the heartbeat path. */
  slot = -1;
  keyVersion = 0;
  /** Unix seconds. */
  until = 0;
  readonly #nodes: KeyVersions;
  /** By slot; made when a second node is proven. */
  #others:
    | Map<number, { readonly keyVersion: number; readonly until: number; readonly id: number }>
    | undefined;
  #id = 0;

  constructor(nodes: KeyVersions) {
    this.#nodes = nodes;
  }

  /** Whether the node in this slot is proven at `now` (unix seconds). */
  has(slot: number, now: number): boolean {
    if (slot === this.slot) {
      return (
        now < this.until &&
        this.keyVersion === this.#nodes.keyVersion[slot] &&
        this.#id === this.#nodes.idOf(slot)
      );
    }
    const other = this.#others?.get(slot);
    if (other === undefined || now >= other.until || other.keyVersion !== this.#nodes.keyVersion[slot])
      return false;
    return other.id === this.#nodes.idOf(slot);
  }

  /** Notes that the present key of the node in this slot has signed. */
  add(slot: number, now: number): void {
    if (this.slot >= 0 && this.slot !== slot) this.#keep();
    this.#others?.delete(slot);
    this.slot = slot;
    this.#id = this.#nodes.idOf(slot);
    this.keyVersion = this.#nodes.keyVersion[slot] as number;
    this.until = now + PROOF_SECONDS;
  }

  #keep(): void {
    this.#others ??= new Map();
    this.#others.delete(this.slot);
    this.#others.set(this.slot, { keyVersion: this.keyVersion, until: this.until, id: this.#id });
    if (this.#others.size <= MAX_PROOFS_PER_CONNECTION) return;
    for (const oldest of this.#others.keys()) {
      this.#others.delete(oldest);
      return;
    }
  }
}

/** Who sends a request: what the engine knows of the connection. */
export interface Caller {
  readonly source: PeerAddress;
  readonly proofs: Proofs;
  /** A valid admin token has come over this connection. */
  isAdmin: boolean;
  /** Whether another new key may be registered from this address; counts when it may. */
  admitNewKey(): boolean;
}
