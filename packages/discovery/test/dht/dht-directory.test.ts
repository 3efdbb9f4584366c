import { describe, expect, it } from 'vitest';
import { DhtDirectory } from '../../src/dht/dht-directory.ts';
import { IndexerRecordPublisher } from '../../src/dht/indexer-record-publisher.ts';
import { LiveNodeTable } from '../../src/indexer/node-table.ts';
import { buildIndexerRecord } from '../../src/records/indexer-record.ts';
import { peerRecordMessage } from '../../src/records/peer-record.ts';
import { INDEXERS_CID } from '../../src/records/provider-key.ts';
import type { AddrInfo, PeerId } from '../../src/wire/messages.ts';
import { testPeer } from '../support/identities.ts';
import { type Member, TestFleet } from '../support/members.ts';

const STRICT = { roles: { node: false, indexer: true } };

function directoryOf(member: Member, avoided: ReadonlySet<PeerId> = new Set()): DhtDirectory {
  return new DhtDirectory(member, { pool: () => [], isAvoided: (peer) => avoided.has(peer) });
}

/** Two indexers with a DHT, and a directory of the first. */
async function setUp(settings: object = {}) {
  const fleet = new TestFleet();
  const [first, second] = [
    fleet.member({ ...STRICT, ...settings }),
    fleet.member({ ...STRICT, ...settings }),
  ];
  const directory = directoryOf(first);
  const other = directoryOf(second);
  await first.overlay.dht.start('server');
  await second.overlay.dht.start('server');
  return { fleet, first, second, directory, other };
}

