import { describe, expect, it } from 'vitest';
import { DhtDirectory } from '../../src/dht/dht-directory.ts';
import { IndexerRecordPublisher } from '../../src/dht/indexer-record-publisher.ts';
import { LiveNodeTable } from '../../src/indexer/node-table.ts';
import { peerHash, verifyIndexerRecord } from '../../src/records/indexer-record.ts';
import { testPeer } from '../support/identities.ts';
import { TestFleet } from '../support/members.ts';

const FACTS = { lastScore: 0, localScore: undefined, isIndexer: false };

async function setUp(maxNodes = 10) {
  const fleet = new TestFleet();
  const indexer = fleet.member({ roles: { node: false, indexer: true } });
  const directory = new DhtDirectory(indexer, { pool: () => [], isAvoided: () => false });
  await indexer.overlay.dht.start('server');
  const table = new LiveNodeTable({ maxNodes, constants: indexer.constants, clock: fleet.clock });
  const facts = { bornAt: fleet.clock.now(), table, cachedScore: () => 0.5 };
  return { fleet, indexer, directory, table, publisher: new IndexerRecordPublisher(indexer, facts) };
}

describe('IndexerRecordPublisher', () => {
  it('says what is, in a record that passes the rules', async () => {
    const { fleet, indexer, table, publisher } = await setUp();
    const nodes = [testPeer(100), testPeer(101), testPeer(102)];
    for (const node of nodes) table.upsert(node, FACTS);
    const record = publisher.build();
    const { crypto, constants, clock } = indexer;
    expect(verifyIndexerRecord(record, { crypto, constants, now: clock.now() }).ok).toBe(true);
    expect(record).toMatchObject({
      peer_id: indexer.self,
      capacity: 10,
      fill_rate: 0.3,
      peer_count: 3,
      peers: nodes.map((node) => peerHash(node)).sort(),
      multiaddrs: [`${fleet.addrInfo(indexer).Addrs[0]}/p2p/${indexer.self}`],
    });
    expect(Date.parse(record.expires_at)).toBe(clock.now() + 180_000);
  });

  it('publishes at once and every 60 s, and ends with the daemon', async () => {
    const { fleet, indexer, directory, table, publisher } = await setUp();
    publisher.start();
    await fleet.settle();
    expect((await directory.indexerRecord(indexer.self, 1_000))?.peer_count).toBe(0);
    table.upsert(testPeer(100), FACTS);
    await fleet.pass(60_000);
    const newest = fleet.network.store.values.get(`/indexer/${indexer.self}`)?.at(-1);
    expect(JSON.parse(new TextDecoder().decode(newest))).toMatchObject({ peer_count: 1 });
    const puts = (): number => indexer.happened.filter(({ topic }) => topic === 'dht.put').length;
    expect(puts()).toBe(2);
    indexer.controller.abort();
    await fleet.pass(300_000);
    expect(puts()).toBe(2);
  });

  it('gives a random sample of more than 2,000 nodes', async () => {
    const { indexer, table, publisher } = await setUp(3_000);
    for (let node = 0; node < 2_001; node++) table.upsert(`node-${node}`, FACTS);
    const record = publisher.build();
    const { crypto, constants, clock } = indexer;
    expect(record).toMatchObject({ peer_count: 2_001, peers_sampled: true });
    expect(record.peers).toHaveLength(2_000);
    expect(verifyIndexerRecord(record, { crypto, constants, now: clock.now() }).ok).toBe(true);
  });
});
