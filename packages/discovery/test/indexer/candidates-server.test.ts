import { describe, expect, it } from 'vitest';
import { CandidatesServer } from '../../src/indexer/candidates-server.ts';
import type { IndexerCandidatesResponse } from '../../src/wire/messages.ts';
import { PROTOCOLS } from '../../src/wire/protocols.ts';
import { testPeer } from '../support/identities.ts';
import { FixedGate, fixedSuggestions, LenientBehaviour, TestFleet } from '../support/members.ts';
import { exchangeWith, openTo } from '../support/streams.ts';

function setUp(size = 10) {
  const fleet = new TestFleet();
  const indexer = fleet.member({ roles: { node: false, indexer: true } });
  const asker = fleet.member();
  const cached = Array.from({ length: size }, (_, index) => ({
    ID: testPeer(100 + index),
    Addrs: [`/ip4/198.51.100.${index + 1}/tcp/4001`],
  }));
  const parts = {
    gate: new FixedGate(),
    suggestions: fixedSuggestions([
      ...cached,
      { ID: asker.self, Addrs: ['/ip4/198.51.100.200/tcp/4001'] },
      { ID: indexer.self, Addrs: ['/ip4/198.51.100.201/tcp/4001'] },
      { ID: testPeer(99), Addrs: ['/ip4/127.0.0.1/tcp/4001'] },
    ]),
    behaviour: new LenientBehaviour(),
  };
  new CandidatesServer(indexer, parts).start();
  const ask = async (value: object) => await exchangeWith(fleet, asker, indexer, PROTOCOLS.candidates, value);
  const idsFor = async (count: number): Promise<readonly string[]> =>
    ((await ask({ count }))[0] as IndexerCandidatesResponse).candidates.map(({ ID }) => ID);
  return { fleet, indexer, asker, cached, parts, ask, idsFor };
}

describe('CandidatesServer', () => {
  it('gives as many as are asked for, each once, never the asker, itself or the unreachable', async () => {
    const { cached, idsFor } = setUp();
    expect(await idsFor(4)).toHaveLength(4);
    const all = await idsFor(10);
    expect(new Set(all)).toEqual(new Set(cached.map(({ ID }) => ID)));
  });

  it.each([0, -1, 11, 1_000_000])('gives 3 when asked for %d', async (count) => {
    const { idsFor } = setUp();
    expect(await idsFor(count)).toHaveLength(3);
  });

  it('draws at random', async () => {
    const { cached, idsFor } = setUp();
    const drawn = new Set<string>();
    for (let draw = 0; draw < 100; draw++) for (const id of await idsFor(1)) drawn.add(id);
    expect(drawn.size).toBe(cached.length);
  });

  it('gives what it has', async () => {
    const { idsFor } = setUp(2);
    expect(await idsFor(10)).toHaveLength(2);
  });

  it('lets in only who is known', async () => {
    const { asker, parts, ask } = setUp();
    parts.gate.unknown.add(asker.self);
    expect(await ask({ count: 3 })).toEqual([{ error: expect.objectContaining({ code: 'unknown_peer' }) }]);
  });

  it.each([{ count: '3' }, {}, { count: 1.5 }, []])('DEF-54: refuses %j', async (value) => {
    const { asker, parts, ask } = setUp();
    expect(await ask(value)).toEqual([{ error: expect.objectContaining({ code: 'bad_request' }) }]);
    expect(parts.behaviour.strikes).toMatchObject([{ peer: asker.self, weight: 1 }]);
  });

  it('DEF-54: ends a silent stream after 5 s', async () => {
    const { fleet, indexer, asker } = setUp();
    const stream = await openTo(fleet, asker, indexer, PROTOCOLS.candidates);
    await fleet.pass(5_000);
    expect(stream.isReset).toBe(true);
  });
});