function bytesOf(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

describe('records in the DHT', () => {
  it('puts a record under its DID and its peer id, and others find it', async () => {
    const { fleet, first, directory, other } = await setUp();
    const record = fleet.member().record();
    expect(await directory.put(record)).toEqual({ node: true, pid: true });
    expect((await other.byDid(record.did, 1_000))?.record).toEqual(record);
    expect((await other.byPeer(record.peer_id, 1_000))?.record).toEqual(record);
    expect(await other.rawByDid(record.did, 1_000)).toEqual(record);
    expect(first.happened.map(({ topic, payload }) => [topic, (payload as { ok: boolean }).ok])).toEqual([
      ['dht.put', true],
      ['dht.put', true],
    ]);
  });

  it('does not return what has expired', async () => {
    const { fleet, directory, other } = await setUp();
    const record = fleet.member().record(60_000);
    await directory.put(record);
    fleet.clock.advance(65_000);
    expect(await other.byDid(record.did, 1_000)).toBeUndefined();
    expect(await other.byPeer(record.peer_id, 1_000)).toBeUndefined();
  });

  it('DEF-39: a record of another key under the DID is not found, nor does it hide the real one', async () => {
    const { fleet, directory } = await setUp();
    const record = fleet.member().record();
    const thief = fleet.member();
    const { signature: _signature, ...payload } = { ...thief.record(900_000), did: record.did };
    const forged = { ...payload, signature: thief.crypto.sign(peerRecordMessage(payload)) };
    fleet.network.store.putRaw(`/node/${record.did}`, bytesOf(forged));
    expect(await directory.byDid(record.did, 1_000)).toBeUndefined();
    await directory.put(record);
    fleet.network.store.putRaw(`/node/${record.did}`, bytesOf(thief.record(900_000)));
    expect((await directory.byDid(record.did, 1_000))?.record).toEqual(record);
  });

  it('DEF-40: bytes under a peer id or a name are not found, and can not be put', async () => {
    const { fleet, first, directory } = await setUp();
    const record = fleet.member().record();
    fleet.network.store.putRaw(`/pid/${record.peer_id}`, bytesOf(record.did));
    fleet.network.store.putRaw(`/pid/${record.peer_id}`, Uint8Array.of(0xff, 0x00));
    fleet.network.store.putRaw(`/pid/${record.peer_id}`, bytesOf(fleet.member().record()));
    expect(await directory.byPeer(record.peer_id, 1_000)).toBeUndefined();
    const put = first.overlay.dht.put('/name/alpha', bytesOf(record), { timeoutMs: 1_000 });
    await expect(put).rejects.toMatchObject({ code: 'DHT_FAILED' });
  });

  it('DEF-98: a client checks what it gets, whatever the peers let pass, even without its validators', async () => {
    const { fleet } = await setUp();
    const node = fleet.member();
    const directory = directoryOf(node);
    const record = fleet.member().record();
    await node.overlay.dht.start('client');
    fleet.network.store.putRaw(`/pid/${record.peer_id}`, bytesOf({ ...record, name: 'forged' }));
    expect(await directory.byPeer(record.peer_id, 1_000)).toBeUndefined();
    for (const name of ['node', 'pid', 'indexer']) {
      node.overlay.dht.namespace(name, { validate: () => true, select: () => 0 });
    }
    fleet.network.store.putRaw(`/node/${record.did}`, bytesOf(fleet.member().record()));
    fleet.network.store.values.set(`/pid/${record.peer_id}`, [bytesOf(fleet.member().record())]);
    fleet.network.store.putRaw(`/indexer/${record.peer_id}`, bytesOf({ peer_id: record.peer_id }));
    expect(await directory.byPeer(record.peer_id, 1_000)).toBeUndefined();
    expect(await directory.byDid(record.did, 1_000)).toBeUndefined();
    expect(await directory.indexerRecord(record.peer_id, 1_000)).toBeUndefined();
    fleet.network.store.values.set(`/node/${record.did}`, [new TextEncoder().encode('{')]);
    expect(await directory.rawByDid(record.did, 1_000)).toBeUndefined();
  });

  it('tries a put again after 2 s and 4 s while the routing table is empty, then gives up', async () => {
    const fleet = new TestFleet();
    const node = fleet.member();
    const directory = directoryOf(node);
    await node.overlay.dht.start('client');
    let done: object | undefined;
    void directory.put(node.record()).then((result) => (done = result));
    await fleet.pass(2_000);
    await fleet.pass(3_999);
    expect(done).toBeUndefined();
    await fleet.pass(1);
    expect(done).toEqual({ node: false, pid: false });
  });

  it('a put succeeds as soon as somebody has come', async () => {
    const fleet = new TestFleet();
    const node = fleet.member();
    const directory = directoryOf(node);
    await node.overlay.dht.start('client');
    const result = directory.put(node.record());
    await fleet.settle();
    const server = fleet.member(STRICT);
    directoryOf(server);
    await server.overlay.dht.start('server');
    await fleet.pass(2_000);
    expect(await result).toEqual({ node: true, pid: true });
  });

  it('gives up at once when others could be asked, and never rejects', async () => {
    const { fleet, directory } = await setUp();
    const expired = fleet.member().record(1);
    fleet.clock.advance(10_000);
    expect(await directory.put(expired)).toEqual({ node: false, pid: false });
  });

  it('answers "nothing" while the DHT is not started', async () => {
    const fleet = new TestFleet();
    const member = fleet.member(STRICT);
    const directory = directoryOf(member);
    expect(await directory.byPeer(member.self, 1_000)).toBeUndefined();
    expect(await directory.discover(5, () => false)).toEqual([]);
    await directory.refresh();
    expect(member.overlay.dht.isStarted).toBe(false);
  });
});

describe('records of indexers', () => {
  /** Puts a record of `publisher` that was made so long ago, and says so with its number of nodes. */
  function putRecord(fleet: TestFleet, publisher: Member, ageMs: number, nodes: number): void {
    const { clock, constants, crypto, overlay, random, self } = publisher;
    const record = buildIndexerRecord(
      {
        multiaddrs: overlay.addresses().map((address) => `${address}/p2p/${self}`),
        capacity: 100,
        fillRate: nodes / 100,
        nodes: Array.from({ length: nodes }, (_, index) => testPeer(50 + index)),
        bornAt: 0,
        expiresAt: clock.now() - ageMs + constants.indexerRecordTtlMs,
        maxPeers: 2_000,
        random,
      },
      crypto,
    );
    fleet.network.store.putRaw(`/indexer/${self}`, bytesOf(record));
  }

  function countGets(member: Member): () => number {
    const { dht } = member.overlay;
    const get = dht.get.bind(dht);
    let gets = 0;
    dht.get = async (key, options) => {
      gets += 1;
      return await get(key, options);
    };
    return () => gets;
  }

  it('any copy of the last period is enough; of older ones the newest is taken', async () => {
    const { fleet, first, second, directory } = await setUp();
    const { indexerRecordPeriodMs, dhtPutMs } = first.constants;
    putRecord(fleet, second, indexerRecordPeriodMs + dhtPutMs, 1);
    putRecord(fleet, second, 10_000, 2);
    expect((await directory.indexerRecord(second.self, 1_000))?.peer_count).toBe(1);
    // The first of them has grown too old to be enough, and so has what was remembered.
    fleet.clock.advance(first.constants.gateNegativeMs);
    expect((await directory.indexerRecord(second.self, 1_000))?.peer_count).toBe(2);
  });

  it('a copy of another indexer, or one that nobody signed, is never enough', async () => {
    const { fleet, first, second, directory } = await setUp();
    const key = `/indexer/${second.self}`;
    putRecord(fleet, first, 0, 1);
    const foreign = fleet.network.store.values.get(`/indexer/${first.self}`)?.[0] as Uint8Array;
    fleet.network.store.putRaw(key, foreign);
    const text = new TextDecoder().decode(foreign);
    fleet.network.store.putRaw(key, new TextEncoder().encode(text.replaceAll(first.self, second.self)));
    putRecord(fleet, second, 20_000, 3);
    expect((await directory.indexerRecord(second.self, 1_000))?.peer_count).toBe(3);
  });

  it('a record is kept until a newer one can exist, and not beyond', async () => {
    const { fleet, first, second, directory } = await setUp();
    const gets = countGets(first);
    putRecord(fleet, second, 20_000, 1);
    await directory.indexerRecord(second.self, 1_000);
    putRecord(fleet, second, 0, 2);
    fleet.clock.advance(39_000);
    expect((await directory.indexerRecord(second.self, 1_000))?.peer_count).toBe(1);
    expect(gets()).toBe(1);
    fleet.clock.advance(12_000);
    expect((await directory.indexerRecord(second.self, 1_000))?.peer_count).toBe(2);
    expect(gets()).toBe(2);
  });

  it('a record that claims to live for longer is kept for a period all the same, and none beyond its expiry', async () => {
    const { fleet, first, second, directory } = await setUp();
    const gets = countGets(first);
    putRecord(fleet, second, -400_000, 1);
    await directory.indexerRecord(second.self, 1_000);
    fleet.clock.advance(60_000);
    await directory.indexerRecord(second.self, 1_000);
    expect(gets()).toBe(2);
    putRecord(fleet, first, 178_000, 1);
    expect(await directory.indexerRecord(first.self, 1_000)).toBeDefined();
    fleet.clock.advance(3_000);
    expect(await directory.indexerRecord(first.self, 1_000)).toBeUndefined();
  });

  it('those who ask at the same time share one lookup, and one that failed is not remembered', async () => {
    const { fleet, first, second, directory } = await setUp();
    const gets = countGets(first);
    expect(await directory.indexerRecord(second.self, 1_000)).toBeUndefined();
    putRecord(fleet, second, 0, 4);
    const both = await Promise.all([
      directory.indexerRecord(second.self, 1_000),
      directory.indexerRecord(second.self, 1_000),
    ]);
    expect(both.map((record) => record?.peer_count)).toEqual([4, 4]);
    expect(gets()).toBe(2);
  });
});

describe('joining as a client', () => {
  it('waits for the warm-up, joins once, and asks the seeds', async () => {
    const fleet = new TestFleet();
    const seed = { ID: testPeer(500), Addrs: ['/ip4/198.51.100.1/tcp/4001'] };
    const node = fleet.member({ indexerAddresses: [seed] });
    const asked: (readonly AddrInfo[])[] = [];
    let starts = 0;
    const { dht } = node.overlay;
    const start = dht.start.bind(dht);
    dht.start = async (mode) => {
      starts += 1;
      await start(mode);
    };
    dht.bootstrap = async (peers) => void asked.push(peers);
    const directory = directoryOf(node);
    const both = Promise.all([directory.ensureClient(), directory.ensureClient()]);
    await fleet.pass(4_999);
    expect(starts).toBe(0);
    await fleet.pass(1);
    await both;
    await directory.ensureClient();
    expect([starts, dht.mode]).toEqual([1, 'client']);
    expect(asked).toEqual([[seed]]);
  });

  it('tries again after a failure, and leaves the DHT of an indexer to its boot', async () => {
    const fleet = new TestFleet();
    const node = fleet.member();
    const { dht } = node.overlay;
    const start = dht.start.bind(dht);
    dht.start = async () => {
      throw new Error('no');
    };
    const directory = directoryOf(node);
    const failing = directory.ensureClient();
    await fleet.pass(5_000);
    await failing;
    expect(dht.isStarted).toBe(false);
    dht.start = start;
    await directory.ensureClient();
    expect(dht.mode).toBe('client');
    const indexer = fleet.member({ roles: { node: true, indexer: true } });
    await directoryOf(indexer).ensureClient();
    expect(indexer.overlay.dht.isStarted).toBe(false);
  });
});

describe('discover', () => {
  async function providersOf(count: number) {
    const { fleet, first } = await setUp();
    const providers: Member[] = [];
    for (let index = 0; index < count; index++) {
      const provider = fleet.member(STRICT);
      directoryOf(provider);
      await provider.overlay.dht.start('server');
      await provider.overlay.dht.provide(INDEXERS_CID, { timeoutMs: 1_000 });
      providers.push(provider);
    }
    return { fleet, first, providers };
  }

  it('finds usable providers, without itself, the skipped, the avoided and repeats', async () => {
    const { fleet, first, providers } = await providersOf(6);
    await first.overlay.dht.provide(INDEXERS_CID, { timeoutMs: 1_000 });
    const ids = providers.map(({ self }) => self);
    const [skipped, avoided, ...rest] = ids;
    const directory = directoryOf(first, new Set([avoided ?? '']));
    const { dht } = first.overlay;
    const find = dht.findProviders.bind(dht);
    dht.findProviders = async (cid, options) => {
      const found = await find(cid, options);
      return [...found, ...found, fleet.addrInfo(first)];
    };
    const found = await directory.discover(10, (peer) => peer === skipped);
    expect(found.map(({ ID }) => ID)).toEqual(rest);
    expect(await directory.discover(2, () => false)).toHaveLength(2);
    expect(await directory.discover(0, () => false)).toEqual([]);
  });

  it('asks for twice as many, and looks up the address of those that have none', async () => {
    const { fleet, first, providers } = await providersOf(3);
    const { dht } = first.overlay;
    const asked: number[] = [];
    dht.findProviders = async (_cid, { count }) => {
      asked.push(count);
      return providers.map(({ self }, index) =>
        index === 0 ? fleet.network.addrInfo(self) : { ID: self, Addrs: [] },
      );
    };
    const find = dht.findPeer.bind(dht);
    dht.findPeer = async (peer, deadline) =>
      peer === providers[1]?.self ? await find(peer, deadline) : undefined;
    const found = await directoryOf(first).discover(3, () => false);
    expect(asked).toEqual([6]);
    expect(found).toEqual(providers.slice(0, 2).map((provider) => fleet.addrInfo(provider)));
  });

  it('looks addresses up within the same 10 s only', async () => {
    const { fleet, first, providers } = await providersOf(1);
    const { dht } = first.overlay;
    dht.findProviders = async () => {
      fleet.clock.advance(9_000);
      return providers.map(({ self }) => ({ ID: self, Addrs: [] }));
    };
    const bounds: number[] = [];
    dht.findPeer = async (_peer, { timeoutMs }) => {
      bounds.push(timeoutMs);
      throw new Error('nobody');
    };
    expect(await directoryOf(first).discover(1, () => false)).toEqual([]);
    expect(bounds).toEqual([1_000]);
  });

  it('keeps loopback addresses out unless they are allowed', async () => {
    const { fleet, first, providers } = await providersOf(1);
    first.overlay.dht.findProviders = async () =>
      providers.map(({ self }) => ({ ID: self, Addrs: ['/ip4/127.0.0.1/tcp/1'] }));
    expect(await directoryOf(first).discover(1, () => false)).toEqual([]);
    const local = fleet.member({ ...STRICT, allowLoopback: true });
    const directory = directoryOf(local);
    await local.overlay.dht.start('server');
    local.overlay.dht.findProviders = first.overlay.dht.findProviders;
    expect(await directory.discover(1, () => false)).toHaveLength(1);
  });

  it('DEF-44: those with a valid record come first, since provider entries outlive the dead', async () => {
    const { fleet, first, providers } = await providersOf(4);
    const alive = providers.at(-1) as Member;
    const table = new LiveNodeTable({ maxNodes: 5, constants: alive.constants, clock: fleet.clock });
    new IndexerRecordPublisher(alive, { bornAt: fleet.clock.now(), table, cachedScore: () => 0.5 }).start();
    await fleet.settle();
    const directory = directoryOf(first);
    expect((await directory.discover(2, () => false)).map(({ ID }) => ID)).toEqual([
      alive.self,
      providers[0]?.self,
    ]);
    expect((await directory.indexerRecord(alive.self, 1_000))?.capacity).toBe(5);
    alive.controller.abort();
    fleet.clock.advance(180_000);
    expect((await directory.discover(1, () => false)).map(({ ID }) => ID)).toEqual([providers[0]?.self]);
  });

  it('gives nothing when the search fails', async () => {
    const { first } = await providersOf(0);
    first.overlay.dht.findProviders = async () => {
      throw new Error('nobody');
    };
    expect(await directoryOf(first).discover(3, () => false)).toEqual([]);
  });
});
