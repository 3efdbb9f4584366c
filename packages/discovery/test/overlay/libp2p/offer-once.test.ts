import type { PeerInfo } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { Identity } from '@muster/core/identity';
import { ManualClock } from '@muster/core/testing';
import { expect, test } from 'vitest';
import { offerOnce } from '../../../src/overlay/libp2p/offer-once.ts';

test('a peer that is only named is offered to the table once in a while, one that connects always', async () => {
  const clock = new ManualClock();
  const offers: string[] = [];
  const table = { onPeerConnect: async ({ id }: PeerInfo) => void offers.push(id.toString()) };
  offerOnce(table, clock);
  const peer: PeerInfo = { id: peerIdFromString(Identity.generate().peerId), multiaddrs: [] };
  await table.onPeerConnect(peer);
  await table.onPeerConnect(peer);
  expect(offers).toHaveLength(1);
  await table.onPeerConnect({ ...peer, protocols: [] } as PeerInfo);
  expect(offers).toHaveLength(2);
  clock.advance(15_000);
  await table.onPeerConnect(peer);
  expect(offers).toHaveLength(3);
});
