import { errorCode } from '@muster/core';
import type { DhtNamespace } from '@muster/discovery';
import { expect, test } from 'vitest';
import { isolation } from '../../network/index.ts';
import { outcomeOf, overlays } from './two-overlays.ts';

const LIMIT = { timeoutMs: 10_000 };
const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

/** Values are `v<number>`; the highest wins. */
const rules: DhtNamespace = {
  validate: (_key, value) => /^v\d+$/.test(text(value) ?? ''),
  select: (_key, values) => {
    const numbers = values.map((value) => Number(text(value)?.slice(1)));
    return numbers.indexOf(Math.max(...numbers));
  },
};

async function joined(servers: number, clients: number): ReturnType<typeof overlays> {
  const fleet = await overlays(servers + clients);
  for (const [index, { dht }] of fleet.nodes.entries()) {
    dht.namespace('node', rules);
    void dht.start(index < servers ? 'server' : 'client');
  }
  for (const [index, { dht }] of fleet.nodes.entries()) {
    if (index > 0) void dht.bootstrap([fleet.info(0)], LIMIT);
    await fleet.sim.runFor(1_000);
  }
  return fleet;
}

test('what one puts another gets, the best valid value', async () => {
  const { sim, node } = await joined(40, 2);
  void node(40).dht.put('/node/a', bytes('v1'), LIMIT);
  void node(3).dht.put('/node/a', bytes('v7'), LIMIT);
  const invalid = outcomeOf(node(40).dht.put('/node/a', bytes('nonsense'), LIMIT));
  const foreign = outcomeOf(node(40).dht.put('/other/a', bytes('v1'), LIMIT));
  await sim.runFor(10_000);
  const got = outcomeOf(node(41).dht.get('/node/a', LIMIT));
  const missing = outcomeOf(node(41).dht.get('/node/b', LIMIT));
  await sim.runFor(10_000);
  expect(text(got.value)).toBe('v7');
  expect(missing).toEqual({ value: undefined });
  expect(errorCode(invalid.error)).toBe('DHT_FAILED');
  expect(errorCode(foreign.error)).toBe('DHT_FAILED');
  const holders = Array.from({ length: 40 }, (_, i) => node(i)).filter(({ dht }) => dht.storedValues > 0);
  expect(holders.length).toBeGreaterThanOrEqual(20);
  expect(holders.length).toBeLessThanOrEqual(22);
});

test('values outlive most of their holders, and not all of them', async () => {
  const { sim, node, network } = await joined(40, 1);
  void node(40).dht.put('/node/a', bytes('v1'), LIMIT);
  await sim.runFor(10_000);
  const holders = Array.from({ length: 40 }, (_, i) => node(i)).filter(({ dht }) => dht.storedValues > 0);
  for (const { self } of holders.slice(1)) network.kill(self);
  const got = outcomeOf(node(40).dht.get('/node/a', { timeoutMs: 60_000 }));
  await sim.runFor(60_000);
  expect(text(got.value)).toBe('v1');
  for (const { self } of holders) network.kill(self);
  const gone = outcomeOf(node(40).dht.get('/node/a', { timeoutMs: 60_000 }));
  await sim.runFor(60_000);
  expect(gone.value).toBeUndefined();
});

test('who is cut off can ask nobody', async () => {
  const { sim, node, network } = await joined(3, 1);
  network.cut(isolation(node(3).self));
  const first = outcomeOf(node(3).dht.get('/node/a', LIMIT));
  await sim.runFor(20_000);
  expect(errorCode(first.error)).toBe('DHT_FAILED');
});

test('providers are found with their addresses, dead ones too', async () => {
  const { sim, node, network } = await joined(6, 1);
  for (let i = 0; i < 4; i++) void node(i).dht.provide('cid', LIMIT);
  await sim.runFor(5_000);
  network.kill(node(2).self);
  const found = outcomeOf(node(6).dht.findProviders('cid', { ...LIMIT, count: 10 }));
  const peer = outcomeOf(node(6).dht.findPeer(node(5).self, LIMIT));
  await sim.runFor(10_000);
  expect(found.value?.map(({ ID }) => ID).sort()).toEqual([0, 1, 2, 3].map((i) => node(i).self).sort());
  expect(peer.value).toEqual({ ID: node(5).self, Addrs: node(5).addresses() });
});

test('a lookup costs messages as the logarithm of the servers', async () => {
  const cost = async (servers: number): Promise<number> => {
    const { sim, node } = await joined(servers, 1);
    const before = node(servers).counters.of('oc/kad/1.0.0').streamsOpened;
    void node(servers).dht.get('/node/a', LIMIT);
    await sim.runFor(5_000);
    return node(servers).counters.of('oc/kad/1.0.0').streamsOpened - before;
  };
  const small = await cost(25);
  const large = await cost(100);
  expect(small).toBeGreaterThanOrEqual(20);
  expect(large).toBeLessThan(2 * small);
});

test('a get that is satisfied asks no further round; what is not enough is compared as ever', async () => {
  const { sim, node } = await joined(40, 2);
  void node(40).dht.put('/node/a', bytes('v1'), LIMIT);
  await sim.runFor(10_000);
  const { counters, dht } = node(41);
  const asked = async (wanted: string): Promise<readonly [string | undefined, number]> => {
    const before = counters.of('oc/kad/1.0.0').streamsOpened;
    const got = outcomeOf(dht.get('/node/a', { ...LIMIT, isEnough: (value) => text(value) === wanted }));
    await sim.runFor(10_000);
    return [text(got.value), counters.of('oc/kad/1.0.0').streamsOpened - before];
  };
  const [satisfied, few] = await asked('v1');
  expect(satisfied).toBe('v1');
  expect(few).toBeLessThanOrEqual(3);
  void node(3).dht.put('/node/a', bytes('v2'), LIMIT);
  await sim.runFor(10_000);
  const [best, many] = await asked('v1');
  expect(best).toBe('v2');
  expect(many).toBeGreaterThanOrEqual(20);
});

test('a lying server forgets what it is given', async () => {
  const { sim, node } = await joined(3, 1);
  for (let i = 0; i < 3; i++) node(i).dht.lie = { stores: false };
  void node(3).dht.put('/node/a', bytes('v1'), LIMIT);
  await sim.runFor(5_000);
  expect([0, 1, 2].map((i) => node(i).dht.storedValues)).toEqual([0, 0, 0]);
});
