import { afterEach, describe, expect, it } from 'vitest';
import { RELATIONS } from '../src/stores/peer-store.ts';
import { PROTOCOLS } from '../src/wire/protocols.ts';
import { Daemons } from './support/daemons.ts';

const INDEXER = { node: false, indexer: true } as const;
const BOTH = { node: true, indexer: true } as const;

describe('DiscoveryDaemon', () => {
  let daemons = new Daemons();

  afterEach(async () => {
    const stopping = Promise.all(daemons.all.map(async (daemon) => daemon.stop()));
    await daemons.pass(4_000);
    await stopping;
    daemons = new Daemons();
  });

  it('lets nodes of different indexers find one another (TOPO-2)', async () => {
    const first = await daemons.started({ name: 'i1', roles: INDEXER });
    const second = await daemons.started({
      name: 'i2',
      roles: INDEXER,
      indexerAddresses: [daemons.seedOf(first)],
    });
    const alpha = await daemons.started({ name: 'alpha', indexerAddresses: [daemons.seedOf(first)] });
    const beta = await daemons.started({ name: 'beta', indexerAddresses: [daemons.seedOf(second)] });
    await daemons.pass(45_000);
    expect(alpha.isReady).toBe(true);
    expect(first.indexer?.agent.table.has(alpha.context.self)).toBe(true);

    const names: string[] = [];
    const searching = (async () => {
      for await (const hit of alpha.search.search('user', 'BET')) names.push(hit.name);
    })();
    await daemons.pass(8_000);
    await searching;
    expect(names).toEqual(['beta']);

    const lookup = alpha.lookup.getPeerRecord(beta.did);
    await daemons.pass(1_000);
    expect((await lookup).peer_id).toBe(beta.context.self);
  });

  it('can be found by name as soon as its first heartbeats are answered', async () => {
    const indexer = await daemons.started({ roles: INDEXER });
    const node = await daemons.started({ name: 'early', indexerAddresses: [daemons.seedOf(indexer)] });
    await daemons.pass(1_000);
    expect(indexer.indexer?.referenced.has(node.context.self)).toBe(true);
  });

  it('starts without any indexer, says that it is not ready, and recovers when one comes (DEF-20, DEF-91)', async () => {
    const indexer = daemons.make({ roles: INDEXER });
    const node = await daemons.started({ indexerAddresses: [daemons.seedOf(indexer)] });
    await daemons.pass(30_000);
    expect(node.notReadyReasons()).toEqual(['0 of at least 1 indexers are healthy']);
    await indexer.start();
    await daemons.pass(90_000);
    expect(node.isReady).toBe(true);
    expect(node.context.peers.self()?.peer_id).toBe(node.context.self);
  });

  it('an indexer without seeds becomes ready when it has announced itself (TOPO-5)', async () => {
    const indexer = await daemons.started({ roles: INDEXER });
    await daemons.pass(90_000);
    expect(indexer.isReady).toBe(true);
    expect(indexer.pool.size).toBe(0);
  });

  it('combined roles share one host and heartbeat one another, never themselves (TOPO-4, DEF-22)', async () => {
    const first = await daemons.started({ name: 'a', roles: BOTH });
    const seeds = [daemons.seedOf(first)];
    const others = [
      await daemons.started({ name: 'b', roles: BOTH, indexerAddresses: seeds }),
      await daemons.started({ name: 'c', roles: BOTH, indexerAddresses: seeds }),
    ];
    await daemons.pass(120_000);
    for (const daemon of [first, ...others]) {
      expect(daemon.pool.healthyCount).toBe(2);
      expect(daemon.pool.has(daemon.context.self)).toBe(false);
    }
  });

  it('a lone process with both roles finds the nodes that it indexes', async () => {
    const lone = await daemons.started({ name: 'lone', roles: BOTH });
    const node = await daemons.started({ name: 'guest', indexerAddresses: [daemons.seedOf(lone)] });
    await daemons.pass(30_000);
    const names: string[] = [];
    const searching = (async () => {
      for await (const hit of lone.search.search('user', 'guest')) names.push(hit.name);
    })();
    await daemons.pass(8_000);
    await searching;
    expect(names).toEqual(['guest']);
    const lookup = lone.lookup.getPeerRecord(node.context.self);
    await daemons.pass(1_000);
    expect((await lookup).name).toBe('guest');
  });

  it('registers no handler before the host and the DHT run (DEF-76, DEF-92)', async () => {
    const daemon = daemons.make({ roles: INDEXER });
    const { overlay } = daemon.context;
    const served: string[] = [];
    const handle = overlay.handle.bind(overlay);
    overlay.handle = (protocol, handler) => {
      served.push(`${protocol} ${overlay.dht.isStarted ? 'after' : 'before'} the DHT`);
      handle(protocol, handler);
    };
    await daemon.start();
    const gated = [
      PROTOCOLS.heartbeat,
      PROTOCOLS.publish,
      PROTOCOLS.get,
      PROTOCOLS.candidates,
      PROTOCOLS.search,
    ];
    for (const protocol of gated) expect(served).toContain(`${protocol} after the DHT`);
  });

  it('a DHT that cannot start fails the start with its reason and leaves nothing behind (DEF-89)', async () => {
    const daemon = daemons.make({ roles: INDEXER });
    const { overlay } = daemon.context;
    const failure = new Error('no table');
    overlay.dht.start = async () => {
      throw failure;
    };
    const starting = daemon.start();
    const rejected = expect(starting).rejects.toBe(failure);
    await daemons.pass(4_000);
    await rejected;
    expect(daemon.context.signal.aborted).toBe(true);
    expect(daemon.notReadyReasons()).toEqual(['stopping']);
  });

  it('a blacklisted peer is cut off at once, on both sides of the overlay (DEF-95)', async () => {
    const indexer = await daemons.started({ roles: INDEXER });
    const node = await daemons.started({ name: 'mallory', indexerAddresses: [daemons.seedOf(indexer)] });
    await daemons.pass(25_000);
    expect(indexer.indexer?.agent.table.has(node.context.self)).toBe(true);
    const self = node.context.peers.self();
    if (self === undefined) throw new Error('the node has not claimed its record');
    await indexer.context.peers.upsert({ ...self, relation: RELATIONS.BLACKLIST });
    await daemons.pass(1_000);
    expect(indexer.indexer?.agent.table.has(node.context.self)).toBe(false);
    expect(indexer.indexer?.referenced.has(node.context.self)).toBe(false);
    expect(indexer.context.overlay.isConnected(node.context.self)).toBe(false);
    await daemons.pass(60_000);
    expect(indexer.indexer?.agent.table.has(node.context.self)).toBe(false);
    expect(node.pool.healthyCount).toBe(0);
  });

  it('tells its nodes before it goes, and ends all loops (5.4, DEF-45, DEF-90)', async () => {
    const indexer = await daemons.started({ roles: INDEXER });
    const other = await daemons.started({ roles: INDEXER, indexerAddresses: [daemons.seedOf(indexer)] });
    const node = await daemons.started({
      indexerAddresses: [daemons.seedOf(indexer), daemons.seedOf(other)],
    });
    await daemons.pass(60_000);
    expect(node.pool.healthyCount).toBe(2);
    const stopping = indexer.stop();
    await daemons.pass(4_000);
    await stopping;
    expect(indexer.context.signal.aborted).toBe(true);
    await daemons.pass(60_000);
    expect(node.pool.entry(indexer.context.self)?.isHealthy ?? false).toBe(false);
    expect(node.pool.healthyCount).toBe(1);
  });
});
