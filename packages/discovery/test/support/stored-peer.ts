import { RELATIONS, type StoredPeer } from '../../src/stores/peer-store.ts';
import { testPeer } from './identities.ts';

/** A stored peer of its own for each number. */
export function storedPeer(number: number, changes: Partial<StoredPeer> = {}): StoredPeer {
  return {
    id: `did-${number}`,
    name: `peer ${number}`,
    peer_id: testPeer(number),
    public_key: '',
    api_url: '',
    stream_address: '',
    nats_address: '',
    wallet_address: '',
    relation: RELATIONS.NONE,
    verify: false,
    updated_at: 1_780_000_000_000,
    ...changes,
  };
}
