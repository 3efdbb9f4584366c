import { describe, expect, it } from 'vitest';
import type { PeerId } from '../../src/wire/messages.ts';
import { derivedDid } from '../../src/records/did.ts';
import { buildPeerRecord } from '../../src/records/peer-record.ts';
import { indexerRecordOf } from '../support/indexer-records.ts';
import { BORN_AT, happened, PoolFleet, type PoolNode, type ScriptedIndexer } from '../support/pool-fleet.ts';

/** A liar and two honest indexers, all of them no seeds. */
async function liarAmongHonest() {
  const fleet = new PoolFleet();
  const [liar, ...honest] = fleet.indexers(3) as [ScriptedIndexer, ...ScriptedIndexer[]];
  const node = await fleet.node();
  for (const indexer of [liar, ...honest]) {
    indexer.fillRate = 0.03;
    node.agent.consider(indexer.info, 'test');
  }
  await fleet.pass(2);
  return { fleet, liar, honest, node };
}

/** Minutes until the liar is quarantined; the honest ones must stay. */
async function minutesToConviction(
  { fleet, liar, honest, node }: Awaited<ReturnType<typeof liarAmongHonest>>,
  limit: number,
  everyMinute: () => void = () => {},
): Promise<number> {
  let minutes = 0;
  while (!node.agent.isQuarantined(liar.peer) && minutes < limit) {
    everyMinute();
    await fleet.pass(60, 1_000);
    minutes += 1;
  }
  expect(node.agent.isQuarantined(liar.peer)).toBe(true);
  for (const { peer } of honest) expect(node.agent.entry(peer)?.isHealthy).toBe(true);
  return minutes;
}

const evidenceAgainst = (node: PoolNode, peer: PeerId) =>
  new Set(
    happened(node, 'evidence')
      .filter((event) => event['peer'] === peer && event['isGood'] === false)
      .map(({ kind }) => kind),
  );

describe('lies are found out in time (M-06)', () => {
  it('a: denies our own id, within 10 minutes', async () => {
    const setting = await liarAmongHonest();
    const { liar, node } = setting;
    liar.script = ({ challenges }) =>
      challenges === undefined
        ? {}
        : { challenges: challenges.map((peer_id) => ({ peer_id, found: false })) };
    await minutesToConviction(setting, 10);
    expect(evidenceAgainst(node, liar.peer)).toEqual(new Set(['own-challenge']));
  });

  it('a: falls silent at challenges, within 10 minutes', async () => {
    const { fleet, liar, honest, node } = await liarAmongHonest();
    liar.script = ({ challenges }) => (challenges === undefined ? {} : undefined);
    await fleet.pass(600, 1_000);
    expect(node.agent.has(liar.peer)).toBe(false);
    for (const { peer } of honest) expect(node.agent.has(peer)).toBe(true);
  });

  it.each([
    ['finds nothing', { dht_found: false }],
    ['finds something, it says', { dht_found: true, dht_payload: { did: 'x' } }],
    ['is always busy', { dht_found: false, dht_busy: true }],
  ])('b: serves no DHT: %s; within 20 minutes', async (_case, lie) => {
    const setting = await liarAmongHonest();
    setting.liar.script = ({ challenge_did }) => (challenge_did === undefined ? {} : lie);
    await minutesToConviction(setting, 20);
    expect(evidenceAgainst(setting.node, setting.liar.peer)).toEqual(new Set(['dht-challenge']));
  });

  it('c: tells others another fill rate, within 10 minutes', async () => {
    const setting = await liarAmongHonest();
    const { fleet, liar, node } = setting;
    const others = [0.35, 0.65, 0.05].map((fill_rate) =>
      fleet.witness((asked) => ({
        seen: true,
        born_at: BORN_AT,
        fill_rate: asked === liar.peer ? fill_rate : 0.03,
      })),
    );
    liar.witnesses = others;
    await minutesToConviction(setting, 10);
    expect(evidenceAgainst(node, liar.peer)).toEqual(new Set(['witness']));
  });

  it('d: invents peers in its record, within 15 minutes', async () => {
    const setting = await liarAmongHonest();
    const { fleet, liar, honest, node } = setting;
    const real = Array.from({ length: 2 }, () =>
      fleet.witness(() => ({ seen: true, born_at: BORN_AT, fill_rate: 0.03 })),
    );
    const invented = Array.from({ length: 3 }, () =>
      fleet.witness((asked) =>
        asked === liar.peer ? { seen: false } : { seen: true, born_at: BORN_AT, fill_rate: 0.03 },
      ),
    );
    for (const peer of [...real, ...invented]) node.agent.noteKnownPeer(peer);
    const publish = (): void => {
      const nodes = [...real, ...invented].map(({ ID }) => ID);
      node.directory.indexerRecords.set(liar.peer, indexerRecordOf(liar.member, nodes));
      for (const { peer, member } of honest) {
        node.directory.indexerRecords.set(peer, indexerRecordOf(member, nodes));
      }
    };
    await minutesToConviction(setting, 15, publish);
    expect(evidenceAgainst(node, liar.peer)).toEqual(new Set(['spot-check']));
  });

  it('forges our record: at once', async () => {
    const { fleet, liar, node } = await liarAmongHonest();
    const forged = buildPeerRecord(
      {
        name: 'n',
        did: derivedDid(node.member.self),
        apiUrl: 'http://elsewhere.example',
        streamAddress: '',
        natsAddress: '',
        walletAddress: '',
        expiresAt: node.member.clock.now() + 600_000,
      },
      liar.member.crypto,
    );
    liar.script = ({ challenge_did }) =>
      challenge_did === undefined ? {} : { dht_found: true, dht_payload: forged };
    while (liar.heartbeats.every(({ challenge_did }) => challenge_did === undefined)) {
      await fleet.pass(20, 1_000);
      expect(liar.heartbeats.length).toBeLessThan(60);
    }
    await fleet.pass(2);
    expect(node.agent.quarantined()).toMatchObject([
      { peer: liar.peer, evidence: 'forged record for our own DID' },
    ]);
  });

  it('another born_at towards two witnesses of our own choice: within 10 minutes', async () => {
    const setting = await liarAmongHonest();
    const { fleet, liar, node } = setting;
    for (let i = 0; i < 4; i += 1) {
      const witness = fleet.witness((asked) => ({
        seen: true,
        born_at: asked === liar.peer ? '2020-01-01T00:00:00.000Z' : BORN_AT,
        fill_rate: 0.03,
      }));
      node.agent.noteKnownPeer(witness);
    }
    await minutesToConviction(setting, 10);
    expect(node.agent.quarantined()[0]?.evidence).toMatch(/born_at/);
  });
});

