import { describe, expect, it } from 'vitest';
import { ProvideLoop } from '../../src/dht/provide-loop.ts';
import { INDEXERS_CID } from '../../src/records/provider-key.ts';
import { TestFleet } from '../support/members.ts';

async function setUp(addresses?: readonly string[], settings: object = {}) {
  const fleet = new TestFleet();
  const indexer = fleet.member({ roles: { node: false, indexer: true }, ...settings });
  const listening = { addresses };
  const own = indexer.overlay.addresses.bind(indexer.overlay);
  indexer.overlay.addresses = () => listening.addresses ?? own();
  await indexer.overlay.dht.start('server');
  const provided: string[] = [];
  const { dht } = indexer.overlay;
  dht.provide = async (cid) => void provided.push(cid);
  return { fleet, indexer, provided, listening, loop: new ProvideLoop(indexer) };
}

describe('ProvideLoop', () => {
  it('joins through the seeds, provides the CID at once and then each minute', async () => {
    const { fleet, indexer, provided, loop } = await setUp();
    const order: string[] = [];
    const { dht } = indexer.overlay;
    dht.bootstrap = async () => void order.push(`bootstrap, ${provided.length} provided`);
    expect(loop.hasProvided).toBe(false);
    loop.start();
    await fleet.settle();
    expect(provided).toEqual([INDEXERS_CID]);
    expect(order).toEqual(['bootstrap, 0 provided']);
    expect(loop.hasProvided).toBe(true);
    await fleet.pass(59_999);
    expect(provided).toHaveLength(1);
    await fleet.pass(1);
    expect(provided).toHaveLength(2);
  });

  it('DEF-46: any usable address will do, not only the last one', async () => {
    const { fleet, provided, loop } = await setUp(['/ip4/198.51.100.1/tcp/1', '/ip4/127.0.0.1/tcp/1']);
    loop.start();
    await fleet.settle();
    expect(provided).toHaveLength(1);
  });

  it('DEF-46: no loopback address will do, not only 127.0.0.1, unless they are allowed', async () => {
    const { fleet, provided, listening, loop } = await setUp(['/ip4/127.1.2.3/tcp/1', '/ip6/::1/tcp/1']);
    loop.start();
    await fleet.pass(9_999);
    expect(provided).toHaveLength(0);
    listening.addresses = ['/ip4/198.51.100.1/tcp/1'];
    await fleet.pass(1);
    expect(provided).toHaveLength(1);
    const local = await setUp(['/ip4/127.0.0.1/tcp/1'], { allowLoopback: true });
    local.loop.start();
    await local.fleet.settle();
    expect(local.provided).toHaveLength(1);
  });

  it('goes on without an address after 12 looks', async () => {
    const { fleet, provided, loop } = await setUp([]);
    loop.start();
    await fleet.pass(55_000, 5_000);
    await fleet.pass(4_999);
    expect(provided).toHaveLength(0);
    await fleet.pass(1);
    expect(provided).toHaveLength(1);
  });

  it('tries again soon until it has worked once, then a minute after a failure, and says so', async () => {
    const { fleet, indexer, loop } = await setUp();
    indexer.overlay.dht.provide = async () => {
      throw new Error('nobody');
    };
    loop.start();
    await fleet.settle();
    expect(loop.hasProvided).toBe(false);
    indexer.overlay.dht.provide = async () => {};
    await fleet.pass(5_000);
    expect(loop.hasProvided).toBe(true);
    indexer.overlay.dht.provide = async () => {
      throw new Error('nobody');
    };
    await fleet.pass(60_000);
    await fleet.pass(55_000);
    expect(indexer.happened).toEqual([
      { topic: 'dht.provided', payload: { ok: false } },
      { topic: 'dht.provided', payload: { ok: true } },
      { topic: 'dht.provided', payload: { ok: false } },
    ]);
  });

  it('DEF-45: ends with the daemon, wherever it is', async () => {
    const waiting = await setUp([]);
    waiting.loop.start();
    await waiting.fleet.settle();
    waiting.indexer.controller.abort();
    await waiting.fleet.pass(120_000);
    expect(waiting.provided).toHaveLength(0);
    const running = await setUp();
    running.loop.start();
    await running.fleet.settle();
    running.indexer.controller.abort();
    await running.fleet.pass(120_000);
    expect(running.provided).toHaveLength(1);
  });
});
