import type { VerifiedRecord } from '../parts.ts';
import { type PeerStore, RELATIONS, type StoredPeer } from '../stores/peer-store.ts';
import type { PeerId } from '../wire/messages.ts';

/**
 * The local peer that a verified record describes (9.4). The relation is SELF for our own, what the store has for a peer
 * that is there, else NONE; it is online until the record expires. `now` in milliseconds since the epoch.
 */
export function toPeer(
  { record, expiresAt }: VerifiedRecord,
  context: { readonly self: PeerId; readonly peers: Pick<PeerStore, 'findByPeerId'>; readonly now: number },
): { readonly peer: StoredPeer; readonly isOnline: boolean } {
  const stored = context.peers.findByPeerId(record.peer_id);
  const relation = record.peer_id === context.self ? RELATIONS.SELF : (stored?.relation ?? RELATIONS.NONE);
  return {
    peer: {
      id: record.did,
      name: record.name,
      peer_id: record.peer_id,
      public_key: record.pub_key,
      api_url: record.api_url,
      stream_address: record.stream_address,
      nats_address: record.nats_address,
      wallet_address: record.wallet_address,
      relation,
      verify: stored?.verify ?? false,
      record,
      updated_at: context.now,
    },
    isOnline: expiresAt > context.now,
  };
}
