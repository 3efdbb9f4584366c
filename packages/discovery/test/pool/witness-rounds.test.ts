import { describe, expect, it } from 'vitest';
import { BORN_AT, happened, PoolFleet, type PoolNode, type ScriptedIndexer } from '../support/pool-fleet.ts';
import type { PeerId, WitnessReport } from '../../src/wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../../src/wire/protocols.ts';

const truth: WitnessReport = { seen: true, born_at: BORN_AT, fill_rate: 0.4 };
const OTHER_BIRTH = '2020-01-01T00:00:00.000Z';

function counters(node: PoolNode, indexer: ScriptedIndexer) {
  const { witnessesChecked, witnessesConsistent, verificationsFailed, verificationsPassed } =
    node.agent.entry(indexer.peer)?.evidence ?? {};
  return { witnessesChecked, witnessesConsistent, verificationsPassed, verificationsFailed };
}

async function indexerWith(reports: readonly (() => WitnessReport | undefined)[]) {
  const fleet = new PoolFleet();
  const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
  indexer.witnesses = reports.map((report) => fleet.witness(report));
  const node = await fleet.node({ seeds: [indexer.info] });
  return { fleet, indexer, node };
}

describe('witness rounds (13.6)', () => {
  it('ask those whom the indexer names: once in six answers', async () => {
    let asked = 0;
    const count = (): WitnessReport => {
      asked += 1;
      return truth;
    };
    const { fleet, indexer, node } = await indexerWith([count, count, count]);
    // The spot check of every fifth answer asks as well.
    await fleet.pass(85);
    expect(counters(node, indexer)).toMatchObject({ witnessesChecked: 3, witnessesConsistent: 3 });
    await fleet.pass(1_200 - 85, 2_000);
    const rounds = indexer.heartbeats.length / 6;
    expect(asked).toBeGreaterThan(3 * (rounds - 2));
    expect(asked).toBeLessThan(4 * (rounds + 2) + indexer.heartbeats.length / 5);
  });

  it('DEF-51: count nothing for witnesses that are away, silent, or know nothing', async () => {
    const { fleet, indexer, node } = await indexerWith([
      () => ({ seen: false }),
      () => undefined,
      () => ({ seen: true }),
    ]);
    await fleet.pass(90);
    expect(counters(node, indexer)).toMatchObject({ witnessesChecked: 0, verificationsFailed: 0 });
    const gone = fleet.witness(() => truth);
    fleet.members.network.isolate(gone.ID);
    indexer.witnesses = [gone];
    await fleet.pass(150, 1_000);
    expect(counters(node, indexer)).toMatchObject({ witnessesChecked: 0, verificationsFailed: 0 });
  });

  it('wait for the next answer before they count a contradiction: a restart is none', async () => {
    let report = truth;
    const { fleet, indexer, node } = await indexerWith([() => report, () => report, () => report]);
    await fleet.pass(1);
    // The witnesses have seen the restart before we do.
    report = { ...truth, born_at: OTHER_BIRTH };
    let answers = 0;
    indexer.script = () => ((answers += 1) >= 2 ? { born_at: OTHER_BIRTH } : {});
    await fleet.pass(25);
    expect(counters(node, indexer)).toMatchObject({ witnessesChecked: 0 });
    await fleet.pass(20);
    // And three more, in the round that our own suspicion of the restart has started, with a spot check.
    expect(counters(node, indexer)).toEqual({
      witnessesChecked: 6,
      witnessesConsistent: 6,
      verificationsPassed: 3,
      verificationsFailed: 0,
    });
  });

  it('DEF-50: ask one of our own choice as well, which counts twice', async () => {
    const { fleet, indexer, node } = await indexerWith([() => truth]);
    node.agent.noteKnownPeer(fleet.witness(() => truth));
    await fleet.pass(45);
    expect(counters(node, indexer)).toMatchObject({ witnessesChecked: 3, witnessesConsistent: 3 });
    expect(counters(node, indexer)).toMatchObject({ verificationsPassed: 1 });
  });

  it('do not ask ourselves, nor the indexer', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    const node = await fleet.node({ seeds: [indexer.info] });
    indexer.witnesses = [fleet.members.addrInfo(node.member), indexer.info];
    await fleet.pass(60);
    expect(happened(node, 'witness.served')).toEqual([]);
    expect(counters(node, indexer)).toMatchObject({ witnessesChecked: 0 });
  });

  it('believe a liar among the witnesses less than the indexer', async () => {
    const slander = (): WitnessReport => ({ seen: true, born_at: OTHER_BIRTH, fill_rate: 0.99 });
    const fleet = new PoolFleet();
    const indexers = fleet.indexers(4);
    const witnesses = [fleet.witness(slander), fleet.witness(() => truth), fleet.witness(() => truth)];
    for (const indexer of indexers) indexer.witnesses = witnesses;
    const node = await fleet.node({ seeds: indexers.map(({ info }) => info) });
    await fleet.pass(3_600, 2_000);
    expect(node.agent.size).toBe(4);
    expect(happened(node, 'pool.quarantined')).toEqual([]);
    for (const { terms } of node.agent.view()) expect(terms?.witness).toBeGreaterThan(0.85);
  });

  it.each([
    ['all indexers', 0],
    ['all but two friends', 2],
  ])('believe nobody whom we have chosen ourselves, and who slanders %s', async (_, friends) => {
    const fleet = new PoolFleet();
    const indexers = fleet.indexers(5);
    const honest = fleet.witness(() => truth);
    for (const indexer of indexers) indexer.witnesses = [honest];
    const spared = new Set(indexers.slice(0, friends).map(({ peer }) => peer));
    const node = await fleet.node({ seeds: indexers.map(({ info }) => info) });
    for (let slanderer = 0; slanderer < 4; slanderer += 1) {
      const report = (asked: PeerId): WitnessReport =>
        spared.has(asked) ? truth : { seen: true, born_at: OTHER_BIRTH, fill_rate: 0.99 };
      node.agent.noteKnownPeer(fleet.witness(report));
    }
    await fleet.pass(3_600, 2_000);
    expect(node.agent.size).toBe(5);
    expect(happened(node, 'pool.quarantined')).toEqual([]);
    expect(happened(node, 'pool.discharged')).toEqual([]);
    for (const { terms } of node.agent.view()) expect(terms?.witness).toBe(1);
  });

  it('count nothing that is said by who knows none of the others', async () => {
    const fleet = new PoolFleet();
    const [accused, ...others] = fleet.indexers(3) as [ScriptedIndexer, ...ScriptedIndexer[]];
    const node = await fleet.node({ seeds: [accused, ...others].map(({ info }) => info) });
    for (let witness = 0; witness < 2; witness += 1) {
      const report = (asked: PeerId): WitnessReport =>
        asked === accused.peer ? { ...truth, born_at: OTHER_BIRTH } : { seen: false };
      node.agent.noteKnownPeer(fleet.witness(report));
    }
    await fleet.pass(1_200, 2_000);
    expect(happened(node, 'pool.discharged')).toEqual([]);
    expect(counters(node, accused)).toMatchObject({ verificationsFailed: 0 });
  });

  it('hold it against a crowded indexer that it names nobody', async () => {
    const { fleet, indexer, node } = await indexerWith([]);
    await fleet.pass(65);
    expect(counters(node, indexer)).toMatchObject({ witnessesConsistent: 0, verificationsFailed: 0 });
    expect(node.agent.entry(indexer.peer)?.evidence['witnessesChecked']).toBeGreaterThan(0);
    expect(happened(node, 'evidence')).toContainEqual(
      expect.objectContaining({ kind: 'silent-witnesses', isGood: false }),
    );
  });
});

