import { expect, test } from 'vitest';
import { connectionsToClose } from '../../../src/overlay/libp2p/connection-limits.ts';

const limits = { low: 2, high: 3, graceMs: 60_000 };
const at = (openedAt: number, streams = 0) => ({ openedAt, streams });

test('up to the upper limit, none is closed', () => {
  expect(connectionsToClose([at(0), at(1), at(2)], limits, 1_000_000)).toEqual([]);
});

test('above it, idle and old ones go until the lower limit is reached', () => {
  const connections = [at(5, 1), at(0, 3), at(4), at(9)];
  expect(connectionsToClose(connections, limits, 1_000_000)).toEqual([at(4), at(9)]);
});

test('young ones stay, even above the limit', () => {
  const now = 100_000;
  expect(connectionsToClose([at(now), at(now), at(now), at(40_000), at(39_999)], limits, now)).toEqual([
    at(39_999),
  ]);
});
