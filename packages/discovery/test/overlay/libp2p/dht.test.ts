import { systemTimers } from '@muster/core';
import { expect, test } from 'vitest';
import { DHT_SETTINGS } from '../../../src/overlay/libp2p/dht.ts';
import type { DhtNamespace, Overlay } from '../../../src/overlay/overlay.ts';
import {
  eventually,
  SOON,
  startHost,
  startHosts,
  type TestHost,
  versioned,
} from '../../support/libp2p-hosts.ts';

/** The CID of the text `/opencloud/indexers` (10.4). */
const CID = 'bafkreidrw5iylglcen5szq5psxxo3ttmkn4bunazyqyo5rvfiwdvnfqvbe';
/** A CID whose multihash is SHA2-512. */
const OTHER_CID =
  'bafkrgqhhyivzstcz3hhswshfjgy6ertgmnqeleynhwt4dlfsthi4hn7zgh4uvlsb5xncykzapi3ocd4lzogukir6ksdy6wzrnz6ohnv4aglcs';

const serving =
  (rules: DhtNamespace = versioned) =>
  (overlay: Overlay): void =>
    overlay.dht.namespace('node', rules);

const bytes = (text: string): Uint8Array => Buffer.from(text);

async function textAt(host: TestHost, key: string): Promise<string | undefined> {
  const value = await host.overlay.dht.get(key, SOON);
  return value === undefined ? undefined : Buffer.from(value).toString();
}

/** Makes the hosts one table, through the first of them. */
async function join(hosts: readonly TestHost[], servers = hosts.length): Promise<void> {
  await Promise.all(
    hosts.map((host, index) => host.overlay.dht.start(index < servers ? 'server' : 'client')),
  );
  const [first, ...others] = hosts;
  await Promise.all(others.map((host) => host.overlay.dht.bootstrap([first!.info], SOON)));
  await eventually(() => hosts.every((host) => host.overlay.dht.routingTableSize >= 1));
}

test('five members store, find, provide and locate one another over private addresses', async () => {
  const hosts = await startHosts(5, {}, serving());
  await join(hosts, 4);
  const node = hosts.at(-1)!;
  expect(hosts.map(({ overlay }) => overlay.dht.mode)).toEqual([
    'server',
    'server',
    'server',
    'server',
    'client',
  ]);
  await node.overlay.dht.put('/node/a', bytes('1:first'), SOON);
  for (const host of hosts) expect(await textAt(host, '/node/a')).toBe('1:first');
  await hosts[1]!.overlay.dht.put('/node/a', bytes('2:second'), SOON);
  for (const host of hosts) expect(await textAt(host, '/node/a')).toBe('2:second');

  await hosts[1]!.overlay.dht.provide(CID, SOON);
  await hosts[2]!.overlay.dht.provide(CID, SOON);
  const found = await node.overlay.dht.findProviders(CID, { ...SOON, count: 10 });
  expect(found.map(({ ID }) => ID).toSorted()).toEqual(
    [hosts[1]!.overlay.self, hosts[2]!.overlay.self].toSorted(),
  );
  expect(found.find(({ ID }) => ID === hosts[1]!.overlay.self)?.Addrs).toEqual(hosts[1]!.info.Addrs);
  expect(await node.overlay.dht.findPeer(hosts[3]!.overlay.self, SOON)).toEqual(hosts[3]!.info);
  expect(await textAt(node, '/node/unknown')).toBeUndefined();
  expect(await node.overlay.dht.findPeer('nobody', SOON)).toBeUndefined();
});

test('a put of something older fails, and changes nothing anywhere', async () => {
  const hosts = await startHosts(3, {}, serving());
  await join(hosts);
  await hosts[0]!.overlay.dht.put('/node/a', bytes('5:new'), SOON);
  for (const host of hosts) {
    await expect(host.overlay.dht.put('/node/a', bytes('4:old'), SOON)).rejects.toMatchObject({
      code: 'DHT_FAILED',
    });
    expect(await textAt(host, '/node/a')).toBe('5:new');
  }
});

