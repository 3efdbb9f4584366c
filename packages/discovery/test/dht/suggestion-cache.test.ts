import { describe, expect, it } from 'vitest';
import { SuggestionCache } from '../../src/dht/suggestion-cache.ts';
import type { IndexerRecord } from '../../src/wire/messages.ts';
import { testPeer } from '../support/identities.ts';
import { MapDirectory, TestFleet } from '../support/members.ts';

function setUp(size = 20) {
  const fleet = new TestFleet();
  const indexer = fleet.member({ roles: { node: false, indexer: true } });
  const directory = new MapDirectory();
  directory.found = [
    fleet.addrInfo(indexer),
    ...Array.from({ length: size }, (_, index) => ({
      ID: testPeer(100 + index),
      Addrs: [`/ip4/198.51.${index}.1/tcp/4001`],
    })),
  ];
  return { fleet, indexer, directory, cache: new SuggestionCache(indexer, directory) };
}

describe('SuggestionCache', () => {
  it('fills first after 30 s and then every 2 minutes, with 10, never itself', async () => {
    const { fleet, indexer, directory, cache } = setUp();
    cache.start();
    await fleet.pass(29_999);
    expect(cache.list()).toEqual([]);
    await fleet.pass(1);
    expect(cache.list()).toHaveLength(10);
    expect(cache.has(indexer.self)).toBe(false);
    directory.found = [{ ID: testPeer(200), Addrs: ['/ip4/203.0.113.1/tcp/1'] }];
    await fleet.pass(119_999);
    expect(cache.has(testPeer(200))).toBe(false);
    await fleet.pass(1);
    expect(cache.list()).toEqual(directory.found);
  });

  it('keeps the old ones when a refresh finds nobody', async () => {
    const { directory, cache } = setUp(2);
    await cache.refresh();
    expect(cache.list()).toHaveLength(2);
    directory.found = [];
    await cache.refresh();
    expect(cache.list()).toHaveLength(2);
  });

  it('leaves out the full ones that say so', async () => {
    const { directory, cache } = setUp(11);
    for (let index = 0; index < 11; index++) {
      const peer_id = testPeer(100 + index);
      const record = { peer_id, fill_rate: index === 3 ? 1 : 0.4 } as IndexerRecord;
      directory.indexerRecords.set(peer_id, record);
    }
    await cache.refresh();
    expect(cache.list()).toHaveLength(10);
    expect(cache.has(testPeer(103))).toBe(false);
  });

  it('drops who is blacklisted, at once', async () => {
    const { indexer, cache } = setUp();
    cache.start();
    await cache.refresh();
    const [first, second] = cache.list();
    indexer.events.publish('peer.blacklisted', { peer: first?.ID ?? '' });
    cache.drop(second?.ID ?? '');
    expect(cache.list()).toHaveLength(8);
  });

  it('DEF-45: the refresher ends with the daemon', async () => {
    const { fleet, indexer, cache } = setUp();
    cache.start();
    await fleet.settle();
    indexer.controller.abort();
    await fleet.pass(600_000);
    expect(cache.list()).toEqual([]);
  });
});
