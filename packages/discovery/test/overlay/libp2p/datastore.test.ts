import { Record as DhtRecord } from '@libp2p/kad-dht';
import { peerIdFromString } from '@libp2p/peer-id';
import { Identity } from '@muster/core/identity';
import { Key } from 'interface-datastore';
import { base32 } from 'multiformats/bases/base32';
import { expect, test } from 'vitest';
import { GuardedDatastore, NamespaceRules, type StoreLimits } from '../../../src/overlay/libp2p/datastore.ts';
import { versioned } from '../../support/libp2p-hosts.ts';

const keyOf = (text: string): Key => new Key(text, false);
const recordKey = (key: string): Key => keyOf(`/dht/record/${base32.encode(Buffer.from(key)).slice(1)}`);
const peerKey = (peer: string): string => `/peers/${peerIdFromString(peer).toCID().toString()}`;
const providerKey = (hash: string, peer: string): Key => keyOf(`/dht/provider/${hash}/${peer}`);

function storeWith(limits: Partial<StoreLimits> = {}, kept: ReadonlySet<string> = new Set()) {
  const rules = new NamespaceRules();
  rules.add('node', versioned);
  const isKept = (key: string): boolean => kept.has(`/peers/${key}`);
  return new GuardedDatastore(rules, isKept, { records: 4, providers: 4, strangers: 4, ...limits });
}

const put = (store: GuardedDatastore, key: string, value: string, under = key): Promise<Key> =>
  store.put(recordKey(under), new DhtRecord(Buffer.from(key), Buffer.from(value), new Date(0)).serialize());

const valueOf = (store: GuardedDatastore, key: string): string | undefined => {
  const value = store.storedValue(key);
  return value === undefined ? undefined : Buffer.from(value).toString();
};

test('an older record never replaces a newer one, whoever puts it', async () => {
  const store = storeWith();
  await put(store, '/node/a', '2:new');
  await expect(put(store, '/node/a', '1:old')).rejects.toThrow('newer');
  expect(valueOf(store, '/node/a')).toBe('2:new');
  await put(store, '/node/a', '2:new');
  await put(store, '/node/a', '3:newest');
  expect(valueOf(store, '/node/a')).toBe('3:newest');
});

test('invalid records, records under another key, and other namespaces are refused', async () => {
  const store = storeWith();
  await expect(put(store, '/node/a', 'invalid')).rejects.toThrow('not valid');
  await expect(put(store, '/node/a', '1:ok', '/node/b')).rejects.toThrow('another key');
  for (const key of ['/pk/abc', '/ipns/x', 'node/a', '/node', '/node/', '//a', '', '/', 'a']) {
    await expect(put(store, key, '1:ok'), key).rejects.toThrow('not valid');
  }
  await expect(put(store, '/node/a', `1:${'x'.repeat(200_000)}`)).rejects.toThrow('not valid');
  await expect(put(store, `/node/${'k'.repeat(1_000)}`, '1:ok')).rejects.toThrow('not valid');
  await expect(store.put(recordKey('/node/a'), Buffer.from('garbage'))).rejects.toThrow();
  const bytes = new DhtRecord(Buffer.from([0x2f, 0x6e, 0xff]), Buffer.from('1:ok'), new Date(0)).serialize();
  const name = base32.encode(Uint8Array.from([0x2f, 0x6e, 0xff])).slice(1);
  await expect(store.put(keyOf(`/dht/record/${name}`), bytes)).rejects.toThrow();
  expect(store.sizes.records).toBe(0);
});

test('each kind is bounded, and the oldest go first', async () => {
  const store = storeWith();
  for (let index = 0; index < 10; index += 1) await put(store, `/node/${index}`, '1:x');
  expect(store.sizes.records).toBe(4);
  expect(valueOf(store, '/node/5')).toBeUndefined();
  expect(valueOf(store, '/node/6')).toBe('1:x');
  for (let index = 0; index < 10; index += 1) {
    await store.put(providerKey('hash', Identity.generate().peerId), Buffer.of(1));
  }
  expect(store.sizes.providers).toBe(4);
});

test('strangers are forgotten, peers that are needed are not', async () => {
  const peers = Array.from({ length: 40 }, () => Identity.generate().peerId);
  const kept = new Set(peers.slice(0, 3).map(peerKey));
  const store = storeWith({ strangers: 8 }, kept);
  const provider = peers[3]!;
  await store.put(providerKey('hash', provider), Buffer.of(1));
  for (const peer of peers) await store.put(keyOf(peerKey(peer)), Buffer.of(1));
  expect(store.sizes.strangers).toBe(8);
  const there = await Promise.all(peers.map((peer) => store.has(keyOf(peerKey(peer)))));
  expect(there.slice(0, 4)).toEqual([true, true, true, true]);
  expect(there.slice(-4)).toEqual([true, true, true, true]);
  await store.delete(providerKey('hash', provider));
  for (const peer of peers.slice(20)) await store.put(keyOf(peerKey(peer)), Buffer.of(1));
  expect(await store.has(keyOf(peerKey(provider)))).toBe(false);
});

test('when more must be kept than there is room for, puts stay cheap and nothing needed is lost', async () => {
  const peers = Array.from({ length: 200 }, () => Identity.generate().peerId);
  const asked = { count: 0 };
  const store = new GuardedDatastore(
    new NamespaceRules(),
    () => {
      asked.count += 1;
      return true;
    },
    { records: 1, providers: 1, strangers: 4 },
  );
  for (const peer of peers) await store.put(keyOf(peerKey(peer)), Buffer.of(1));
  expect(store.sizes.strangers).toBe(200);
  expect(asked.count).toBeLessThanOrEqual(200 * 32);
});

test('one peer has few provider entries, so that it drives nobody out', async () => {
  const store = storeWith({ providers: 1_000 });
  const peer = Identity.generate().peerId;
  for (let index = 0; index < 16; index += 1) await store.put(providerKey(`h${index}`, peer), Buffer.of(1));
  await expect(store.put(providerKey('h16', peer), Buffer.of(1))).rejects.toThrow('too much');
  await store.put(providerKey('h3', peer), Buffer.of(2));
  expect(store.sizes.providers).toBe(16);
});

test('providers that the peer store has forgotten are left out of answers', async () => {
  const store = storeWith();
  const [known, unknown] = [Identity.generate().peerId, Identity.generate().peerId];
  for (const peer of [known, unknown]) await store.put(providerKey('hash', peer), Buffer.of(1));
  await store.put(keyOf(peerKey(known)), Buffer.of(1));
  const found: string[] = [];
  for await (const { key } of store.query({ prefix: '/dht/provider/hash' })) found.push(key.toString());
  expect(found).toEqual([`/dht/provider/hash/${known}`]);
});

test('get, has and delete are those of a store', async () => {
  const store = storeWith();
  const key = keyOf('/other/x');
  await expect(store.get(key)).rejects.toMatchObject({ name: 'NotFoundError' });
  await store.put(key, Buffer.of(1, 2));
  expect(await store.get(key)).toEqual(Uint8Array.of(1, 2));
  const keys: string[] = [];
  for await (const found of store.queryKeys({ prefix: '/other' })) keys.push(found.toString());
  expect(keys).toEqual(['/other/x']);
  await store.delete(key);
  expect(await store.has(key)).toBe(false);
});
