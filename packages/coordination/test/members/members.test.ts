import { expect, test } from 'vitest';
import { MemberView } from '../../src/members/member-view.ts';
import { SingleMember } from '../../src/members/members.ts';
import type { ClusterNode } from '../../src/types.ts';

const node = (id: string, p2pAddrs: readonly string[] = []): ClusterNode => ({
  id,
  addr: '',
  zone: '',
  peerId: '',
  p2pAddrs,
});

test('a view is sorted, replaced only when it differs, and then its listeners hear of it', () => {
  const view = new MemberView();
  let changes = 0;
  const stop = view.onChange(() => (changes += 1));
  view.replace({ ready: [node('b'), node('a'), node('b', ['/other'])], bootstrap: [], running: 2 });
  const first = view.ready;
  expect(first).toEqual([node('a'), node('b')]);
  view.replace({ ready: [node('a'), node('b')], bootstrap: [], running: 2 });
  expect(view.ready).toBe(first);
  expect(changes).toBe(1);
  view.replace({ ready: [node('a')], bootstrap: [], running: 2 });
  expect(changes).toBe(2);
  stop();
  view.replace({ ready: [], bootstrap: [], running: 0 });
  expect(changes).toBe(2);
});

test('an empty first view is a view', async () => {
  const view = new MemberView();
  const waiting = view.waitForSync(new AbortController().signal);
  expect(view.isSynced).toBe(false);
  view.replace({ ready: [], bootstrap: [], running: 0 });
  await waiting;
  expect(view.isSynced).toBe(true);
});

test('waiting for the first view ends with its signal', async () => {
  const controller = new AbortController();
  const waiting = new MemberView().waitForSync(controller.signal);
  controller.abort(new Error('too late'));
  await expect(waiting).rejects.toMatchObject({ code: 'MEMBERS_INVALID', cause: { message: 'too late' } });
});

test('a node alone sees itself, and its addresses when they are known', async () => {
  let own = node('me');
  const members = new SingleMember('me', () => own);
  await members.start();
  expect(members.self()).toBe('me');
  expect(members.snapshot()).toEqual([own]);
  expect(members.bootstrapSnapshot()).toEqual([]);
  own = node('me', ['/ip4/192.0.2.1/tcp/4001']);
  members.refresh();
  expect(members.bootstrapSnapshot()).toEqual([own]);
  expect(members.runningCount()).toBe(1);
  await members.stop();
});
