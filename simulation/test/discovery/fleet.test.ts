import { RELATIONS } from '@muster/discovery';
import { describe, expect, test } from 'vitest';
import { SafetyChecker, SafetyViolation } from '../../discovery/checkers/safety.ts';
import { Fleet } from '../../discovery/fleet.ts';
import { at, stage, untilHealthy } from '../../discovery/scenarios/setup.ts';

async function traceOf(seed: number): Promise<string> {
  const fleet = stage({ seed, indexers: 3, nodes: 6, network: { loss: 0.03 } });
  await fleet.sim.runFor(60_000);
  at(fleet.indexers(), 1).kill();
  await fleet.sim.runFor(60_000);
  fleet.dispose();
  return `${fleet.sim.trace.hash} ${fleet.sim.trace.entries}`;
}

describe('a fleet of daemons', () => {
  test('does the same with the same seed, and something else with another', async () => {
    const first = await traceOf(5);
    expect(await traceOf(5)).toBe(first);
    expect(await traceOf(6)).not.toBe(first);
  });

  test('nodes that start before their seeds have an indexer within ten seconds', async () => {
    const fleet = new Fleet({ seed: 3 });
    const indexers = fleet.addIndexers({ count: 2 });
    const nodes = fleet.addNodes({ count: 4 });
    fleet.startAll({ members: nodes });
    await fleet.sim.runFor(2_000);
    fleet.startAll({ members: indexers });
    const took = await untilHealthy(fleet, 1, 60_000);
    expect(took).toBeLessThan(8_000);
    fleet.dispose();
  });

  test('a member keeps its key and its store over a restart, and another key is another peer', async () => {
    const fleet = stage({ seed: 4, indexers: 1, nodes: 1 });
    await untilHealthy(fleet, 1);
    const node = at(fleet.nodes(), 0);
    const before = node.peer;
    node.kill();
    await fleet.sim.runFor(1_000);
    node.start();
    expect(node.peer).toBe(before);
    await fleet.sim.runFor(5_000);
    expect(node.daemon.pool.healthyCount).toBe(1);
    node.rekey();
    expect(node.peer).not.toBe(before);
    await fleet.sim.runFor(5_000);
    expect(fleet.memberOf(node.peer)).toBe(node);
    expect(node.daemon.pool.healthyCount).toBe(1);
    fleet.dispose();
  });
});

describe('the safety checker', () => {
  test('is there, and finds nothing in an honest fleet', async () => {
    const fleet = new Fleet({ seed: 1 });
    const checker = SafetyChecker.watch(fleet);
    fleet.addIndexers({ count: 2 });
    fleet.addNodes({ count: 3 });
    fleet.startAll({ withinMs: 1_000 });
    await fleet.sim.runFor(60_000);
    expect(checker.checked).toBeGreaterThan(100);
    fleet.dispose();
  });

  test('finds a planted bug: a node that heartbeats too often', async () => {
    const fleet = new Fleet({
      seed: 1,
      settings: { maxHeartbeatsPerMinute: 100 },
    });
    SafetyChecker.watch(fleet);
    fleet.addIndexers({ count: 1 });
    fleet.addNodes({ count: 1 });
    // The planted bug: a period below the minimum gap that the checker knows of.
    const { constants } = fleet;
    Object.assign(fleet, { constants: { ...constants, tickMs: 5_000, heartbeatMinGapMs: 4_000 } });
    fleet.startAll();
    await fleet.sim.runFor(1_000);
    Object.assign(fleet, { constants });
    await expect(fleet.sim.runFor(60_000)).rejects.toThrow(SafetyViolation);
    fleet.dispose();
  });

  test('finds a strike that hits somebody honest', async () => {
    const fleet = stage({ seed: 1, indexers: 1, nodes: 1 });
    await untilHealthy(fleet, 1);
    const [indexer, node] = [at(fleet.indexers(), 0), at(fleet.nodes(), 0)];
    indexer.process.after(10, () => indexer.daemon.indexer?.behaviour.strike(node.peer, 1, 'planted'));
    await expect(fleet.sim.runFor(1_000)).rejects.toThrow('strikes only to the offender');
    fleet.dispose();
  });

  test('a blacklisted indexer is left alone from then on', async () => {
    const fleet = stage({ seed: 2, indexers: 2, nodes: 2 });
    await untilHealthy(fleet, 2);
    const [bad, node] = [at(fleet.indexers(), 0), at(fleet.nodes(), 0)];
    const listed = {
      id: bad.daemon.did,
      name: bad.name,
      peer_id: bad.peer,
      public_key: bad.crypto.publicKey,
      api_url: '',
      stream_address: '',
      nats_address: '',
      wallet_address: '',
      relation: RELATIONS.BLACKLIST,
      verify: false,
      updated_at: 0,
    };
    node.process.after(10, () => void node.store.upsert(listed));
    await fleet.sim.runFor(1_000);
    expect(node.daemon.pool.has(bad.peer)).toBe(false);
    expect(node.overlay.isConnected(bad.peer)).toBe(false);
    await fleet.sim.runFor(120_000);
    expect(node.daemon.pool.has(bad.peer)).toBe(false);
    expect(node.daemon.pool.healthyCount).toBe(1);
    fleet.dispose();
  });
});

test('strict indexers do not suspect one another for want of records that they never had', async () => {
  const fleet = stage({ seed: 9, indexers: 3, nodes: 3 });
  const causes: string[] = [];
  fleet.onEvent((_, event) => {
    if (event.topic === 'suspicion') causes.push(event.payload.cause);
  });
  await fleet.sim.runFor(20 * 60_000);
  expect(causes).toEqual([]);
  fleet.dispose();
});
