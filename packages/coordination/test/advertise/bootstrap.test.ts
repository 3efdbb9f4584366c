import type { PeerTarget } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { seededRandom } from '@muster/core/testing';
import { expect, test } from 'vitest';
import {
  bootstrapPass,
  isPassDue,
  targetsOfMembers,
  targetsOfMultiaddrs,
} from '../../src/advertise/bootstrap.ts';

const A = Identity.generate().peerId;
const B = Identity.generate().peerId;
const peers = (count: number): PeerTarget[] =>
  Array.from({ length: count }, (_, index) => ({ id: String(index), addresses: [] }));

async function dialled(count: number, answers: (batch: number) => number): Promise<number[]> {
  const batches: PeerTarget[][] = [];
  await bootstrapPass(
    peers(count),
    async (batch) => {
      batches.push([...batch]);
      return answers(batches.length);
    },
    seededRandom(1),
  );
  const ids = batches.flat().map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  return batches.map(({ length }) => length);
}

test('eight at a time, and enough with four of them', async () => {
  expect(await dialled(300, () => 4)).toEqual([8]);
  expect(await dialled(300, (batch) => (batch === 3 ? 4 : 3))).toEqual([8, 8, 8]);
});

test('never more than 32 dials, and each peer once', async () => {
  expect(await dialled(300, () => 0)).toEqual([8, 8, 8, 8]);
  expect(await dialled(11, () => 0)).toEqual([8, 3]);
  expect(await dialled(0, () => 0)).toEqual([]);
});

test('the order is shuffled', async () => {
  const orders = await Promise.all(
    [1, 2].map(async (seed) => {
      const order: string[] = [];
      const dial = async (batch: readonly PeerTarget[]): Promise<number> => {
        order.push(...batch.map(({ id }) => id));
        return 0;
      };
      await bootstrapPass(peers(32), dial, seededRandom(seed));
      return order.join();
    }),
  );
  expect(orders[0]).not.toBe(orders[1]);
});

test('one attempt a peer with all its addresses; texts without a peer are left out', () => {
  expect(
    targetsOfMultiaddrs([
      `/ip4/10.0.0.1/tcp/1/p2p/${A}`,
      `/dns4/b/tcp/1/p2p/${B}`,
      `/ip6/fd00::1/tcp/1/p2p/${A}`,
      '/ip4/10.0.0.1/tcp/1',
      '/ip4/10.0.0.1/tcp/1/p2p/nobody',
      '',
    ]),
  ).toEqual([
    { id: A, addresses: ['/ip4/10.0.0.1/tcp/1', '/ip6/fd00::1/tcp/1'] },
    { id: B, addresses: ['/dns4/b/tcp/1'] },
  ]);
});

test('members are dialled by their peer id, published or in the address; not ourselves', () => {
  const member = (id: string, peerId: string, p2pAddrs: string[]) => ({
    id,
    addr: '',
    zone: '',
    peerId,
    p2pAddrs,
  });
  const view = [
    member('me', '', [`/ip4/10.0.0.1/tcp/1/p2p/${A}`]),
    member('also-me', A, ['/ip4/10.0.0.1/tcp/1']),
    member('b', '', [`/ip4/10.0.0.2/tcp/1/p2p/${B}`]),
    member('c', '', ['/ip4/10.0.0.3/tcp/1']),
  ];
  expect(targetsOfMembers(view, 'me', A)).toEqual([{ id: B, addresses: ['/ip4/10.0.0.2/tcp/1'] }]);
});

const due = (uptimeS: number, tableSize: number, viewSize: number, sinceS?: number): boolean =>
  isPassDue({
    uptimeMs: uptimeS * 1_000,
    tableSize,
    viewSize,
    sinceLastMs: sinceS === undefined ? undefined : sinceS * 1_000,
  });

test('often in the first minute, then every 30 s until the table is large enough, then every 5 min', () => {
  expect(due(0, 0, 300)).toBe(true);
  expect(due(10, 4, 300, 4)).toBe(false);
  expect(due(10, 4, 300, 5)).toBe(true);
  expect(due(60, 4, 300, 29)).toBe(false);
  expect(due(60, 4, 300, 30)).toBe(true);
  expect(due(61, 5, 300, 299)).toBe(false);
  expect(due(400, 5, 300, 300)).toBe(true);
  // Three nodes are complete with two others.
  expect(due(10, 2, 3, 5)).toBe(false);
  expect(due(10, 1, 3, 5)).toBe(true);
  expect(due(10, 0, 1)).toBe(false);
});
