import type { Storage } from '@muster/core';
import { FaultStorage, MemoryStorage } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { SeenPeersFile } from '../../src/indexer/seen-peers-file.ts';
import { testPeer } from '../support/identities.ts';

const PATH = '/data/seen.json';
const peers = [1, 2, 3].map((n) => ({ peer: testPeer(n), seenAt: 1_780_000_000_000 + n }));

async function storageWith(text?: string): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  await storage.makeDirectory('/data');
  if (text !== undefined) await write(storage, text);
  return storage;
}

async function write(storage: Storage, text: string): Promise<void> {
  const file = await storage.open(PATH, 'create');
  await file.write(0, new TextEncoder().encode(text));
  await file.close();
}

describe('the file of seen peers', () => {
  it('reads back what it saved last', async () => {
    const storage = await storageWith();
    const file = new SeenPeersFile(storage, PATH);
    expect(await file.load()).toEqual([]);
    await file.save(peers);
    await file.save(peers.slice(1));
    expect(await new SeenPeersFile(storage, PATH).load()).toEqual(peers.slice(1));
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"version":1,"peers":[["12D3'],
    ['another format', '{"version":2,"peers":[]}'],
    ['null', 'null'],
    ['no peer id', '{"version":1,"peers":[["me",1]]}'],
    ['no date', `{"version":1,"peers":[["${testPeer(1)}","now"]]}`],
    ['no pair', '{"version":1,"peers":[7]}'],
  ])('refuses %s as a whole', async (_, text) => {
    const file = new SeenPeersFile(await storageWith(text), PATH);
    await expect(file.load()).rejects.toMatchObject({ code: 'STORE_INVALID' });
    await file.save(peers);
    expect(await file.load()).toEqual(peers);
  });

  it('leaves the old file when a disk fails, and saves again later', async () => {
    // Removing an older try, creating, writing, syncing and renaming, one after the other.
    for (let at = 1; at <= 5; at++) {
      const storage = new FaultStorage();
      await storage.makeDirectory('/data');
      const file = new SeenPeersFile(storage, PATH);
      await file.save(peers);
      storage.inject({ at: storage.changes + at, code: 'ENOSPC' });
      await file.save([]).catch((error: unknown) => expect(error).toMatchObject({ code: 'ENOSPC' }));
      expect(storage.failed).toHaveLength(1);
      expect(await file.load()).toEqual(peers);
      await file.save([]);
      expect(await file.load()).toEqual([]);
    }
  });
});
