import { describe, expect, it } from 'vitest';
import { toPeer } from '../../src/records/to-peer.ts';
import { MemoryPeerStore } from '../../src/stores/memory-peer-store.ts';
import { RELATIONS } from '../../src/stores/peer-store.ts';
import { testPeer } from '../support/identities.ts';
import { peerRecordVector, VECTOR_DID, VECTOR_KEY, VECTOR_PEER } from './vectors.ts';

const verified = { record: peerRecordVector.record, expiresAt: 1_000 };
const nobody = { self: testPeer(1), peers: new MemoryPeerStore(), now: 999 };

describe('toPeer', () => {
  it('copies the record; a stranger has no relation', () => {
    const { record } = verified;
    expect(toPeer(verified, nobody)).toEqual({
      isOnline: true,
      peer: {
        id: VECTOR_DID,
        name: 'alpha',
        peer_id: VECTOR_PEER,
        public_key: VECTOR_KEY,
        api_url: record.api_url,
        stream_address: record.stream_address,
        nats_address: '',
        wallet_address: '',
        relation: RELATIONS.NONE,
        verify: false,
        record,
        updated_at: 999,
      },
    });
  });

  it('is online until it expires', () => {
    expect(toPeer(verified, { ...nobody, now: 1_000 }).isOnline).toBe(false);
  });

  it('keeps the stored relation, and knows ourselves', () => {
    const stored = { ...toPeer(verified, nobody).peer, relation: RELATIONS.BLACKLIST, verify: true };
    const peers = new MemoryPeerStore([stored]);
    expect(toPeer(verified, { ...nobody, peers }).peer).toMatchObject({
      relation: RELATIONS.BLACKLIST,
      verify: true,
    });
    expect(toPeer(verified, { ...nobody, self: VECTOR_PEER, peers }).peer.relation).toBe(RELATIONS.SELF);
  });
});
