import { recordingLogger } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { expect, test } from 'vitest';
import type { KubeApi, KubeEvent, KubeResource } from '../../../src/members/kubernetes/kube-api.ts';
import { KubernetesMembers } from '../../../src/members/kubernetes/kubernetes-members.ts';
import { SelfAnnouncer } from '../../../src/members/kubernetes/self-announcer.ts';

/** An API server in memory, whose watches say what they are told to. */
class TestApi implements KubeApi {
  readonly objects = { pods: new Map<string, object>(), nodes: new Map<string, object>() };
  readonly lists: string[] = [];
  readonly patches: object[] = [];
  isAway = false;
  #watches = new Map<string, (event: KubeEvent | undefined) => void>();
  #versions = 0;

  async list({ kind }: KubeResource) {
    this.lists.push(kind);
    if (this.isAway) throw new Error('away');
    return { items: [...this.objects[kind].values()], resourceVersion: String(this.#versions) };
  }

  async *watch({ kind }: KubeResource, _version: string, signal: AbortSignal): AsyncGenerator<KubeEvent> {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<KubeEvent | undefined>();
      this.#watches.set(kind, resolve);
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
      const event = await promise;
      if (event === undefined) return;
      yield event;
    }
  }

  async annotatePod(_namespace: string, name: string, annotations: Readonly<Record<string, string>>) {
    if (this.isAway) throw new Error('away');
    this.patches.push({ name, ...annotations });
  }

  isWatched(kind: string): boolean {
    return this.#watches.has(kind);
  }

  tell(kind: string, event: KubeEvent | undefined): void {
    const watch = this.#watches.get(kind);
    this.#watches.delete(kind);
    watch?.(event);
  }
}

const pod = (name: string): object => ({
  metadata: { name, resourceVersion: '7', annotations: { 'gantry.io/peer-id': name } },
  spec: { nodeName: name },
  status: { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
});

function setUp() {
  const api = new TestApi();
  const clock = new ManualClock();
  const logger = recordingLogger();
  const members = new KubernetesMembers({
    self: 'a',
    podName: 'a',
    namespace: 'gantry',
    labelSelector: 'app=gantry',
    zoneLabel: 'zone',
    transferPort: 5001,
    api,
    timers: clock,
    logger,
  });
  const ids = (): string[] => members.snapshot().map(({ id, zone }) => `${id}/${zone}`);
  return { api, clock, logger, members, ids };
}

test('pods and zones are listed, watched, and listed again when the server has forgotten', async () => {
  const { api, clock, members, ids } = setUp();
  api.objects.pods.set('a', pod('a'));
  api.objects.nodes.set('a', { metadata: { name: 'a', labels: { zone: 'z1' } } });
  await members.start();
  await expect.poll(ids).toEqual(['a/z1']);
  expect(members.ownAnnotations()).toEqual({ 'gantry.io/peer-id': 'a' });
  await expect.poll(() => api.isWatched('pods')).toBe(true);
  api.tell('pods', { type: 'ADDED', object: pod('b') });
  await expect.poll(ids).toEqual(['a/z1', 'b/']);
  await expect.poll(() => api.isWatched('pods')).toBe(true);
  api.tell('pods', { type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } });
  await expect.poll(() => api.isWatched('pods')).toBe(true);
  api.tell('pods', { type: 'DELETED', object: pod('a') });
  await expect.poll(ids).toEqual(['b/']);
  await expect.poll(() => api.isWatched('pods')).toBe(true);
  api.objects.pods.set('c', pod('c'));
  api.tell('pods', { type: 'ERROR', object: { code: 410 } });
  await expect
    .poll(() => {
      clock.advance(1_000);
      return ids();
    })
    .toEqual(['a/z1', 'c/']);
  await members.stop();
});

test('a server that is away is asked again, and the last view stays', async () => {
  const { api, clock, logger, members, ids } = setUp();
  api.isAway = true;
  await members.start();
  expect(members.isSynced).toBe(false);
  await expect.poll(() => logger.entries.length).toBe(2);
  api.isAway = false;
  api.objects.pods.set('a', pod('a'));
  await expect
    .poll(() => {
      clock.advance(1_000);
      return ids();
    })
    .toEqual(['a/']);
  await members.stop();
});

test('announces itself until it works, after a change, and when it was removed', async () => {
  const api = new TestApi();
  const clock = new ManualClock();
  let seen: Record<string, string> | undefined;
  let p2pAddresses = ['/ip4/10.0.0.7/tcp/4001/p2p/P'];
  const logger = recordingLogger();
  const announcer = new SelfAnnouncer({
    api,
    namespace: 'gantry',
    podName: 'a',
    announcement: () => ({ transferAddress: '', peerId: 'P', p2pAddresses }),
    seen: () => seen,
    timers: clock,
    logger,
  });
  api.isAway = true;
  announcer.start();
  await expect.poll(() => logger.entries.length).toBe(1);
  expect(announcer.isAnnounced).toBe(false);
  api.isAway = false;
  await expect
    .poll(() => {
      clock.advance(1_000);
      return api.patches.length;
    })
    .toBe(1);
  expect(announcer.isAnnounced).toBe(true);
  const annotations = { 'gantry.io/peer-id': 'P', 'gantry.io/p2p-addrs': p2pAddresses.join(',') };
  expect(api.patches).toEqual([{ name: 'a', ...annotations }]);
  seen = { 'gantry.io/peer-id': 'P' };
  announcer.refresh();
  await expect.poll(() => api.patches.length).toBe(2);
  seen = annotations;
  p2pAddresses = ['/ip4/10.0.0.8/tcp/4001/p2p/P', '/ip6/fd00::8/tcp/4001/p2p/P'];
  announcer.refresh();
  await expect.poll(() => api.patches.length).toBe(3);
  expect(api.patches[2]).toMatchObject({ 'gantry.io/p2p-addrs': p2pAddresses.join(',') });
  await announcer.stop();
});
