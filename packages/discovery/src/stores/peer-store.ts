import type { PeerId, PeerRecord } from '../wire/messages.ts';

/** What we hold a peer to be (19.2). */
export const RELATIONS = { NONE: 0, SELF: 1, PARTNER: 2, BLACKLIST: 3, PENDING: 4 } as const;
export type Relation = (typeof RELATIONS)[keyof typeof RELATIONS];

/** A peer of the local store (spec section 23). `id` is its DID. */
export interface StoredPeer {
  readonly id: string;
  readonly name: string;
  readonly peer_id: PeerId;
  /** Base64, as `pub_key` of the record. */
  readonly public_key: string;
  readonly api_url: string;
  readonly stream_address: string;
  readonly nats_address: string;
  readonly wallet_address: string;
  readonly relation: Relation;
  readonly verify: boolean;
  readonly record?: PeerRecord;
  /** Milliseconds since the epoch. */
  readonly updated_at: number;
}

/**
 * The local peers. Reads are answered from memory and never wait; writes resolve when they are stored. `watch` hears
 * of every change, also of those that another program made to the file.
 */
export interface PeerStore {
  get(id: string): StoredPeer | undefined;
  findByPeerId(peer: PeerId): StoredPeer | undefined;
  list(filter?: { readonly relation?: Relation }): readonly StoredPeer[];
  upsert(peer: StoredPeer): Promise<void>;
  self(): StoredPeer | undefined;
  watch(listener: (peer: StoredPeer) => void): () => void;
}
