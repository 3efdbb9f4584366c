import { describe, expect, it } from 'vitest';
import { DhtDirectory } from '../../src/dht/dht-directory.ts';
import { IndexerRecordPublisher } from '../../src/dht/indexer-record-publisher.ts';
import { ProvideLoop } from '../../src/dht/provide-loop.ts';
import { SuggestionCache } from '../../src/dht/suggestion-cache.ts';
import { AdmissionGate } from '../../src/gate/admission-gate.ts';
import { CandidatesServer } from '../../src/indexer/candidates-server.ts';
import { GetServer } from '../../src/indexer/get-server.ts';
import { LiveNodeTable } from '../../src/indexer/node-table.ts';
import { PublishServer } from '../../src/indexer/publish-server.ts';
import { PeerLookup } from '../../src/lookup/peer-lookup.ts';
import { ReferencedTable } from '../../src/search/referenced-table.ts';
import { SearchClient } from '../../src/search/search-client.ts';
import { SearchServer } from '../../src/search/search-server.ts';
import { PROTOCOLS } from '../../src/wire/protocols.ts';
import { FixedPool, LenientBehaviour, type Member, TestFleet } from '../support/members.ts';
import { exchangeWith } from '../support/streams.ts';

/** An indexer with all parts of this side but the heartbeats. */
async function bootIndexer(fleet: TestFleet) {
  const member = fleet.member({ roles: { node: false, indexer: true } });
  const pool = new FixedPool([]);
  const directory = new DhtDirectory(member, { pool: () => pool.reachable(), isAvoided: () => false });
  await member.overlay.dht.start('server');
  const table = new LiveNodeTable({ maxNodes: 500, constants: member.constants, clock: fleet.clock });
  const gate = new AdmissionGate(member, { table, directory });
  const behaviour = new LenientBehaviour();
  const suggestions = new SuggestionCache(member, directory);
  const referenced = new ReferencedTable({ maxEntries: 500 });
  new PublishServer(member, { behaviour, table, directory, gate }).start();
  new GetServer(member, { behaviour, table, directory, gate }).start();
  new CandidatesServer(member, { gate, suggestions }).start();
  new SearchServer(member, { gate, behaviour, referenced, pool, suggestions, directory }).start();
  suggestions.start();
  new ProvideLoop(member).start();
  new IndexerRecordPublisher(member, { bornAt: fleet.clock.now(), table, cachedScore: () => 0.5 }).start();
  return { member, table, referenced };
}

/** Three indexers; node P knows the second only, node Q the first, as in TOPO-2. */
async function boot() {
  const fleet = new TestFleet();
  const indexers = await Promise.all([0, 1, 2].map(async () => await bootIndexer(fleet)));
  const nodeAt = (index: number, name: string) => {
    const member = fleet.member({ name });
    const pool = new FixedPool([fleet.addrInfo(indexers[index]?.member as Member)]);
    return { member, lookup: new PeerLookup(member, { pool }), client: new SearchClient(member, { pool }) };
  };
  await fleet.settle();
  return { fleet, indexers, p: nodeAt(1, 'node-p'), q: nodeAt(0, 'node-q') };
}

describe('the parts together', () => {
  it('a newcomer claims at one indexer, is then let in, and is found through another', async () => {
    const { fleet, indexers, p, q } = await boot();
    const stranger = await q.lookup.getPeerRecord(p.member.self).catch((error: unknown) => error);
    expect(stranger).toMatchObject({ code: 'NO_INDEXER' });
    expect(await p.lookup.claim()).toEqual({ asked: 1, acks: 1 });
    expect(await q.lookup.claim()).toEqual({ asked: 1, acks: 1 });
    expect(await q.lookup.getPeerRecord(p.member.self)).toMatchObject({ name: 'node-p' });
    expect(await q.lookup.getPeerRecord(p.member.record().did)).toMatchObject({ name: 'node-p' });
    const third = indexers[2]?.member as Member;
    const answer = await exchangeWith(fleet, p.member, third, PROTOCOLS.get, {
      key: '',
      peer_id: q.member.self,
    });
    expect(answer).toMatchObject([{ found: true }]);
    await fleet.pass(150_000);
    // Nobody has renewed its record, so both are strangers again.
    const later = await q.lookup.getPeerRecord(p.member.self).catch((error: unknown) => error);
    expect(later).toMatchObject({ code: 'NO_INDEXER', details: { codes: ['unknown_peer'] } });
  });

  it('a search at one indexer finds a node whose referent is another that it has never met', async () => {
    const { fleet, indexers, p, q } = await boot();
    await Promise.all([p.lookup.claim(), q.lookup.claim()]);
    const record = p.member.record();
    indexers[1]?.referenced.set(p.member.self, {
      peer_id: p.member.self,
      did: record.did,
      name: record.name,
      record,
    });
    const search = q.client.search('alice', 'NODE-P');
    const found: string[] = [];
    void (async () => {
      for await (const { name, isVerified } of search) found.push(`${name} ${isVerified}`);
    })();
    await fleet.pass(1_000, 20);
    expect(found).toEqual(['node-p true']);
    await fleet.pass(10_000);
    expect(await search.ended).toMatchObject({ hits: 1 });
  });

  it('indexers learn of each other through the DHT and name each other', async () => {
    const { fleet, indexers, p } = await boot();
    await p.lookup.claim();
    await fleet.pass(31_000, 1_000);
    const [first, second, third] = indexers.map(({ member }) => member.self);
    const [answer] = await exchangeWith(
      fleet,
      p.member,
      indexers[1]?.member as Member,
      PROTOCOLS.candidates,
      { count: 10 },
    );
    const ids = (answer as { candidates: { ID: string }[] }).candidates.map(({ ID }) => ID);
    expect(ids).not.toContain(second);
    expect(new Set(ids)).toEqual(new Set([first, third]));
  });
});
