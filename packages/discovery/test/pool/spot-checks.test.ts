import { describe, expect, it } from 'vitest';
import type { PeerId } from '../../src/wire/messages.ts';
import { testPeer } from '../support/identities.ts';
import { indexerRecordOf } from '../support/indexer-records.ts';
import { BORN_AT, happened, PoolFleet, type PoolNode, type ScriptedIndexer } from '../support/pool-fleet.ts';

const strangers = (count: number): PeerId[] => Array.from({ length: count }, (_, n) => testPeer(40_000 + n));

function spotChecks(node: PoolNode): readonly Record<string, unknown>[] {
  return happened(node, 'evidence').filter(({ kind }) => kind === 'spot-check');
}

/** An indexer that says it has three nodes, and whose record lists what the test says, made anew every minute. */
async function indexerListing(listed: (known: readonly PeerId[]) => readonly PeerId[], knows: boolean) {
  const fleet = new PoolFleet();
  const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
  indexer.fillRate = 0.03;
  const others = Array.from({ length: 6 }, () =>
    fleet.witness(() => (knows ? { seen: true, born_at: BORN_AT, fill_rate: 0.03 } : { seen: false })),
  );
  const node = await fleet.node({ seeds: [indexer.info] });
  for (const other of others) node.agent.noteKnownPeer(other);
  const publish = (): void => {
    const nodes = listed(others.map(({ ID }) => ID));
    node.directory.indexerRecords.set(indexer.peer, indexerRecordOf(indexer.member, nodes));
  };
  const passMinutes = async (minutes: number): Promise<void> => {
    for (let minute = 0; minute < minutes; minute += 1) {
      publish();
      await fleet.pass(60, 1_000);
    }
  };
  return { fleet, indexer, node, others, passMinutes };
}

describe('spot checks (24.4)', () => {
  it('pass an indexer whose listed peers know it', async () => {
    const { node, passMinutes } = await indexerListing((known) => known.slice(0, 3), true);
    await passMinutes(10);
    expect(spotChecks(node).length).toBeGreaterThanOrEqual(4);
    expect(spotChecks(node).every(({ isGood }) => isGood === true)).toBe(true);
  });

  it('ask each of the listed before they ask one again', async () => {
    const asked = new Map<number, number>();
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    indexer.fillRate = 0.06;
    const node = await fleet.node({ seeds: [indexer.info] });
    const listed = Array.from({ length: 6 }, (_, index) =>
      fleet.witness(() => {
        asked.set(index, (asked.get(index) ?? 0) + 1);
        return { seen: true, born_at: BORN_AT, fill_rate: 0.06 };
      }),
    );
    for (const peer of listed) node.agent.noteKnownPeer(peer);
    const nodes = listed.map(({ ID }) => ID);
    for (let minute = 0; minute < 11; minute += 1) {
      node.directory.indexerRecords.set(indexer.peer, indexerRecordOf(indexer.member, nodes));
      await fleet.pass(60, 1_000);
    }
    // Six checks by then.
    expect(spotChecks(node)).toHaveLength(6);
    expect(asked.size).toBe(6);
  });

  it('take what a witness of our own choice says for an answer, when the record lists it', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    indexer.fillRate = 0.06;
    const real = fleet.witness(() => ({ seen: true, born_at: BORN_AT, fill_rate: 0.06 }));
    const invented = Array.from({ length: 5 }, () => fleet.witness(() => ({ seen: false })));
    const node = await fleet.node({ seeds: [indexer.info] });
    node.agent.noteKnownPeer(real);
    const nodes = [real, ...invented].map(({ ID }) => ID);
    node.directory.indexerRecords.set(indexer.peer, indexerRecordOf(indexer.member, nodes));
    await fleet.pass(120, 1_000);
    expect(spotChecks(node)).toMatchObject([{ isGood: true }]);
    for (const peer of invented) node.agent.noteKnownPeer(peer);
    // The second round of witnesses comes before the second check.
    await fleet.pass(60, 1_000);
    expect(happened(node, 'suspicion')).toMatchObject([{ cause: 'listed peers do not know it' }]);
  });

  it('DEF-48: convict one whose record lists peers that do not know it', async () => {
    const { node, indexer, passMinutes } = await indexerListing((known) => known, false);
    await passMinutes(15);
    expect(node.agent.isQuarantined(indexer.peer)).toBe(false);
    const { isSeed } = node.agent.entry(indexer.peer) ?? {};
    // The only seed: it loses its flag, and stays for want of another.
    expect(isSeed).toBe(false);
    expect(spotChecks(node).filter(({ isGood }) => isGood === false).length).toBeGreaterThanOrEqual(3);
  });

  it('do not count the denial of a peer that has left, and is not listed any more', async () => {
    let hasLeft = false;
    const { node, passMinutes } = await indexerListing((known) => (hasLeft ? [] : known.slice(0, 1)), false);
    await passMinutes(3);
    expect(happened(node, 'suspicion').length).toBeGreaterThan(0);
    hasLeft = true;
    await passMinutes(10);
    expect(spotChecks(node)).toEqual([]);
  });

  it('DEF-49: compare the figures of the record with those of the answers', async () => {
    const { node, passMinutes } = await indexerListing(() => strangers(40), true);
    await passMinutes(6);
    expect(spotChecks(node)).toContainEqual(
      expect.objectContaining({
        isGood: false,
        note: expect.stringMatching(/claims 40 peers, its answers 37 less/),
      }),
    );
  });

  it('compare them both ways: a record may not fall short of the answers either', async () => {
    const { node, indexer, passMinutes } = await indexerListing((known) => known.slice(0, 3), true);
    indexer.script = () => ({ fill_rate: 0.25, peer_count: 25 });
    await passMinutes(6);
    expect(spotChecks(node)).toContainEqual(
      expect.objectContaining({
        isGood: false,
        note: expect.stringMatching(/claims 3 peers, its answers 22 more/),
      }),
    );
  });

  it('do not believe a denial of somebody who denies every indexer', async () => {
    const fleet = new PoolFleet();
    const indexers = fleet.indexers(3);
    const slanderers = Array.from({ length: 6 }, () => fleet.witness(() => ({ seen: false })));
    const node = await fleet.node({ seeds: indexers.map(({ info }) => info) });
    for (const slanderer of slanderers) node.agent.noteKnownPeer(slanderer);
    for (let minute = 0; minute < 30; minute += 1) {
      for (const indexer of indexers) {
        indexer.fillRate = 0.06;
        const nodes = slanderers.map(({ ID }) => ID);
        node.directory.indexerRecords.set(indexer.peer, indexerRecordOf(indexer.member, nodes));
      }
      await fleet.pass(60, 1_000);
    }
    expect(spotChecks(node)).toEqual([]);
    expect(happened(node, 'pool.discharged')).toEqual([]);
  });

  it('do not compare a record that was made before we listened', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    indexer.fillRate = 0.03;
    const old = indexerRecordOf(indexer.member, strangers(40));
    await fleet.pass(1);
    const node = await fleet.node({ seeds: [indexer.info] });
    node.directory.indexerRecords.set(indexer.peer, old);
    await fleet.pass(600, 2_000);
    expect(spotChecks(node)).toEqual([]);
  });

  it('ask a witness when no known peer is listed', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    indexer.witnesses = [fleet.witness(() => ({ seen: true, born_at: BORN_AT, fill_rate: 0.4 }))];
    const node = await fleet.node({ seeds: [indexer.info] });
    await fleet.pass(220, 1_000);
    expect(spotChecks(node)).toContainEqual({ peer: indexer.peer, kind: 'spot-check', isGood: true });
  });
});
