import { Identity } from '@muster/core/identity';
import { buildPeerRecord, ed25519Crypto, derivedDid, type PeerRecord } from '@muster/discovery';
import type { ListedMember } from '../../src/membership/confirmed-list.ts';

/** A key that is the same in each run. */
export function identityOf(seed: number): Identity {
  return Identity.fromSeed(new Uint8Array(32).fill(seed));
}

/** What a peer says of itself, signed, as status endpoints show it. */
export function claimOf(identity: Identity, name: string, more: { readonly ageMs?: number } = {}): object {
  return {
    record: recordOf(identity, name),
    age_ms: more.ageMs ?? 2_000,
    staleness_bound_ms: 150_000,
  };
}

export function recordOf(identity: Identity, name: string): PeerRecord {
  return buildPeerRecord(
    {
      name,
      did: derivedDid(identity.peerId),
      apiUrl: 'localhost',
      streamAddress: `/ip4/127.0.0.1/tcp/4001/p2p/${identity.peerId}`,
      natsAddress: '',
      walletAddress: '',
      expiresAt: Date.now() + 100_000,
    },
    ed25519Crypto(identity),
  );
}

/** The peer as a registry lists it. */
export function memberOf(
  identity: Identity,
  nodeId: number,
  name: string,
  tags: readonly string[] = ['node'],
): ListedMember {
  return {
    publicKey: identity.publicKey,
    peerId: identity.peerId,
    nodeId,
    name,
    tags,
    addresses: ['/ip4/127.0.0.1/tcp/4001'],
    isLive: true,
  };
}
