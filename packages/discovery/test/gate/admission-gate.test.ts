import { describe, expect, it } from 'vitest';
import { AdmissionGate } from '../../src/gate/admission-gate.ts';
import { LiveNodeTable } from '../../src/indexer/node-table.ts';
import { RELATIONS } from '../../src/stores/peer-store.ts';
import { PROTOCOLS } from '../../src/wire/protocols.ts';
import { testPeer } from '../support/identities.ts';
import { FixedPool, MapDirectory, type Member, TestFleet, verifiedOf } from '../support/members.ts';

const KNOWN = { known: true };
const UNKNOWN = { known: false, code: 'unknown_peer' };
const FACTS = { lastScore: 0, localScore: undefined, isIndexer: false };

function indexerSide() {
  const fleet = new TestFleet();
  const indexer = fleet.member({ roles: { node: false, indexer: true } });
  const peer = fleet.member();
  const table = new LiveNodeTable({ maxNodes: 10, constants: indexer.constants, clock: fleet.clock });
  const directory = new MapDirectory();
  return { fleet, indexer, peer, table, directory, gate: new AdmissionGate(indexer, { table, directory }) };
}

/** A node whose pool answers P5 as it is told. */
function nodeSide(answers: readonly ((asked: Member) => object | undefined)[]) {
  const fleet = new TestFleet();
  const node = fleet.member();
  const peer = fleet.member();
  const asked: number[] = [];
  const indexers = answers.map((answer, index) => {
    const indexer = fleet.member();
    indexer.overlay.handle(PROTOCOLS.get, async (stream) => {
      asked.push(index);
      await stream.read({ timeoutMs: 1_000, maxBytes: 4_096 });
      const value = answer(peer);
      if (value === undefined) return await stream.ended;
      await stream.write(value, { timeoutMs: 1_000 });
      await stream.close();
    });
    return fleet.addrInfo(indexer);
  });
  const pool = new FixedPool(indexers);
  return { fleet, node, peer, asked, gate: new AdmissionGate(node, { pool }) };
}

const NOT_FOUND = () => ({ found: false, records: {} });
const FOUND = ({ self, record }: Member) => ({ found: true, records: { [self]: record() } });

describe('the gate of an indexer', () => {
  it('knows live nodes, stored peers and who has a record in the DHT, in this order', async () => {
    const { indexer, peer, table, directory, gate } = indexerSide();
    expect(await gate.isKnown(peer.self)).toEqual(UNKNOWN);
    gate.forget(peer.self);
    directory.byPeerId.set(peer.self, verifiedOf(peer.record()));
    expect(await gate.isKnown(peer.self)).toEqual(KNOWN);
    expect(directory.asked).toHaveLength(2);
    indexer.peers.add(peer.record(), RELATIONS.PARTNER);
    expect(await gate.isKnown(peer.self)).toEqual(KNOWN);
    table.upsert(peer.self, FACTS);
    expect(await gate.isKnown(peer.self)).toEqual(KNOWN);
    expect(indexer.happened.map(({ payload }) => (payload as { step: string }).step)).toEqual([
      'none',
      'lookup',
      'stored',
      'heartbeat',
    ]);
    expect(directory.asked).toHaveLength(2);
  });

  it('DEF-74: the blacklist comes before a live heartbeat, the cache and a running look-up', async () => {
    const { fleet, indexer, peer, table, directory, gate } = indexerSide();
    const blacklisted = { known: false, code: 'blacklisted' };
    directory.byPeerId.set(peer.self, verifiedOf(peer.record()));
    expect(await gate.isKnown(peer.self)).toEqual(KNOWN);
    gate.forget(peer.self);
    let release = (): void => {};
    directory.hold = new Promise((resolve) => (release = resolve));
    const running = gate.isKnown(peer.self);
    await fleet.settle();
    indexer.peers.add(peer.record(), RELATIONS.BLACKLIST);
    release();
    expect(await running).toEqual(blacklisted);
    expect(await gate.isKnown(peer.self)).toEqual(blacklisted);
    table.upsert(peer.self, FACTS);
    expect(await gate.isKnown(peer.self)).toEqual(blacklisted);
  });

  it('remembers a yes for 60 s and a no for 5 s', async () => {
    const { fleet, peer, directory, gate } = indexerSide();
    await gate.isKnown(peer.self);
    fleet.clock.advance(4_999);
    await gate.isKnown(peer.self);
    expect(directory.asked).toHaveLength(1);
    fleet.clock.advance(1);
    directory.byPeerId.set(peer.self, verifiedOf(peer.record()));
    expect(await gate.isKnown(peer.self)).toEqual(KNOWN);
    directory.byPeerId.clear();
    fleet.clock.advance(59_999);
    expect(await gate.isKnown(peer.self)).toEqual(KNOWN);
    expect(directory.asked).toHaveLength(2);
    fleet.clock.advance(1);
    expect(await gate.isKnown(peer.self)).toEqual(UNKNOWN);
  });

  it('does not know who has an expired record only', async () => {
    const { fleet, peer, directory, gate } = indexerSide();
    directory.byPeerId.set(peer.self, verifiedOf(peer.record(10_000)));
    fleet.clock.advance(10_000);
    expect(await gate.isKnown(peer.self)).toEqual(UNKNOWN);
  });

  it('looks a peer up once at a time, and a bounded number of peers', async () => {
    const { fleet, indexer, peer, directory, gate } = indexerSide();
    let release = (): void => {};
    directory.hold = new Promise((resolve) => (release = resolve));
    const same = Array.from({ length: 5 }, async () => await gate.isKnown(peer.self));
    await fleet.settle();
    expect(directory.asked).toHaveLength(1);
    const many = Array.from({ length: 100 }, async (_, index) => await gate.isKnown(testPeer(1_000 + index)));
    await fleet.settle();
    expect(directory.asked).toHaveLength(64);
    release();
    expect(new Set((await Promise.all([...same, ...many])).map(({ known }) => known))).toEqual(
      new Set([false]),
    );
    // Who found no room is not remembered as unknown.
    await gate.isKnown(testPeer(1_099));
    expect(directory.asked).toHaveLength(65);
    expect(indexer.happened).toHaveLength(106);
  });

  it('keeps a bounded memory of strangers', async () => {
    const { peer, directory, gate } = indexerSide();
    directory.byPeerId.set(peer.self, verifiedOf(peer.record()));
    await gate.isKnown(peer.self);
    for (let index = 0; index < 4_096; index++) await gate.isKnown(`stranger-${index}`);
    expect(directory.asked).toHaveLength(4_097);
    await gate.isKnown('stranger-0');
    expect(directory.asked).toHaveLength(4_097);
    await gate.isKnown(peer.self);
    expect(directory.asked).toHaveLength(4_098);
  });
});

