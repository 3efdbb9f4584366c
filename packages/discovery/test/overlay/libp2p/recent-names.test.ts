import type { PeerInfo } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { Identity } from '@muster/core/identity';
import { ManualClock } from '@muster/core/testing';
import { expect, test } from 'vitest';
import { offerOnce, RecentNames } from '../../../src/overlay/libp2p/recent-names.ts';

test('a name is news once in a while', () => {
  const names = new RecentNames(1_000, 10);
  expect([0, 1, 999, 1_000, 1_001].map((now) => names.isNews('a', now))).toEqual([
    true,
    false,
    false,
    true,
    false,
  ]);
});

test('of too many, the oldest are forgotten', () => {
  const names = new RecentNames(1_000, 2);
  for (const name of ['a', 'b', 'c']) expect(names.isNews(name, 0)).toBe(true);
  expect(names.isNews('c', 1)).toBe(false);
  expect(names.isNews('b', 1)).toBe(false);
  expect(names.isNews('a', 1)).toBe(true);
});

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