test('a member that forces older or invalid values on others is not heard', async () => {
  const honest = await startHosts(3, {}, serving());
  const anything: DhtNamespace = { validate: () => true, select: () => 0 };
  const liar = await startHost({}, serving(anything));
  await join([...honest, liar]);
  await honest[0]!.overlay.dht.put('/node/a', bytes('5:true'), SOON);
  await liar.overlay.dht.put('/node/a', bytes('9lie'), SOON).catch(() => undefined);
  await liar.overlay.dht.put('/node/a', bytes('1:old'), SOON).catch(() => undefined);
  await liar.overlay.dht.put('/node/b', bytes('invalid'), SOON).catch(() => undefined);
  for (const host of honest) {
    expect(await textAt(host, '/node/a')).toBe('5:true');
    expect(await textAt(host, '/node/b')).toBeUndefined();
  }
});

test('a value is found though a member refuses the correction of what it holds', async () => {
  const honest = await startHosts(2, {}, serving());
  // It keeps the first value that it gets, and refuses all others.
  const stubborn = await startHost({}, serving({ ...versioned, select: () => 0 }));
  const members = [stubborn, ...honest];
  await join(members);
  // With a table that lacks somebody a put would go past who has to have the value.
  await eventually(() => members.every(({ overlay }) => overlay.dht.routingTableSize === 2));
  await honest[0]!.overlay.dht.put('/node/a', bytes('1:first'), SOON);
  await honest[1]!.overlay.dht.put('/node/a', bytes('2:second'), SOON);
  for (const host of honest) expect(await textAt(host, '/node/a')).toBe('2:second');
});

test('a get stops asking as soon as a valid value is enough', async () => {
  const servers = await startHosts(5, {}, serving());
  await join(servers);
  const first = servers[0]!;
  await eventually(() => servers.every(({ overlay }) => overlay.dht.routingTableSize === 4));
  // Whoever is nearest to a key asks nobody further: for one of so many it is not the first server.
  const keys = Array.from({ length: 8 }, (_, index) => `/node/${index}`);
  for (const key of keys) await servers[1]!.overlay.dht.put(key, bytes('3:x'), SOON);
  const node = await startHost({}, serving());
  const { dht } = node.overlay;
  await dht.start('client');
  await node.overlay.echo(first.info, 16, SOON);
  await eventually(() => dht.routingTableSize === 1);
  /** Gets all of them; the number of values that were judged. */
  const getAll = async (isSatisfied: boolean): Promise<number> => {
    let judged = 0;
    const isEnough = (value: Uint8Array): boolean => {
      judged += 1;
      return isSatisfied && Buffer.from(value).toString() === '3:x';
    };
    for (const key of keys) {
      const value = await dht.get(key, { ...SOON, isEnough });
      expect(Buffer.from(value!).toString()).toBe('3:x');
    }
    return judged;
  };
  expect(await getAll(true)).toBe(keys.length);
  expect(await getAll(false)).toBeGreaterThan(keys.length);
});

test('what a server holds itself is enough without asking, and an invalid value never is', async () => {
  const [honest, other] = await startHosts(2, {}, serving());
  const liar = await startHost({}, serving({ validate: () => true, select: () => 0 }));
  await join([honest!, other!, liar]);
  await liar.overlay.dht.put('/node/b', bytes('nonsense'), SOON).catch(() => undefined);
  expect(await honest!.overlay.dht.get('/node/b', { ...SOON, isEnough: () => true })).toBeUndefined();
  await other!.overlay.dht.put('/node/a', bytes('1:x'), SOON);
  await Promise.all([other!.overlay.stop(), liar.overlay.stop()]);
  const own = await honest!.overlay.dht.get('/node/a', { ...SOON, isEnough: () => true });
  expect(Buffer.from(own!).toString()).toBe('1:x');
});

test('keys of other namespaces are refused', async () => {
  const hosts = await startHosts(2, {}, serving());
  await join(hosts);
  const { dht } = hosts[0]!.overlay;
  for (const key of ['/pk/x', '/other/x', 'node', '']) {
    await expect(dht.put(key, bytes('1:x'), SOON), key).rejects.toMatchObject({ code: 'DHT_FAILED' });
    await expect(dht.get(key, SOON), key).rejects.toMatchObject({ code: 'DHT_FAILED' });
  }
  await expect(dht.put('/node/x', bytes('invalid'), SOON)).rejects.toMatchObject({ code: 'DHT_FAILED' });
  expect(() => dht.namespace('late', versioned)).toThrow('before the start');
});