describe('indexers as witnesses', () => {
  it('one that denies the birth of three others is a liar; its victims stay', async () => {
    const fleet = new PoolFleet();
    const [slanderer, ...honest] = fleet.indexers(5) as [ScriptedIndexer, ...ScriptedIndexer[]];
    const deadline = { timeoutMs: 5_000 };
    slanderer.member.overlay.handle(PROTOCOLS.witness, async (stream) => {
      await stream.read({ ...deadline, maxBytes: FRAME_LIMITS.witness });
      await stream.write({ seen: true, born_at: OTHER_BIRTH, fill_rate: 0.4 }, deadline);
      await stream.close();
    });
    const truthful = [fleet.witness(() => truth), fleet.witness(() => truth)];
    slanderer.witnesses = truthful;
    // Only one of them names it as a witness: it is asked about the others because of what it said there.
    for (const [index, indexer] of honest.entries())
      indexer.witnesses = index === 0 ? [slanderer.info, ...truthful] : truthful;
    const node = await fleet.node({ seeds: [slanderer, ...honest].map(({ info }) => info) });
    await fleet.pass(900, 1_000);
    expect(node.agent.isQuarantined(slanderer.peer)).toBe(true);
    for (const indexer of honest) expect(node.agent.has(indexer.peer)).toBe(true);
  });
});
