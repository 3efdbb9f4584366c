import { expect, test } from 'vitest';
import { LONE_SURVIVOR_MS, type ReadinessFacts, readinessOf } from '../../src/ops/readiness.ts';

const READY: ReadinessFacts = {
  isStoreScanned: true,
  areMembersSynced: true,
  announcement: { isAnnounced: true, hasAddresses: true, isTransferDialable: true },
  runningCount: 3,
  bootstrapCount: 3,
  routingTableSize: 2,
  uptimeMs: 0,
};
const announcement = READY.announcement!;

const ORDER: readonly (readonly [string, Partial<ReadinessFacts>])[] = [
  ['cache scan not complete', { isStoreScanned: false }],
  ['members informer not synced', { areMembersSynced: false }],
  [
    'members self-announce pending (check pods/patch RBAC)',
    { announcement: { ...announcement, isAnnounced: false } },
  ],
  [
    'members self-announce has no dialable p2p addresses; check libp2p_listen vs Pod IP family',
    { announcement: { ...announcement, hasAddresses: false } },
  ],
  [
    'transfer listener family mismatches Pod IP; check transfer_listen vs Pod IP family',
    { announcement: { ...announcement, isTransferDialable: false } },
  ],
  ['peer self-announcements pending', { bootstrapCount: 1 }],
  ['dht routing table empty', { routingTableSize: 0 }],
];

test.each(ORDER)('%s', (reason, facts) => {
  expect(readinessOf({ ...READY, ...facts })).toEqual({ reason, warning: undefined });
});

test('the first condition that fails gives the reason', () => {
  let facts: ReadinessFacts = { ...READY };
  for (const [reason, broken] of ORDER.toReversed()) {
    facts = { ...facts, ...broken };
    if (broken.announcement !== undefined) {
      facts = { ...facts, announcement: { ...facts.announcement!, ...broken.announcement } };
    }
    expect(readinessOf(facts).reason).toBe(reason);
  }
});

test('a node that announces nothing, and one that is alone, are ready', () => {
  const { announcement: _, ...bare } = READY;
  expect(readinessOf(bare).reason).toBeUndefined();
  expect(
    readinessOf({ ...bare, runningCount: 1, bootstrapCount: 1, routingTableSize: 0 }).reason,
  ).toBeUndefined();
});

test('a lone survivor is ready after two minutes, and says what it misses', () => {
  const alone = { ...READY, bootstrapCount: 1, routingTableSize: 0 };
  expect(readinessOf({ ...alone, uptimeMs: LONE_SURVIVOR_MS - 1 }).reason).toBe(
    'peer self-announcements pending',
  );
  expect(readinessOf({ ...alone, uptimeMs: LONE_SURVIVOR_MS })).toEqual({
    reason: undefined,
    warning: 'peer self-announcements pending',
  });
  expect(readinessOf({ ...alone, isStoreScanned: false, uptimeMs: LONE_SURVIVOR_MS }).reason).toBe(
    'cache scan not complete',
  );
});
