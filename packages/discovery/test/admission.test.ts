import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../src/settings.ts';
import { Daemons } from './support/daemons.ts';
import { TestPolicy } from './support/test-policy.ts';

const INDEXER = { node: false, indexer: true };

describe('admission by somebody else, such as a registry', () => {
  it('cuts off who is no member any more, with all that it has here, and lets it in again as a member', async () => {
    const daemons = new Daemons();
    const policy = new TestPolicy();
    const indexer = await daemons.started({ roles: INDEXER }, undefined, policy);
    const node = await daemons.started({ name: 'mallory', indexerAddresses: [daemons.seedOf(indexer)] });
    const { self } = node.context;
    await daemons.pass(25_000);
    expect(indexer.indexer?.agent.table.has(self)).toBe(true);
    policy.set(self, 'refused');
    await daemons.pass(1_000);
    expect(indexer.indexer?.agent.table.has(self)).toBe(false);
    expect(indexer.context.overlay.isConnected(self)).toBe(false);
    await daemons.pass(60_000);
    expect(node.pool.healthyCount).toBe(0);
    policy.set(self, 'allowed');
    await daemons.pass(120_000);
    expect(node.pool.healthyCount).toBe(1);
    expect(indexer.indexer?.agent.table.has(self)).toBe(true);
  });

  it('takes indexers out of the pool that are no members, and none of them is taken in', async () => {
    const daemons = new Daemons();
    const policy = new TestPolicy();
    const first = await daemons.started({ roles: INDEXER });
    const node = await daemons.started({ indexerAddresses: [daemons.seedOf(first)] }, undefined, policy);
    await daemons.pass(25_000);
    expect(node.pool.has(first.context.self)).toBe(true);
    policy.set(first.context.self, 'refused');
    expect(node.pool.has(first.context.self)).toBe(false);
    await daemons.pass(30_000);
    expect(node.pool.has(first.context.self)).toBe(false);
    expect(node.context.overlay.isConnected(first.context.self)).toBe(false);
  });

  it('does not make liars of peers behind a cut: connections end, what is known stays, and all heals', async () => {
    const daemons = new Daemons();
    const policy = new TestPolicy();
    const indexer = await daemons.started({ roles: INDEXER }, undefined, policy);
    const node = await daemons.started({ indexerAddresses: [daemons.seedOf(indexer)] });
    const { self } = node.context;
    await daemons.pass(25_000);
    policy.set(self, 'unreachable');
    await daemons.pass(250);
    expect(indexer.context.overlay.isConnected(self)).toBe(false);
    expect(indexer.indexer?.agent.table.has(self)).toBe(true);
    await daemons.pass(40_000);
    expect(node.pool.healthyCount).toBe(0);
    policy.set(self, 'allowed');
    await daemons.pass(120_000);
    expect(node.pool.healthyCount).toBe(1);
    expect(node.pool.quarantined()).toEqual([]);
  });
});

describe('indexers that a registry names', () => {
  it('are taken as others are, without the privilege of a seed', async () => {
    const daemons = new Daemons();
    const indexer = await daemons.started({ roles: INDEXER });
    const node = await daemons.started({});
    await daemons.pass(1_000);
    expect(node.pool.size).toBe(0);
    node.nameIndexers([daemons.seedOf(indexer)]);
    await daemons.pass(5_000);
    expect(node.pool.entry(indexer.context.self)).toMatchObject({ isHealthy: true, isSeed: false });
    expect(node.context.settings.indexerAddresses).toEqual(DEFAULT_SETTINGS.indexerAddresses);
  });

  it('are the way back from isolation, those that were named last', async () => {
    const daemons = new Daemons();
    const [gone, late] = [daemons.make({ roles: INDEXER }), daemons.make({ roles: INDEXER })];
    const node = await daemons.started({});
    node.nameIndexers([daemons.seedOf(gone)]);
    await daemons.pass(60_000);
    expect(node.pool.healthyCount).toBe(0);
    await late.start();
    node.nameIndexers([daemons.seedOf(late), { ID: node.context.self, Addrs: ['/ip4/127.0.0.1/tcp/1'] }]);
    await daemons.pass(120_000);
    expect(node.pool.entry(late.context.self)?.isHealthy).toBe(true);
    expect(node.pool.has(node.context.self)).toBe(false);
  });

  it('do not fill a pool over its size, and none is taken after the end', async () => {
    const daemons = new Daemons();
    const indexers = await Promise.all(
      Array.from({ length: 12 }, async () => await daemons.started({ roles: INDEXER })),
    );
    const node = await daemons.started({ maxIndexer: 3 });
    node.nameIndexers(indexers.map((indexer) => daemons.seedOf(indexer)));
    await daemons.pass(30_000);
    expect(node.pool.size).toBe(3);
    const stopped = node.stop();
    await daemons.pass(4_000);
    await stopped;
    node.nameIndexers(indexers.map((indexer) => daemons.seedOf(indexer)));
    await daemons.pass(1_000);
  });
});
