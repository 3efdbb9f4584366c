import { describe, expect, it } from 'vitest';
import { happened, PoolFleet, type ScriptedIndexer } from '../support/pool-fleet.ts';

describe("the node's bandwidth probe (24.4)", () => {
  it('runs at every fifteenth answer, and is compared with the median of the earlier ones', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    indexer.fillRate = 0.03;
    const node = await fleet.node({ seeds: [indexer.info] });
    await fleet.pass(960, 2_000);
    expect(happened(node, 'bandwidth.probed').length).toBe(Math.floor(indexer.heartbeats.length / 15));
    const verdicts = () => happened(node, 'evidence').filter(({ kind }) => kind === 'bandwidth');
    expect(verdicts().map(({ isGood }) => isGood)).toEqual([true, true]);
    fleet.members.network.echoMs = 40;
    await fleet.pass(320, 2_000);
    expect(verdicts().at(-1)?.['isGood']).toBe(false);
  });

  it('is no evidence when it is not served', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    indexer.fillRate = 0.03;
    const node = await fleet.node({ seeds: [indexer.info] });
    node.member.overlay.echo = async () => {
      throw new Error('not served');
    };
    await fleet.pass(660, 2_000);
    expect(happened(node, 'bandwidth.probed')).toContainEqual({ peer: indexer.peer, ok: false });
    expect(happened(node, 'evidence').filter(({ kind }) => kind === 'bandwidth')).toEqual([]);
  });
});