describe('the gate of a node', () => {
  it('knows stored peers without asking anybody', async () => {
    const { node, peer, asked, gate } = nodeSide([NOT_FOUND]);
    node.peers.add(peer.record(), RELATIONS.NONE);
    expect(await gate.isKnown(peer.self)).toEqual(KNOWN);
    expect(asked).toEqual([]);
  });

  it('DEF-77: asks up to two indexers, 4 s each, so that a slow one holds nothing up', async () => {
    const { fleet, peer, asked, gate } = nodeSide([() => undefined, () => undefined, FOUND]);
    const decision = gate.isKnown(peer.self);
    await fleet.pass(4_000);
    expect(asked).toEqual([0, 1]);
    await fleet.pass(4_000);
    expect(await decision).toEqual(UNKNOWN);
    expect(asked).toEqual([0, 1]);
  });

  it('knows whom the second one knows', async () => {
    const { peer, asked, gate } = nodeSide([NOT_FOUND, FOUND]);
    expect(await gate.isKnown(peer.self)).toEqual(KNOWN);
    expect(asked).toEqual([0, 1]);
  });

  it('believes only a record of that peer that verifies', async () => {
    const { fleet, peer, gate } = nodeSide([
      ({ self, record }) => ({ found: true, records: { [self]: { ...record(), name: 'forged' } } }),
      ({ self }) => ({ found: true, records: { [self]: stranger.record() } }),
    ]);
    const stranger = fleet.member();
    expect(await gate.isKnown(peer.self)).toEqual(UNKNOWN);
  });

  it('knows nobody when no indexer can be reached, and does not ask a peer about itself', async () => {
    const { fleet, node, peer } = nodeSide([]);
    expect(await new AdmissionGate(node, { pool: new FixedPool([]) }).isKnown(peer.self)).toEqual(UNKNOWN);
    const self = new AdmissionGate(node, { pool: new FixedPool([fleet.addrInfo(peer)]) });
    peer.overlay.handle(PROTOCOLS.get, async (stream) => {
      await stream.write(FOUND(peer), { timeoutMs: 1_000 });
      await stream.close();
    });
    expect(await self.isKnown(peer.self)).toEqual(UNKNOWN);
  });
});
