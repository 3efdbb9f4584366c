import { describe, expect, it } from 'vitest';
import { MemoryPeerStore } from '../../src/stores/memory-peer-store.ts';
import { RELATIONS } from '../../src/stores/peer-store.ts';
import { storedPeer } from '../support/stored-peer.ts';

describe('MemoryPeerStore', () => {
  it('finds peers by DID, peer id and relation, and ourselves', async () => {
    const store = new MemoryPeerStore([storedPeer(1), storedPeer(2, { relation: RELATIONS.SELF })]);
    await store.upsert(storedPeer(3, { relation: RELATIONS.BLACKLIST }));
    expect(store.get('did-1')).toEqual(storedPeer(1));
    expect(store.findByPeerId(storedPeer(3).peer_id)?.id).toBe('did-3');
    expect(store.self()?.id).toBe('did-2');
    expect(store.list().map(({ id }) => id)).toEqual(['did-1', 'did-2', 'did-3']);
    expect(store.list({ relation: RELATIONS.BLACKLIST }).map(({ id }) => id)).toEqual(['did-3']);
    expect(store.get('did-9')).toBeUndefined();
    expect(store.findByPeerId('nobody')).toBeUndefined();
  });

  it('has one peer for a peer id', async () => {
    const store = new MemoryPeerStore([storedPeer(1)]);
    await store.upsert({ ...storedPeer(1), id: 'did-new' });
    expect(store.get('did-1')).toBeUndefined();
    expect(store.findByPeerId(storedPeer(1).peer_id)?.id).toBe('did-new');
    await store.upsert({ ...storedPeer(2), id: 'did-new' });
    expect(store.findByPeerId(storedPeer(1).peer_id)).toBeUndefined();
    expect(store.list()).toHaveLength(1);
  });

  it('tells of every change until told to stop', async () => {
    const store = new MemoryPeerStore();
    const heard: string[] = [];
    const stop = store.watch(({ id, relation }) => void heard.push(`${id} ${relation}`));
    await store.upsert(storedPeer(1));
    await store.upsert(storedPeer(1, { relation: RELATIONS.BLACKLIST }));
    store.replaceAll([storedPeer(2)]);
    stop();
    await store.upsert(storedPeer(3));
    expect(heard).toEqual(['did-1 0', 'did-1 3', 'did-1 0', 'did-2 0']);
  });

  it('tells of nothing that has not changed, in whatever order its members are', () => {
    const store = new MemoryPeerStore([storedPeer(1)]);
    let changes = 0;
    store.watch(() => void (changes += 1));
    store.replaceAll([Object.fromEntries(Object.entries(storedPeer(1)).toReversed()) as never]);
    expect(changes).toBe(0);
  });

  it('bounds strangers, and never forgets a relation', async () => {
    const store = new MemoryPeerStore([], { maxStrangers: 3 });
    await store.upsert(storedPeer(0, { relation: RELATIONS.BLACKLIST }));
    for (let number = 1; number <= 10; number++) await store.upsert(storedPeer(number));
    await store.upsert(storedPeer(8, { name: 'seen again' }));
    await store.upsert(storedPeer(11));
    expect(store.list().map(({ id }) => id)).toEqual(['did-0', 'did-10', 'did-8', 'did-11']);
  });
});
