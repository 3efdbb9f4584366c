import { recordingLogger } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { expect, test } from 'vitest';
import type { MemberEntry } from '../../src/members/member-file.ts';
import { ListedMembers } from '../../src/members/registry-members.ts';

const entry = (id: string, isReady = true): MemberEntry => ({
  node: { id, addr: `${id}:5001`, zone: '', peerId: '', p2pAddrs: id === 'a' ? ['/dns4/a/tcp/1'] : [] },
  isReady,
});

test('asks again and again; a failure is logged once and changes nothing', async () => {
  const clock = new ManualClock();
  const logger = recordingLogger();
  let answer: () => Promise<readonly MemberEntry[]> = async () => [entry('b', false), entry('a')];
  const members = new ListedMembers({ self: 'a', list: () => answer(), timers: clock, logger });
  await members.start();
  const ids = (): string[] => members.snapshot().map(({ id }) => id);
  expect(ids()).toEqual(['a']);
  expect(members.bootstrapSnapshot().map(({ id }) => id)).toEqual(['a']);
  expect(members.runningCount()).toBe(2);
  answer = async () => {
    throw new Error('away');
  };
  await members.refresh();
  await members.refresh();
  expect(ids()).toEqual(['a']);
  expect(logger.entries).toHaveLength(1);
  answer = async () => [entry('c'), entry('a')];
  clock.advance(5_000);
  await expect.poll(ids).toEqual(['a', 'c']);
  await members.stop();
});

test('a list that never answers holds nothing up for longer than 10 s', async () => {
  const clock = new ManualClock();
  const members = new ListedMembers({
    self: 'a',
    list: () => new Promise(() => undefined),
    timers: clock,
    logger: recordingLogger(),
  });
  const started = members.start();
  clock.advance(10_000);
  await started;
  expect(members.isSynced).toBe(false);
  await members.stop();
});
