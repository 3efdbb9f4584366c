import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fileStorage } from '../../src/index.ts';
import type { Storage, StorageFile } from '../../src/index.ts';
import { FaultStorage, MemoryStorage, seededRandom } from '../../src/testing/index.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function onDisk(): Promise<{ storage: Storage; root: string }> {
  const root = await mkdtemp(join(tmpdir(), 'muster-storage-'));
  cleanups.push(() => rm(root, { recursive: true, force: true }));
  return { storage: fileStorage, root };
}

async function inMemory(storage: Storage): Promise<{ storage: Storage; root: string }> {
  await storage.makeDirectory('/disk');
  return { storage, root: '/disk' };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

async function fileWith(storage: Storage, path: string, content: string): Promise<StorageFile> {
  const file = await storage.open(path, 'create');
  await file.write(0, Buffer.from(content));
  return file;
}

async function contentOf(storage: Storage, path: string): Promise<string> {
  const file = await storage.open(path, 'read');
  try {
    return text(await file.read(0, 10_000));
  } finally {
    await file.close();
  }
}

describe.each([
  ['fileStorage', onDisk],
  ['MemoryStorage', () => inMemory(new MemoryStorage())],
  ['FaultStorage', () => inMemory(new FaultStorage())],
])('%s', (_name, make) => {
  it('creates a file once, and opens only what is there', async () => {
    const { storage, root } = await make();
    const path = `${root}/file`;
    await expect(storage.open(path, 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(storage.open(path, 'write')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(storage.open(`${root}/none/file`, 'create')).rejects.toMatchObject({ code: 'ENOENT' });
    const file = await storage.open(path, 'create');
    expect(await file.size()).toBe(0);
    await file.close();
    await expect(storage.open(path, 'create')).rejects.toMatchObject({ code: 'EEXIST' });
  });

  it('reads what was written, with zeros where nothing was, and no further than the end', async () => {
    const { storage, root } = await make();
    const file = await fileWith(storage, `${root}/file`, 'abcdef');
    await file.write(8, Buffer.from('xy'));
    await file.write(2, Buffer.from('CD'));
    expect(text(await file.read(0, 100))).toBe('abCDef\0\0xy');
    expect(text(await file.read(4, 3))).toBe('ef\0');
    expect(await file.read(50, 5)).toHaveLength(0);
    const target = Buffer.alloc(4, '-');
    expect(await file.readInto(8, target)).toBe(2);
    expect(target.toString()).toBe('xy--');
    expect(await file.size()).toBe(10);
    await file.sync();
    await file.close();
  });

  it('cuts and extends', async () => {
    const { storage, root } = await make();
    const file = await fileWith(storage, `${root}/file`, 'abcdef');
    await file.truncate(3);
    expect(await file.size()).toBe(3);
    await file.truncate(5);
    expect(text(await file.read(0, 100))).toBe('abc\0\0');
    await file.close();
  });

  it('refuses to write to a file that was opened for reading', async () => {
    const { storage, root } = await make();
    await (await fileWith(storage, `${root}/file`, 'abc')).close();
    const file = await storage.open(`${root}/file`, 'read');
    await expect(file.write(0, Buffer.from('x'))).rejects.toThrow();
    await expect(file.truncate(0)).rejects.toThrow();
    expect(text(await file.read(0, 10))).toBe('abc');
    await file.close();
  });

  it('renames, also over another file, which an open reader keeps', async () => {
    const { storage, root } = await make();
    await (await fileWith(storage, `${root}/a`, 'new')).close();
    await (await fileWith(storage, `${root}/b`, 'old')).close();
    const reader = await storage.open(`${root}/b`, 'read');
    await storage.rename(`${root}/a`, `${root}/b`);
    await storage.syncDirectory(root);
    expect(text(await reader.read(0, 10))).toBe('old');
    await reader.close();
    expect(await contentOf(storage, `${root}/b`)).toBe('new');
    await expect(storage.rename(`${root}/a`, `${root}/c`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('removes', async () => {
    const { storage, root } = await make();
    await (await fileWith(storage, `${root}/a`, 'x')).close();
    await storage.remove(`${root}/a`);
    await expect(storage.remove(`${root}/a`)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await storage.list(root)).toEqual([]);
  });

  it('makes directories with their parents, again and again, and lists in order', async () => {
    const { storage, root } = await make();
    await storage.makeDirectory(`${root}/d/e`);
    await storage.makeDirectory(`${root}/d/e`);
    await (await fileWith(storage, `${root}/c`, 'xyz')).close();
    await (await fileWith(storage, `${root}/d/f`, 'xyz')).close();
    await (await fileWith(storage, `${root}/Z`, '')).close();
    expect(await storage.list(root)).toEqual([
      { name: 'Z', kind: 'file', size: 0 },
      { name: 'c', kind: 'file', size: 3 },
      { name: 'd', kind: 'directory', size: 0 },
    ]);
    expect((await storage.list(`${root}/d`)).map((entry) => entry.name)).toEqual(['e', 'f']);
    await expect(storage.list(`${root}/none`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('keeps what it was given, whatever becomes of the buffer', async () => {
    const { storage, root } = await make();
    const buffer = Buffer.from('abc');
    const file = await storage.open(`${root}/file`, 'create');
    await file.write(0, buffer);
    buffer.fill('x');
    expect(text(await file.read(0, 3))).toBe('abc');
    await file.close();
  });
});

describe('FaultStorage', () => {
  async function prepared(): Promise<{ storage: FaultStorage; file: StorageFile }> {
    const storage = new FaultStorage();
    await storage.makeDirectory('/disk');
    const file = await fileWith(storage, '/disk/file', 'durable');
    await file.sync();
    await storage.syncDirectory('/disk');
    return { storage, file };
  }

  it('after a crash has what was synced, and of the rest what the crash leaves', async () => {
    const cases = [
      { mode: { data: 'lost', names: 'kept' }, content: 'durable' },
      { mode: { data: 'kept', names: 'kept' }, content: 'dURABle' },
      { mode: { data: 'torn', tornBytes: 2, names: 'kept' }, content: 'dURable' },
      { mode: { data: 'torn', tornBytes: 2, tornEnd: true, names: 'kept' }, content: 'durABle' },
    ] as const;
    for (const { mode, content } of cases) {
      const { storage, file } = await prepared();
      await file.write(1, Buffer.from('URAB'));
      const after = storage.crash(mode);
      expect(await contentOf(after, '/disk/file')).toBe(content);
      await expect(file.write(0, Buffer.from('x'))).rejects.toMatchObject({ code: 'EIO' });
    }
  });

  it('reorders by sectors', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const { storage, file } = await prepared();
      await file.write(0, Buffer.alloc(1024, 'n'));
      const after = storage.crash({ data: 'reordered', names: 'kept', random: seededRandom(seed) });
      const content = await contentOf(after, '/disk/file');
      seen.add(`${content.slice(0, 3)}${content.length}`);
    }
    expect([...seen].sort()).toEqual(['dur1024', 'dur7', 'nnn1024', 'nnn512']);
  });

  it('forgets names that no directory sync has covered, when the crash is of that kind', async () => {
    const { storage } = await prepared();
    await storage.rename('/disk/file', '/disk/other');
    expect((await storage.crash({ data: 'lost', names: 'lost' }).list('/disk')).map((e) => e.name)).toEqual([
      'file',
    ]);
    const again = await prepared();
    await again.storage.rename('/disk/file', '/disk/other');
    const kept = again.storage.crash({ data: 'lost', names: 'kept' });
    expect((await kept.list('/disk')).map((entry) => entry.name)).toEqual(['other']);
  });

  it('fails the change it was told to, once; a failed write may be there in part', async () => {
    const { storage, file } = await prepared();
    storage.inject({ at: storage.changes + 1, code: 'ENOSPC', writtenBytes: 2 });
    await expect(file.write(0, Buffer.from('ABCD'))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(text(await file.read(0, 10))).toBe('ABrable');
    await file.write(0, Buffer.from('Z'));
    expect(storage.failed.map((change) => change.kind)).toEqual(['write']);
  });

  it('never makes durable what a failed sync has lost, unless it is written again', async () => {
    const { storage, file } = await prepared();
    await file.write(0, Buffer.from('DU'));
    storage.inject({ at: storage.changes + 1, code: 'EIO' });
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' });
    await file.write(3, Buffer.from('A'));
    await file.sync();
    expect(await contentOf(storage, '/disk/file')).toBe('DUrAble');
    expect(await contentOf(storage.crash({ data: 'lost', names: 'lost' }), '/disk/file')).toBe('durAble');
  });

  it('rebuilds the disk as it was after any change', async () => {
    const { storage, file } = await prepared();
    const before = storage.journal.length;
    await file.write(0, Buffer.from('XY'));
    await storage.remove('/disk/file');
    expect(text(storage.diskAfter(before).contents('/disk/file') ?? new Uint8Array())).toBe('durable');
    expect(text(storage.diskAfter(before + 1).contents('/disk/file') ?? new Uint8Array())).toBe('XYrable');
    expect(storage.diskAfter(before + 2).contents('/disk/file')).toBeUndefined();
  });
});