test('an indexer alone is a table; a node alone can ask nobody', async () => {
  const [indexer, node] = await startHosts(2, {}, serving());
  await expect(indexer!.overlay.dht.get('/node/a', SOON)).rejects.toMatchObject({ code: 'DHT_FAILED' });
  await indexer!.overlay.dht.start('server');
  await indexer!.overlay.dht.put('/node/a', bytes('1:x'), SOON);
  await indexer!.overlay.dht.provide(CID, SOON);
  expect(await textAt(indexer!, '/node/a')).toBe('1:x');
  expect(await textAt(indexer!, '/node/b')).toBeUndefined();
  expect(await indexer!.overlay.dht.findProviders(CID, { ...SOON, count: 5 })).toEqual([]);

  await node!.overlay.dht.start('client');
  expect(node!.overlay.dht.isStarted).toBe(true);
  await expect(node!.overlay.dht.put('/node/a', bytes('1:x'), SOON)).rejects.toMatchObject({
    code: 'DHT_FAILED',
  });
  await expect(node!.overlay.dht.get('/node/b', SOON)).rejects.toMatchObject({ code: 'DHT_FAILED' });
  await expect(node!.overlay.dht.provide(CID, SOON)).rejects.toMatchObject({ code: 'DHT_FAILED' });
  // Nobody serves here: it is over at its deadline at the latest, and says nothing.
  await node!.overlay.dht.bootstrap([], { timeoutMs: 200 });
});

test('only SHA2-256 is provided, since others would never be found', async () => {
  const [host] = await startHosts(1, {}, serving());
  await host!.overlay.dht.start('server');
  await expect(host!.overlay.dht.provide(OTHER_CID, SOON)).rejects.toMatchObject({ code: 'DHT_FAILED' });
});

test('clients only ask: they store nothing for others', async () => {
  const [server, client, asking] = await startHosts(3, {}, serving());
  await server!.overlay.dht.start('server');
  await client!.overlay.dht.start('client');
  await asking!.overlay.dht.start('client');
  await client!.overlay.dht.bootstrap([server!.info], SOON);
  await asking!.overlay.dht.bootstrap([client!.info], { timeoutMs: 300 });
  expect(asking!.overlay.dht.routingTableSize).toBe(0);
  expect(server!.overlay.dht.routingTableSize).toBe(0);
  await client!.overlay.dht.start('server');
  await eventually(() => asking!.overlay.dht.routingTableSize >= 1);
});

test('members that died do not hold a value back, and leave the table', async () => {
  const hosts = await startHosts(4, {}, serving());
  await join(hosts);
  await eventually(() => hosts.every((host) => host.overlay.dht.routingTableSize === 3));
  await hosts[0]!.overlay.dht.put('/node/a', bytes('1:x'), SOON);
  await Promise.all([hosts[2]!.overlay.stop(), hosts[3]!.overlay.stop()]);
  expect(await textAt(hosts[1]!, '/node/a')).toBe('1:x');
  await expect
    .poll(
      async () => {
        await hosts[1]!.overlay.dht.get('/node/zz', SOON).catch(() => undefined);
        return hosts[1]!.overlay.dht.routingTableSize;
      },
      { timeout: 20_000 },
    )
    .toBe(1);
});

test('the neighbourhood is looked up after 5, 15 and 60 s, then every 30 s', async () => {
  const after: number[] = [];
  const every: number[] = [];
  const timers: typeof systemTimers = {
    ...systemTimers,
    after: (delayMs, callback) => {
      after.push(delayMs);
      return systemTimers.after(delayMs, callback);
    },
    every: (intervalMs, callback) => {
      every.push(intervalMs);
      return systemTimers.every(intervalMs, callback);
    },
  };
  const host = await startHost({ timers }, serving());
  after.length = 0;
  every.length = 0;
  await host.overlay.dht.start('server');
  expect(after).toEqual(expect.arrayContaining([5_000, 15_000, 60_000]));
  expect(every).toEqual([30_000]);
});

test('the defaults of the public network are replaced', () => {
  expect(DHT_SETTINGS).toMatchObject({
    protocol: 'oc/kad/1.0.0',
    kBucketSize: 20,
    alpha: 3,
    disjointPaths: 1,
    allowQueryWithZeroPeers: true,
  });
});