describe('what is not held against an indexer', () => {
  it('that our record is nowhere in the DHT: our referent is changed instead', async () => {
    const { fleet, node } = await liarAmongHonest();
    fleet.records.clear();
    node.directory.byDid = async () => undefined;
    await fleet.pass(1);
    for (let minute = 0; minute < 30; minute += 1) {
      fleet.records.clear();
      await fleet.pass(60, 1_000);
    }
    expect(happened(node, 'pool.quarantined')).toEqual([]);
    expect(node.agent.size).toBe(3);
  });

  it('honest answers, for eight hours: nobody is evicted, suspected or quarantined', async () => {
    const { fleet, liar, honest, node } = await liarAmongHonest();
    const witnesses = Array.from({ length: 3 }, () =>
      fleet.witness(() => ({ seen: true, born_at: BORN_AT, fill_rate: 0.03 })),
    );
    for (const indexer of [liar, ...honest]) indexer.witnesses = witnesses;
    await fleet.pass(8 * 3_600, 5_000);
    expect(happened(node, 'pool.evicted')).toEqual([]);
    expect(happened(node, 'suspicion')).toEqual([]);
    for (const { confidence, score } of node.agent.view()) {
      expect(confidence).toBeGreaterThan(0.94);
      expect(score).toBeGreaterThan(95);
    }
  });
});

describe('a suspicion (24.4)', () => {
  it('puts an own-id and a DHT challenge into the next heartbeat, at most once a minute', async () => {
    const { fleet, liar, node } = await liarAmongHonest();
    let starts = 0;
    liar.script = () => ({ born_at: new Date(Date.UTC(2026, 1, 1 + (starts += 1))).toISOString() });
    await fleet.pass(85);
    const suspicions = happened(node, 'suspicion').filter(({ peer }) => peer === liar.peer);
    expect(suspicions).toHaveLength(2);
    expect(suspicions[0]).toMatchObject({ cause: 'born_at changed' });
    const forced = liar.heartbeats.filter(({ challenge_did }) => challenge_did !== undefined);
    expect(forced.length).toBeGreaterThanOrEqual(1);
    expect(forced.every(({ challenges }) => challenges?.[0] === node.member.self)).toBe(true);
  });
});
