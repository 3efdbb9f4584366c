import { describe, expect, it } from 'vitest';
import type { FrameStream } from '../../src/overlay/overlay.ts';
import { ReferencedTable } from '../../src/search/referenced-table.ts';
import {
  type FoundPeer,
  type PeerSearch,
  SearchClient,
  type SearchEnd,
} from '../../src/search/search-client.ts';
import type { PeerRecord, SearchHit, SearchPeerRequest } from '../../src/wire/messages.ts';
import { PROTOCOLS } from '../../src/wire/protocols.ts';
import { FixedPool, type Member, TestFleet } from '../support/members.ts';

type Script = (stream: FrameStream, request: SearchPeerRequest) => Promise<unknown>;

const DEADLINE = { timeoutMs: 600_000 };
const SILENT: Script = async (stream) => await stream.ended;

function hitOf(record: PeerRecord): SearchHit {
  return { peer_id: record.peer_id, did: record.did, name: record.name, record };
}

async function send(stream: FrameStream, query_id: string, records: readonly object[]): Promise<void> {
  await stream.write({ query_id, records }, DEADLINE);
}

/** A node whose indexers answer P7 by a script each. */
function setUp(...scripts: readonly Script[]) {
  const fleet = new TestFleet();
  const node = fleet.member();
  const requests: SearchPeerRequest[] = [];
  const streams: FrameStream[] = [];
  const indexers = scripts.map((script) => {
    const indexer = fleet.member({ roles: { node: false, indexer: true } });
    indexer.overlay.handle(PROTOCOLS.search, async (stream) => {
      streams.push(stream);
      const request = (await stream.read({ ...DEADLINE, maxBytes: 4_096 })) as SearchPeerRequest;
      requests.push(request);
      await script(stream, request);
    });
    return indexer;
  });
  const pool = new FixedPool(indexers.map((indexer) => fleet.addrInfo(indexer)));
  const client = new SearchClient(node, { pool });
  return { fleet, node, requests, streams, indexers, pool, client };
}

/** Collects what a search finds. */
function collect(search: PeerSearch) {
  const found: FoundPeer[] = [];
  const state: { end: SearchEnd | undefined; isOver: boolean } = { end: undefined, isOver: false };
  void search.ended.then((end) => (state.end = end));
  void (async () => {
    for await (const peer of search) found.push(peer);
    state.isOver = true;
  })();
  return { found, state, names: () => found.map(({ name }) => name) };
}

async function membersOf(fleet: TestFleet, ...names: readonly string[]): Promise<Member[]> {
  return names.map((name) => fleet.member({ name }));
}

