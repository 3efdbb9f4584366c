import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordingLogger } from '@muster/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FilePeerStore } from '../../../src/stores/adapters/file-peer-store.ts';
import { RELATIONS } from '../../../src/stores/peer-store.ts';
import { storedPeer } from '../../support/stored-peer.ts';
import { peerRecordVector } from '../../records/vectors.ts';

let folder: string;
let path: string;
const open: FilePeerStore[] = [];

async function openStore(options: Parameters<typeof FilePeerStore.open>[1] = {}): Promise<FilePeerStore> {
  const store = await FilePeerStore.open(path, options);
  open.push(store);
  return store;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-peers-'));
  path = join(folder, 'data', 'peers.json');
});

afterEach(async () => {
  await Promise.all(open.splice(0).map(async (store) => store.close()));
  await rm(folder, { recursive: true });
});

describe('FilePeerStore', () => {
  it('keeps peers over a restart, in a file for the owner only', async () => {
    const store = await openStore();
    expect(store.list()).toEqual([]);
    const self = storedPeer(1, { relation: RELATIONS.SELF, record: peerRecordVector.record });
    await Promise.all([store.upsert(self), store.upsert(storedPeer(2)), store.upsert(storedPeer(3))]);
    await store.close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'data'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(folder, 'data'))).toEqual(['peers.json']);
    const again = await openStore();
    expect(again.self()).toEqual(self);
    expect(again.findByPeerId(storedPeer(2).peer_id)).toEqual(storedPeer(2));
    expect(again.get('did-3')).toEqual(storedPeer(3));
  });

  it('can be read before it is written', async () => {
    const store = await openStore();
    const written = store.upsert(storedPeer(1));
    expect(store.get('did-1')).toEqual(storedPeer(1));
    await written;
  });

  it('hears of what another program writes, and of nothing twice', async () => {
    const [here, there] = [await openStore(), await openStore()];
    const heard: string[] = [];
    here.watch(({ id, relation }) => void heard.push(`${id} ${relation}`));
    await here.upsert(storedPeer(1));
    await there.upsert(storedPeer(2));
    await there.upsert(storedPeer(1, { relation: RELATIONS.BLACKLIST }));
    await expect.poll(() => here.get('did-1')?.relation, { timeout: 10_000 }).toBe(RELATIONS.BLACKLIST);
    expect(here.get('did-2')).toEqual(storedPeer(2));
    expect(heard.filter((each) => each === 'did-1 3')).toHaveLength(1);
    expect(heard.filter((each) => each === 'did-2 0')).toHaveLength(1);
    await rm(path);
    await expect.poll(() => here.list().length, { timeout: 10_000 }).toBe(0);
  });

  it('loses no write of two programs that write at once', async () => {
    const [here, there] = [await openStore(), await openStore()];
    const writes: Promise<void>[] = [];
    for (let number = 0; number < 40; number++) {
      writes.push((number % 2 === 0 ? here : there).upsert(storedPeer(number)));
      // Some writes of their own, some together.
      if (number % 5 === 0) await writes.at(-1);
    }
    await Promise.all(writes);
    expect((await openStore()).list()).toHaveLength(40);
  });

  it.each([
    ['no JSON', '{"format":"muster-peers/1","peers":['],
    ['empty', ''],
    ['of another program', '{"format":"other","peers":[]}'],
    ['with a peer that is none', '{"format":"muster-peers/1","peers":[{"id":"x"}]}'],
    [
      'with an unknown relation',
      JSON.stringify({ format: 'muster-peers/1', peers: [{ ...storedPeer(1), relation: 9 }] }),
    ],
  ])('refuses a file that is %s, and leaves it alone', async (_, text) => {
    const store = await openStore();
    await store.upsert(storedPeer(1));
    await store.close();
    await writeFile(path, text);
    await expect(openStore()).rejects.toMatchObject({ code: 'STORE_INVALID' });
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  it('keeps what it had while the file is damaged, says so once, and writes nothing', async () => {
    const logger = recordingLogger();
    const { entries } = logger;
    const store = await openStore({ logger });
    await store.upsert(storedPeer(1));
    const good = await readFile(path, 'utf8');
    await writeFile(path, 'damaged');
    await expect.poll(() => entries.length, { timeout: 10_000 }).toBe(1);
    await expect(store.upsert(storedPeer(2))).rejects.toMatchObject({ code: 'STORE_INVALID' });
    expect(store.get('did-1')).toEqual(storedPeer(1));
    expect(await readFile(path, 'utf8')).toBe('damaged');
    await writeFile(path, good);
    await store.upsert(storedPeer(3));
    expect(entries).toHaveLength(1);
    expect((await openStore()).list().map(({ id }) => id)).toEqual(['did-1', 'did-3']);
  });

  it('breaks the lock of a program that has died, and not a fresh one', async () => {
    const store = await openStore();
    await store.upsert(storedPeer(1));
    const lock = `${path}.lock`;
    await writeFile(lock, '');
    let isWritten = false;
    const written = store.upsert(storedPeer(2)).then(() => {
      isWritten = true;
    });
    // A few attempts are made in the time that another program needs for its own write.
    const other = await FilePeerStore.open(join(folder, 'other.json'));
    open.push(other);
    await other.upsert(storedPeer(9));
    expect(isWritten).toBe(false);
    await utimes(lock, 0, 0);
    await written;
    await expect(stat(lock)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('says when it cannot write', async () => {
    path = join(folder, 'file', 'peers.json');
    await writeFile(join(folder, 'file'), '');
    await expect(openStore()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    path = join(folder, 'data', 'peers.json');
    const store = await openStore();
    await writeFile(join(folder, 'data'), '');
    await expect(store.upsert(storedPeer(1))).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });
});
