import { describe, expect, it } from 'vitest';
import { RELATIONS } from '../../src/stores/peer-store.ts';
import type { SearchPeerResult } from '../../src/wire/messages.ts';
import { PROTOCOLS, TOPICS } from '../../src/wire/protocols.ts';
import { TestFleet } from '../support/members.ts';
import { hitOf, indexerIn, LONG } from '../support/searching.ts';

describe('the responding indexer', () => {
  /** An indexer that answers, and a bare member that asks as an emitter would. */
  function responding() {
    const fleet = new TestFleet();
    const responder = indexerIn(fleet);
    const asker = fleet.member();
    const answers: SearchPeerResult[] = [];
    asker.overlay.handle(PROTOCOLS.searchResponse, async (stream) => {
      answers.push((await stream.read(LONG)) as SearchPeerResult);
      await stream.close();
    });
    const ask = async (query: object): Promise<void> => {
      const data = new TextEncoder().encode(JSON.stringify({ emitter_id: asker.self, ...query }));
      await asker.overlay.gossip.publish(TOPICS.searchPeer, data);
      await fleet.settle();
    };
    return { fleet, responder, asker, answers, ask };
  }

  it('says nothing when it knows nobody', async () => {
    const { fleet, responder, answers, ask } = responding();
    await ask({ query_id: 'q', name: 'alpha' });
    await fleet.pass(1_000, 50);
    expect(answers).toEqual([]);
    expect(responder.member.overlay.opened).toEqual([]);
  });

  it('answers within 200 ms, with the records, over one stream', async () => {
    const { fleet, responder, answers, ask } = responding();
    const record = responder.refer('alpha');
    await ask({ query_id: 'q', name: 'alpha' });
    expect(answers).toEqual([]);
    await fleet.pass(200, 10);
    expect(answers).toEqual([{ query_id: 'q', records: [hitOf(record)] }]);
    expect(responder.member.overlay.opened).toHaveLength(1);
    expect(responder.member.overlay.opened[0]?.hasEnded).toBe(true);
  });

  it('answers 20 queries of an emitter in 10 s', async () => {
    const { fleet, responder, answers, ask } = responding();
    responder.refer('alpha');
    for (let query = 0; query < 25; query++) await ask({ query_id: `q${query}`, name: 'alpha' });
    await fleet.pass(200, 10);
    expect(answers).toHaveLength(20);
    await fleet.pass(10_000);
    await ask({ query_id: 'later', name: 'alpha' });
    await fleet.pass(200, 10);
    expect(answers).toHaveLength(21);
  });

  it('DEF-65: does not answer in the name of another, so that nobody can send answers to a victim', async () => {
    const { fleet, responder, asker, answers, ask } = responding();
    responder.refer('alpha');
    const victim = fleet.member();
    await ask({ query_id: 'q', emitter_id: victim.self, name: 'alpha' });
    await fleet.pass(1_000, 50);
    expect(responder.member.overlay.opened).toEqual([]);
    expect(answers).toEqual([]);
    expect(fleet.network.rejected).toMatchObject([{ verdict: 'reject', message: { from: asker.self } }]);
  });

  it('does not answer a blacklisted indexer, and lives on when the emitter is gone', async () => {
    const { fleet, responder, asker, answers, ask } = responding();
    responder.refer('alpha');
    responder.member.peers.add(asker.record(), RELATIONS.BLACKLIST);
    await ask({ query_id: 'q1', name: 'alpha' });
    await fleet.pass(1_000, 50);
    expect(answers).toEqual([]);
    responder.member.peers.add(asker.record(), RELATIONS.NONE);
    await ask({ query_id: 'q2', name: 'alpha' });
    fleet.network.isolate(asker.self);
    await fleet.pass(1_000, 50);
    fleet.network.rejoin(asker.self);
    await ask({ query_id: 'q3', name: 'alpha' });
    await fleet.pass(1_000, 50);
    expect(answers.map(({ query_id }) => query_id)).toEqual(['q3']);
  });
});