describe('SearchClient', () => {
  it('streams what an indexer finds, and ends when that has ended', async () => {
    const { fleet, node, requests, pool, client } = setUp(async (stream, { query_id }) => {
      await send(stream, query_id, [hitOf(alpha)]);
      await fleet.settle();
      await send(stream, query_id, [hitOf(beta)]);
      await stream.close();
    });
    const members = await membersOf(fleet, 'alpha', 'beta');
    const [alpha, beta] = members.map((member) => member.record()) as [PeerRecord, PeerRecord];
    const search = client.search('alice', 'a');
    const { found, state, names } = collect(search);
    await fleet.settle();
    await fleet.settle();
    expect(names()).toEqual(['alpha', 'beta']);
    expect(found.every(({ isVerified, record }) => isVerified && record !== undefined)).toBe(true);
    expect(state).toMatchObject({ isOver: true, end: { reason: 'complete', hits: 2 } });
    expect(requests).toEqual([{ query_id: expect.stringMatching(/^[0-9a-f]{32}$/), name: 'a' }]);
    expect(pool.known).toEqual(members.map((member) => fleet.addrInfo(member)));
    expect(client.running).toBe(0);
    expect(node.happened.map(({ topic }) => topic)).toEqual([
      'search.started',
      'search.hits',
      'search.hits',
      'search.ended',
    ]);
  });

  it('asks by peer id, DID or name', async () => {
    const { fleet, requests, client } = setUp(SILENT);
    const [member] = await membersOf(fleet, 'x');
    const { self, record } = member as Member;
    for (const needle of [self, record().did, 'name']) client.search(`user of ${needle}`, needle);
    await fleet.settle();
    expect(requests.map(({ query_id: _id, ...criteria }) => criteria)).toEqual([
      { peer_id: self },
      { did: record().did },
      { name: 'name' },
    ]);
  });

  it('DEF-61: the query id says nothing of the user, and is another one each time', async () => {
    const { fleet, requests, client } = setUp(SILENT);
    client.search('alice', 'node');
    client.search('bob', 'node');
    await fleet.settle();
    expect(JSON.stringify(requests)).not.toMatch(/alice|bob/);
    expect(new Set(requests.map(({ query_id }) => query_id)).size).toBe(2);
  });

  it('DEF-60: drops hits whose record is forged, expired or of another, and marks those without one', async () => {
    const { fleet, client } = setUp(async (stream, { query_id }) => {
      await send(stream, query_id, [
        { ...hitOf(alpha), name: 'not-alpha' },
        { ...hitOf(alpha), peer_id: beta.peer_id },
        { ...hitOf(beta), record: { ...beta, api_url: 'http://evil.example' } },
        hitOf(old),
        { peer_id: beta.peer_id, did: beta.did, name: 'hearsay' },
        hitOf(alpha),
      ]);
      await stream.close();
    });
    const [a, b, c] = (await membersOf(fleet, 'alpha', 'beta', 'old')) as [Member, Member, Member];
    const [alpha, beta, old] = [a.record(), b.record(), c.record(1)];
    fleet.clock.advance(10_000);
    const { found } = collect(client.search('alice', 'a'));
    await fleet.settle();
    expect(found.map(({ name, isVerified }) => [name, isVerified])).toEqual([
      ['hearsay', false],
      ['alpha', true],
    ]);
  });

  it('reports each peer once, but a verified one also after hearsay', async () => {
    const { fleet, client } = setUp(async (stream, { query_id }) => {
      const hearsay = { peer_id: alpha.peer_id, did: alpha.did, name: 'alpha' };
      for (const hit of [hearsay, hearsay, hitOf(alpha), hitOf(alpha), hearsay])
        await send(stream, query_id, [hit]);
      await stream.close();
    });
    const [a] = (await membersOf(fleet, 'alpha')) as [Member];
    const alpha = a.record();
    const { found, state } = collect(client.search('alice', 'a'));
    await fleet.settle();
    expect(found.map(({ isVerified }) => isVerified)).toEqual([false, true]);
    expect(state.end?.hits).toBe(2);
  });

  it('a new search of the same user ends the old one, whose late results go nowhere', async () => {
    const { fleet, streams, client } = setUp(async (stream, { query_id, name }) => {
      await send(stream, query_id, [hitOf(alpha)]);
      await stream.ended;
      expect(name).toBeDefined();
    });
    const [a] = (await membersOf(fleet, 'alpha')) as [Member];
    const alpha = a.record();
    const first = collect(client.search('alice', 'first'));
    const other = collect(client.search('bob', 'other'));
    await fleet.settle();
    const second = collect(client.search('alice', 'second'));
    await fleet.settle();
    expect(first.state).toMatchObject({ isOver: true, end: { reason: 'replaced', hits: 1 } });
    expect(other.state.end).toBeUndefined();
    expect(second.names()).toEqual(['alpha']);
    await streams[0]?.ended;
    expect(client.running).toBe(2);
  });

  it('a frame of another query ends the stream, and none of its hits is shown', async () => {
    const { fleet, streams, client } = setUp(
      async (stream) => {
        await send(stream, 'f'.repeat(32), [hitOf(alpha)]);
        await stream.ended;
      },
      async (stream, { query_id }) => {
        await send(stream, query_id, [hitOf(beta)]);
        await send(stream, 'f'.repeat(32), [hitOf(alpha)]);
        await stream.ended;
      },
    );
    const [a, b] = (await membersOf(fleet, 'alpha', 'beta')) as [Member, Member];
    const [alpha, beta] = [a.record(), b.record()];
    const { names, state } = collect(client.search('alice', 'a'));
    await fleet.settle();
    await fleet.settle();
    expect(streams).toHaveLength(2);
    expect(names()).toEqual(['beta']);
    expect(state.end?.reason).toBe('broken');
  });

  it('DEF-63: ends after 5 s without a result, which every result restarts, and at the cap', async () => {
    const { fleet, streams, client } = setUp(async (stream, { query_id }) => {
      for (let round = 0; ; round++) {
        await fleet.clock.sleep(4_000);
        await send(stream, query_id, []);
        if (round === 100) return;
      }
    });
    const { state } = collect(client.search('alice', 'a'));
    await fleet.pass(59_000, 1_000);
    expect(state.end).toBeUndefined();
    await fleet.pass(1_000);
    expect(state.end).toMatchObject({ reason: 'limit', ms: 60_000 });
    await streams[0]?.ended;
    const silent = setUp(SILENT);
    const idle = collect(silent.client.search('alice', 'a'));
    await silent.fleet.pass(4_999);
    expect(idle.state.end).toBeUndefined();
    await silent.fleet.pass(1);
    expect(idle.state.end?.reason).toBe('idle');
    await silent.streams[0]?.ended;
  });

  it('asks the next indexer as long as nothing has come', async () => {
    const { fleet, indexers, client } = setUp(
      SILENT,
      async (stream) => {
        await stream.write({ error: { code: 'unknown_peer', message: '' } }, DEADLINE);
        await stream.close();
      },
      async (stream) => stream.reset(),
      async (stream, { query_id }) => {
        await send(stream, query_id, [hitOf(alpha)]);
        await stream.close();
      },
    );
    fleet.network.isolate(indexers[0]?.self ?? '');
    const [a] = (await membersOf(fleet, 'alpha')) as [Member];
    const alpha = a.record();
    const { names, state } = collect(client.search('alice', 'a'));
    await fleet.settle();
    await fleet.settle();
    expect(names()).toEqual(['alpha']);
    expect(state.end?.reason).toBe('complete');
  });

  it('does not begin again at another indexer after results have come', async () => {
    const { fleet, streams, client } = setUp(async (stream, { query_id }) => {
      await send(stream, query_id, [hitOf(alpha)]);
      await fleet.settle();
      stream.reset();
    }, SILENT);
    const [a] = (await membersOf(fleet, 'alpha')) as [Member];
    const alpha = a.record();
    const { names, state } = collect(client.search('alice', 'a'));
    await fleet.settle();
    await fleet.settle();
    await fleet.settle();
    expect(names()).toEqual(['alpha']);
    expect(state.end?.reason).toBe('broken');
    expect(streams).toHaveLength(1);
  });

  it('says when no indexer is reachable, and when the request is at fault', async () => {
    const empty = setUp();
    expect(await empty.client.search('alice', 'a').ended).toMatchObject({ reason: 'no-indexer', hits: 0 });
    const refusing = setUp(async (stream) => {
      await stream.write({ error: { code: 'bad_request', message: 'too short' } }, DEADLINE);
      await stream.close();
    }, SILENT);
    expect(await refusing.client.search('alice', 'a').ended).toMatchObject({
      reason: 'refused',
      code: 'bad_request',
    });
  });

  it('on an indexer, knows first what it is the referent of itself', async () => {
    const fleet = new TestFleet();
    const combined = fleet.member({ roles: { node: true, indexer: true } });
    const referenced = new ReferencedTable({ maxEntries: 10 });
    const alpha = fleet.member({ name: 'alpha' }).record();
    referenced.set(alpha.peer_id, { ...hitOf(alpha), record: alpha });
    const client = new SearchClient(combined, { pool: new FixedPool([]), referenced });
    const { found, state } = collect(client.search('alice', 'alp'));
    await fleet.settle();
    expect(found).toMatchObject([{ name: 'alpha', isVerified: true }]);
    expect(state.end?.reason).toBe('complete');
    expect((await client.search('alice', 'beta').ended).reason).toBe('no-indexer');
    combined.controller.abort();
    const late = collect(client.search('alice', 'alp'));
    await fleet.settle();
    expect(late.found).toEqual([]);
    expect(late.state.end).toMatchObject({ reason: 'shutting-down', hits: 0 });
  });

  it('ends when its consumer leaves, by cancel, by signal and with the daemon, and closes the stream', async () => {
    const { fleet, node, streams, client } = setUp(async (stream, { query_id }) => {
      await send(stream, query_id, [hitOf(alpha), hitOf(beta)]);
      await stream.ended;
    });
    const [a, b] = (await membersOf(fleet, 'alpha', 'beta')) as [Member, Member];
    const [alpha, beta] = [a.record(), b.record()];
    const left = client.search('alice', 'a');
    for await (const { name } of left) {
      expect(name).toBe('alpha');
      break;
    }
    expect((await left.ended).reason).toBe('abandoned');
    const cancelled = client.search('alice', 'a');
    expect(client.cancel(cancelled.key)).toBe(true);
    expect((await cancelled.ended).reason).toBe('cancelled');
    const byUser = client.search('alice', 'a');
    expect(client.cancelUser('alice')).toBe(true);
    expect((await byUser.ended).reason).toBe('cancelled');
    const controller = new AbortController();
    const bySignal = client.search('alice', 'a', { signal: controller.signal });
    controller.abort();
    expect((await bySignal.ended).reason).toBe('cancelled');
    const last = client.search('alice', 'a');
    node.controller.abort();
    expect((await last.ended).reason).toBe('shutting-down');
    await fleet.settle();
    await Promise.all(streams.map(async (stream) => await stream.ended));
    expect(client.running).toBe(0);
    expect((await client.search('alice', 'a').ended).reason).toBe('shutting-down');
  });

  it.each([
    ['a list', [1]],
    ['hits that are none', { query_id: 'q', records: [{ peer_id: 1 }] }],
    ['a frame that is too long', { query_id: 'q', records: [], extra: 'x'.repeat(262_144) }],
  ])('survives %s', async (_what, frame) => {
    const { fleet, client } = setUp(async (stream) => {
      await stream.write(frame, DEADLINE);
      await stream.ended;
    });
    expect((await client.search('alice', 'a').ended).reason).toBe('no-indexer');
    await fleet.settle();
  });
});
