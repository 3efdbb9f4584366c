import { fork } from 'node:child_process';
import { readFile, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { recordingLogger } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/content-key.ts';
import { StoreLayout } from '../../src/store/layout.ts';
import { MemoryFiles } from '../../src/store/memory-files.ts';
import { collect, patternBytes, putObject, readObject } from '../support/store-contract.ts';
import { diskStore, memoryStore, temporaryFolder } from '../support/stores.ts';

describe('on the disk', () => {
  it('puts objects where the layout says, with the modes that others may read', async () => {
    const folder = await temporaryFolder();
    const store = await diskStore(folder);
    const { digest } = await putObject(store, 'hello');
    const path = new StoreLayout(folder).pathOf(digest);
    expect(await readFile(path, 'utf8')).toBe('hello');
    expect((await stat(path)).mode & 0o777).toBe(0o644);
    expect((await stat(join(folder, 'blobs'))).mode & 0o777).toBe(0o755);
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
  });

  it('is found again after a restart, in order of modification', async () => {
    const folder = await temporaryFolder();
    const first = await diskStore(folder);
    const digests = [];
    for (const [index, content] of ['one', 'two', 'three'].entries()) {
      const { digest } = await putObject(first, content);
      await utimes(new StoreLayout(folder).pathOf(digest), 1_000 - index, 1_000 - index);
      digests.push(digest);
    }
    await writeFile(join(folder, 'blobs', 'sha256', 'stranger'), 'x');
    await writeFile(join(folder, 'tmp', 'left.partial'), 'x');
    await first.close();
    const store = await diskStore(folder);
    expect([...store.inventory()].map(({ digest }) => digest)).toEqual(digests);
    expect(await readObject(store, digests[2] as `sha256:${string}`)).toEqual(Buffer.from('three'));
    expect(await readdir(join(folder, 'blobs', 'sha256'))).not.toContain('stranger');
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
  });

  it('belongs to one process at a time', async () => {
    const folder = await temporaryFolder();
    const first = await diskStore(folder);
    expect(await readFile(join(folder, '.lock'), 'utf8')).toBe(`${process.pid}\n`);
    await expect(diskStore(folder)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      details: { pid: process.pid },
    });
    await first.close();
    await (await diskStore(folder)).close();
  });

  it('shows nothing of a process that was killed while it wrote, and is free at once', async () => {
    const folder = await temporaryFolder();
    const child = fork(join(import.meta.dirname, '../support/store-writer-process.ts'), [folder], {
      execArgv: ['--conditions=muster-source'],
    });
    const committed = await new Promise<string>((resolve, reject) => {
      child.once('message', (message) => resolve(String(message)));
      child.once('exit', (code) => reject(new Error(`the writer ended with ${code}`)));
    });
    await expect.poll(async () => partialBytes(folder)).toBeGreaterThan(1_000_000);
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    const store = await diskStore(folder);
    expect([...store.inventory()].map(({ digest }) => digest)).toEqual([committed]);
    expect((await readObject(store, digestOf('whole'))).toString()).toBe('whole');
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
  });

  it('notices files that vanish or change their size behind its back', async () => {
    const folder = await temporaryFolder();
    const clock = new ManualClock();
    const store = await diskStore(folder, { clock });
    const layout = new StoreLayout(folder);
    const gone = (await putObject(store, 'gone')).digest;
    const cut = (await putObject(store, 'cut off')).digest;
    await rm(layout.pathOf(gone));
    await truncate(layout.pathOf(cut), 3);
    expect(await store.has(gone)).toBe(true);
    clock.advance(60_000);
    expect(await store.has(gone)).toBe(false);
    await expect(store.open(cut)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
    expect([...store.inventory()]).toEqual([]);
    await expect(stat(layout.pathOf(cut))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('makes shards again when somebody has emptied the folder', async () => {
    const folder = await temporaryFolder();
    const store = await diskStore(folder);
    await putObject(store, 'hello');
    await rm(join(folder, 'blobs', 'sha256'), { recursive: true });
    await expect(putObject(store, 'hello')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await putObject(store, 'hello');
    expect((await readObject(store, digestOf('hello'))).toString()).toBe('hello');
  });

  it('holds a bounded part of an object in memory, and closes what is left early', async () => {
    const store = await diskStore(await temporaryFolder(), { options: { budgetBytes: 100_000_000 } });
    const { digest } = await putObject(store, patternBytes(20_000_000));
    const { body } = await store.open(digest);
    for await (const chunk of body) {
      expect(chunk.length).toBeLessThanOrEqual(524_288);
      break;
    }
    const unread = await store.open(digest);
    await unread.body[Symbol.asyncIterator]().return?.();
    expect(store.stats().openReaders).toBe(0);
  });
});

async function partialBytes(folder: string): Promise<number> {
  let total = 0;
  for (const name of await readdir(join(folder, 'tmp')))
    total += (await stat(join(folder, 'tmp', name))).size;
  return total;
}

describe('a disk that fails', () => {
  const failing = ['create', 'write', 'sync', 'rename', 'makeDirectory', 'syncDirectory'] as const;

  it.each(failing)('at %s is unavailable, and nothing of the object is left', async (operation) => {
    const { store, files } = await memoryStore();
    files.beforeEach = (called) => {
      if (called === operation) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    await expect(putObject(store, 'hello')).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      details: { errno: 'EIO' },
    });
    files.beforeEach = () => {};
    expect(files.paths).toEqual([]);
    expect(await store.has(digestOf('hello'))).toBe(false);
    await putObject(store, 'hello');
    expect((await readObject(store, digestOf('hello'))).toString()).toBe('hello');
  });

  it('cannot say whether it has an object', async () => {
    const { store, files, clock } = await memoryStore();
    const { digest } = await putObject(store, 'hello');
    files.beforeEach = () => {
      throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    clock.advance(60_000);
    await expect(store.has(digest)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await expect(store.open(digest)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    files.beforeEach = () => {};
    expect(await store.has(digest)).toBe(true);
  });

  it('in the middle of a read ends the read with an error', async () => {
    const { store, files } = await memoryStore();
    const { digest } = await putObject(store, patternBytes(2_000_000));
    const { body } = await store.open(digest);
    let reads = 0;
    files.beforeEach = (operation) => {
      if (operation === 'read') reads += 1;
      if (reads > 2) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    await expect(collect(body)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(store.stats().openReaders).toBe(0);
  });

  it('is full in the middle of an object', async () => {
    const { store, files } = await memoryStore({ capacityBytes: 1_000_000 });
    const content = patternBytes(1_500_000);
    const writer = await store.writer(digestOf(content));
    await writer.write(content.subarray(0, 900_000));
    await expect(writer.write(content.subarray(900_000))).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      details: { errno: 'ENOSPC' },
    });
    expect(files.usedBytes).toBe(0);
  });

  it('has lost after a crash what was not committed, and nothing that was', async () => {
    const { store, files, clock } = await memoryStore();
    await putObject(store, 'hello');
    const writer = await store.writer(digestOf('unfinished'));
    await writer.write(Buffer.from('unfin'));
    files.crash();
    const again = await memoryStore({ files, clock });
    expect([...again.store.inventory()].map(({ digest }) => digest)).toEqual([digestOf('hello')]);
    expect(files.paths).toHaveLength(1);
  });
});

describe('a commit', () => {
  it('syncs bytes, then the name, before anything is visible', async () => {
    const { store, files, happened } = await memoryStore();
    await putObject(store, 'hello');
    const operations: string[] = [];
    files.beforeEach = (operation, path) => {
      if (/sync|rename/i.test(operation))
        operations.push(`${operation} ${path.split('/').at(-1)?.slice(0, 2)}`);
      expect(happened).toHaveLength(1);
    };
    await Promise.all([putObject(store, 'hello'), store.has(digestOf('x'))]);
    expect(operations.map((line) => line.replace(/ .*/, ''))).toEqual(['sync', 'rename', 'syncDirectory']);
    expect(operations[2]).toBe('syncDirectory 2c');
  });

  it('is not undone by a look that began before it', async () => {
    const gate = Promise.withResolvers<void>();
    class SlowFiles extends MemoryFiles {
      override async stat(path: string): ReturnType<MemoryFiles['stat']> {
        const facts = await super.stat(path);
        await gate.promise;
        return facts;
      }
    }
    const clock = new ManualClock();
    const files = new SlowFiles({ now: () => clock.now() });
    const { store } = await memoryStore({ clock, files });
    const { digest } = await putObject(store, 'hello');
    files.put(new StoreLayout('/cache').pathOf(digest), undefined);
    clock.advance(60_000);
    const look = store.has(digest);
    await putObject(store, 'hello');
    gate.resolve();
    await look;
    expect((await readObject(store, digest)).toString()).toBe('hello');
  });
});

describe('room', () => {
  it('is made before an object comes, by the least recently used ones', async () => {
    const { store, happened } = await memoryStore({
      capacityBytes: 5_000_000,
      options: { headroomPercent: 10 },
    });
    for (const seed of [1, 2, 3]) await putObject(store, patternBytes(1_000_000, seed));
    await store.settled();
    const writer = await store.writer(digestOf('x'), { size: 2_000_000 });
    expect(happened).toEqual([
      'committed 1000000',
      'committed 1000000',
      'committed 1000000',
      'forced 1000000',
    ]);
    await writer.abort();
  });

  it('that cannot be made is not made at the cost of what is here', async () => {
    const { store } = await memoryStore({ capacityBytes: 5_000_000 });
    await putObject(store, patternBytes(1_000_000));
    await expect(store.writer(digestOf('x'), { size: 5_000_001 })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
    expect(store.stats().objects).toBe(1);
  });

  it('is not promised twice', async () => {
    const { store } = await memoryStore({ capacityBytes: 5_000_000 });
    const first = await store.writer(digestOf('x'), { size: 3_000_000 });
    await expect(store.writer(digestOf('y'), { size: 3_000_000 })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
    await first.abort();
    await store.writer(digestOf('y'), { size: 3_000_000 });
  });

  it('is made down to 95 % of the budget, by objects that are not rare', async () => {
    const { store } = await memoryStore({ options: { budgetBytes: 1_000 } });
    for (let seed = 1; seed <= 11; seed += 1) await putObject(store, patternBytes(95, seed));
    await store.settled();
    expect(store.stats().usedBytes).toBe(950);
    await putObject(store, patternBytes(60, 99));
    await store.settled();
    expect(store.stats().usedBytes).toBe(915);
  });

  it('is looked for every 60 s once the store was started', async () => {
    const { store, clock } = await memoryStore({ options: { budgetBytes: 100 } });
    let count = 1;
    store.start({ providers: async () => count, clusterSize: () => 10 });
    for (const seed of [1, 2, 3]) await putObject(store, patternBytes(50, seed));
    await store.settled();
    expect(store.stats().usedBytes).toBe(150);
    count = 5;
    clock.advance(60_000);
    await expect.poll(() => store.stats().usedBytes).toBe(50);
    await store.close();
  });
});

describe('verification', () => {
  const corrupt = async (verifyOnStart: 'background' | 'full' | 'off') => {
    const { store: before, files, clock } = await memoryStore();
    const good = (await putObject(before, patternBytes(3_000_000, 1))).digest;
    const bad = (await putObject(before, patternBytes(3_000_000, 2))).digest;
    await before.close();
    files.put(new StoreLayout('/cache').pathOf(bad), patternBytes(3_000_000, 3));
    const logger = recordingLogger();
    return {
      ...(await memoryStore({ files, clock, logger, options: { verifyOnStart } })),
      good,
      bad,
      logger,
    };
  };

  it('at start removes what is corrupt', async () => {
    const { store, happened, good } = await corrupt('full');
    expect([...store.inventory()].map(({ digest }) => digest)).toEqual([good]);
    expect(happened).toEqual(['corrupt 3000000']);
  });

  it('in the background is slower than 50 MiB a second', async () => {
    const { store, clock, good } = await corrupt('background');
    const startedAt = clock.now();
    store.start();
    const done = async (): Promise<boolean> => {
      clock.advance(1);
      return [...store.inventory()].length === 1;
    };
    await expect.poll(done, { interval: 1, timeout: 20_000 }).toBe(true);
    expect(await store.has(good)).toBe(true);
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(40);
    await store.close();
  });

  it('in the background waits while the store is in use, and ends with it', async () => {
    const { store, clock } = await corrupt('background');
    const writer = await store.writer(digestOf('x'));
    store.start();
    for (let turn = 0; turn < 50; turn += 1) {
      clock.advance(1_000);
      await Promise.resolve();
    }
    expect([...store.inventory()]).toHaveLength(2);
    await writer.abort();
    await store.close();
  });

  it('can be off', async () => {
    const { store } = await corrupt('off');
    store.start();
    expect([...store.inventory()]).toHaveLength(2);
    await store.close();
    await expect(store.writer(digestOf('x'))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
