import { EventBus, recordingLogger } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { expect, test } from 'vitest';
import { ContentDiscoveryAgent } from '../../src/advertise/content-discovery.ts';
import type { CoordinationEvents } from '../../src/events.ts';
import { MemberView } from '../../src/members/member-view.ts';
import type { ClusterNode } from '../../src/types.ts';
import { MemoryRouting } from '../support/memory-routing.ts';
import { testDigest } from '../support/vectors.ts';

const SELF = Identity.generate().peerId;
const A = testDigest(1);
const keyOf = (digest: string): string => digest.slice('sha256:'.length);

const member = (id: string, peerId: string, addr: string): ClusterNode => ({
  id,
  addr,
  zone: '',
  peerId,
  p2pAddrs: [`/ip4/10.0.0.1/tcp/4001/p2p/${peerId}`],
});

function setUp(options: { bootstrapPeers?: string[]; others?: number } = {}) {
  const clock = new ManualClock();
  const routing = new MemoryRouting(SELF);
  const view = new MemberView();
  const peers = Array.from({ length: options.others ?? 1 }, () => Identity.generate().peerId);
  const nodes = [
    member('me', SELF, '10.0.0.1:5001'),
    ...peers.map((peer, index) => member(`n${index}`, peer, `10.0.1.${index + 1}:6001`)),
  ];
  view.replace({ ready: nodes, bootstrap: nodes, running: nodes.length });
  const events = new EventBus<CoordinationEvents>({
    onListenerError: (error) => expect.unreachable(String(error)),
  });
  const log: string[] = [];
  events.on('provide.*', ({ topic, payload }) => void log.push(`${topic} ${payload.op}`));
  const agent = new ContentDiscoveryAgent({
    routing,
    streams: { self: SELF },
    members: {
      self: () => 'me',
      snapshot: () => view.ready,
      bootstrapSnapshot: () => view.bootstrap,
      runningCount: () => view.running,
    },
    transferPort: () => 5001,
    clock,
    timers: clock,
    random: seededRandom(1),
    logger: recordingLogger(),
    events,
    options: { provideConcurrency: 16, ...options },
  });
  return { clock, routing, view, peers, agent, log };
}

test('providers have the addresses of members; we are none, and each address comes once', async () => {
  const { routing, peers, agent } = setUp({ others: 2 });
  const addresses = ['/ip4/10.0.9.9/tcp/1'];
  const stranger = Identity.generate().peerId;
  routing.providers.set(
    keyOf(A),
    [SELF, peers[1]!, peers[0]!, peers[1]!, stranger].map((id) => ({ id, addresses })),
  );
  expect(await agent.findProviders(A, { timeoutMs: 1_000 })).toEqual([
    { nodeId: 'n1', addr: '10.0.1.2:6001' },
    { nodeId: 'n0', addr: '10.0.1.1:6001' },
    { nodeId: stranger, addr: '10.0.9.9:5001' },
  ]);
});

test('lookups that fail or take too long reject, and do not count as fast ones', async () => {
  const { clock, routing, agent } = setUp();
  routing.routingTableSize = 1;
  expect(agent.health()).toBe(1);
  routing.gate = new Promise(() => undefined);
  const slow = agent.findProviders(A, { timeoutMs: 2_000 });
  clock.advance(2_000);
  await expect(slow).rejects.toMatchObject({ code: 'RPC_TIMEOUT' });
  routing.gate = undefined;
  routing.error = new Error('no table');
  await expect(agent.findProviders(A, { timeoutMs: 2_000 })).rejects.toThrow('no table');
  expect(agent.health()).toBe(1);
  routing.error = undefined;
  const { promise, resolve } = Promise.withResolvers<void>();
  routing.gate = promise;
  const late = agent.findProviders(A, { timeoutMs: 10_000 });
  clock.advance(5_000);
  resolve();
  await late;
  expect(agent.health()).toBe(0);
});

test('at most sixteen announcements at once; urgent ones overtake those of the background', async () => {
  const { routing, agent, log } = setUp();
  const { promise, resolve } = Promise.withResolvers<void>();
  routing.gate = promise;
  const patient = Array.from({ length: 20 }, (_, index) =>
    agent.provide(testDigest(index), { timeoutMs: 5_000, op: 'reconcile' }),
  );
  const urgent = agent.provide(testDigest(100), { timeoutMs: 5_000, op: 'origin_pull_announce' });
  await expect.poll(() => routing.running).toBe(16);
  resolve();
  await Promise.all([...patient, urgent]);
  expect(routing.mostRunning).toBe(16);
  expect(routing.provided.indexOf(testDigest(100))).toBeLessThan(20);
  expect(log.filter((line) => line === 'provide.finished reconcile')).toHaveLength(20);
});

test('announcements have their budget, and failures are told with their op', async () => {
  const { clock, routing, agent, log } = setUp();
  const told: string[] = [];
  agent.onProvided((digest) => told.push(digest));
  routing.gate = new Promise(() => undefined);
  const provide = agent.provide(A, { timeoutMs: 5_000, op: 'cache_reannounce' });
  await Promise.resolve();
  clock.advance(5_000);
  await expect(provide).rejects.toMatchObject({ code: 'RPC_TIMEOUT' });
  expect(log).toEqual(['provide.failed cache_reannounce']);
  expect(told).toEqual([]);
});

test('the self test finds what it has published; alone there is none', async () => {
  const { routing, view, agent } = setUp();
  routing.routingTableSize = 1;
  await agent.selfTest();
  expect(agent.health()).toBe(1);
  routing.error = new Error('split');
  await agent.selfTest();
  expect(agent.health()).toBeCloseTo(Math.cbrt(0.5));
  view.replace({ ready: [], bootstrap: [], running: 1 });
  const before = agent.health();
  await agent.selfTest();
  expect(agent.health()).toBe(before);
});

test('dials the static list at the start and members until the table is large enough', async () => {
  const first = Identity.generate().peerId;
  const { clock, routing, peers, agent } = setUp({
    bootstrapPeers: [`/ip4/192.0.2.1/tcp/1/p2p/${first}`, `/ip4/192.0.2.1/tcp/1/p2p/${SELF}`],
    others: 1,
  });
  agent.start();
  expect(routing.dialled).toEqual([[first]]);
  clock.advance(1_000);
  await expect.poll(() => routing.dialled.length).toBe(2);
  expect(routing.dialled[1]).toEqual([peers[0]]);
  await expect
    .poll(() => {
      clock.advance(1_000);
      return routing.dialled.length;
    })
    .toBeGreaterThan(2);
  routing.routingTableSize = 1;
  await Promise.resolve();
  const before = routing.dialled.length;
  clock.advance(60_000);
  expect(routing.dialled.length).toBe(before);
  await agent.stop();
});
