import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/content-key.ts';
import { DownloadRegistry } from '../../src/downloads/download-registry.ts';
import type { Download, Feeder } from '../../src/parts.ts';
import type { ObjectKind } from '../../src/types.ts';
import { collect, patternBytes, readObject } from '../support/store-contract.ts';
import { memoryStore } from '../support/stores.ts';

const HOLDBACK = 65_536;
const MIB = 1_048_576;
const CONTENT = patternBytes(3 * MIB);

async function setUp(overrides: Parameters<typeof memoryStore>[0] = {}) {
  const parts = await memoryStore(overrides);
  const downloads = new DownloadRegistry({
    store: parts.store,
    timers: parts.clock,
    options: { holdbackBytes: HOLDBACK, verifyFirstMaxBytes: MIB },
  });
  const begin = async (content: Uint8Array, kind: ObjectKind = 'blob', size?: number) => {
    const download = await downloads.open(digestOf(content), {
      kind,
      ...(size === undefined ? {} : { size }),
    });
    return { download, feeder: feederOf(download) };
  };
  return { ...parts, downloads, begin };
}

function feederOf(download: Download): Feeder {
  const feeder = download.feed();
  if (feeder === undefined) throw new Error('somebody else feeds');
  return feeder;
}

/** A reader that notes what it has got, and how it ended. */
function watch(download: Download, range?: { readonly start: number; readonly end?: number }) {
  const chunks: Uint8Array[] = [];
  const seen = { bytes: 0, end: undefined as string | undefined, content: () => Buffer.concat(chunks) };
  const run = async (): Promise<void> => {
    for await (const chunk of download.read(range)) {
      chunks.push(chunk.slice());
      seen.bytes += chunk.length;
    }
  };
  const finished = run().then(
    () => void (seen.end = 'end'),
    (error: { code?: string }) => void (seen.end = error.code ?? 'error'),
  );
  return { seen, finished };
}

/** Lets everything run that can. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve();
}

describe('streaming with hold-back', () => {
  it('shows bytes as they come, but for the last 65,536 until the digest has matched', async () => {
    const { begin, store, downloads } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    const { seen, finished } = watch(download);
    feeder.setSize(CONTENT.length);
    feeder.setSource({ kind: 'peer', nodeId: 'n2' });
    expect(await download.whenSize()).toBe(CONTENT.length);
    await feeder.write(CONTENT.subarray(0, 1_000_000));
    await settle();
    expect(seen.bytes).toBe(1_000_000);
    expect(download).toMatchObject({ receivedBytes: 1_000_000, readers: 1, source: { nodeId: 'n2' } });
    await feeder.write(CONTENT.subarray(1_000_000));
    await settle();
    expect(seen.bytes).toBe(CONTENT.length - HOLDBACK);
    expect(await store.has(download.digest)).toBe(false);
    await feeder.complete();
    await finished;
    expect(seen.end).toBe('end');
    expect(seen.content().equals(CONTENT)).toBe(true);
    expect(await download.done).toEqual({ size: CONTENT.length });
    expect((await readObject(store, download.digest)).equals(CONTENT)).toBe(true);
    expect(downloads.list()).toEqual([]);
    expect(download.feed()).toBeUndefined();
  });

  it.each([
    ['a manifest', 'manifest', CONTENT],
    ['a small object', 'blob', CONTENT.subarray(0, MIB)],
  ] as const)('shows nothing of %s before the digest has matched', async (_name, kind, content) => {
    for (const isSizeKnown of [true, false]) {
      const { begin } = await setUp();
      const { download, feeder } = await begin(content, kind);
      const { seen, finished } = watch(download);
      if (isSizeKnown) feeder.setSize(content.length);
      await feeder.write(content);
      await settle();
      expect(seen.bytes).toBe(0);
      await feeder.complete();
      await finished;
      expect(seen.content().equals(content)).toBe(true);
    }
  });

  it('withholds the newest 65,536 bytes while the size is unknown', async () => {
    const { begin } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    const { seen, finished } = watch(download);
    await feeder.write(CONTENT.subarray(0, MIB));
    await settle();
    expect(seen.bytes).toBe(0);
    await feeder.write(CONTENT.subarray(MIB, MIB + 1));
    await settle();
    expect(seen.bytes).toBe(MIB + 1 - HOLDBACK);
    let size: number | undefined;
    const sized = download.whenSize().then((bytes) => (size = bytes));
    await feeder.write(CONTENT.subarray(MIB + 1));
    await settle();
    expect(seen.bytes).toBe(CONTENT.length - HOLDBACK);
    expect(size).toBeUndefined();
    await feeder.complete();
    await Promise.all([sized, finished]);
    expect(size).toBe(CONTENT.length);
    expect(seen.end).toBe('end');
  });

  it('does not take a hint for the size', async () => {
    const { begin, store } = await setUp();
    const { download, feeder } = await begin(CONTENT, 'blob', 9_000_000);
    const { seen, finished } = watch(download);
    await feeder.write(CONTENT);
    await settle();
    expect(seen.bytes).toBe(CONTENT.length - HOLDBACK);
    await feeder.complete();
    await finished;
    expect(await store.size(download.digest)).toBe(CONTENT.length);
  });

  it('serves ranges of what is here, and refuses those that are not in the object', async () => {
    const { begin } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    feeder.setSize(CONTENT.length);
    const middle = watch(download, { start: 100, end: 1_000_099 });
    const tail = watch(download, { start: CONTENT.length - 10 });
    const outside = watch(download, { start: CONTENT.length });
    await outside.finished;
    expect(outside.seen.end).toBe('RANGE_NOT_SATISFIABLE');
    await feeder.write(CONTENT.subarray(0, 2_000_000));
    await middle.finished;
    expect(middle.seen.content().equals(CONTENT.subarray(100, 1_000_100))).toBe(true);
    await feeder.write(CONTENT.subarray(2_000_000));
    await settle();
    expect(tail.seen.bytes).toBe(0);
    await feeder.complete();
    await tail.finished;
    expect(tail.seen.content().equals(CONTENT.subarray(-10))).toBe(true);
  });

  it('has the empty object', async () => {
    const { begin } = await setUp();
    const { download, feeder } = await begin(Buffer.alloc(0));
    const { seen, finished } = watch(download);
    feeder.setSize(0);
    await feeder.complete();
    await finished;
    expect(seen).toMatchObject({ bytes: 0, end: 'end' });
  });
});

describe('one download, many readers', () => {
  it('opens one for all who ask at once, and lets one feed', async () => {
    const { downloads, files } = await setUp();
    const digest = digestOf(CONTENT);
    const opened = await Promise.all([1, 2, 3].map(async () => downloads.open(digest, { kind: 'blob' })));
    expect(new Set(opened).size).toBe(1);
    expect(downloads.get(digest)).toBe(opened[0]);
    expect(files.paths.filter((path) => path.endsWith('.partial'))).toHaveLength(1);
    const download = opened[0] as Download;
    const feeder = feederOf(download);
    expect(download.feed()).toBeUndefined();
    await feeder.write(CONTENT.subarray(0, 10));
    feeder.release();
    await expect(feeder.write(CONTENT)).rejects.toThrow('given back');
    const next = feederOf(download);
    feeder.release();
    expect(download.feed()).toBeUndefined();
    expect(next.offset).toBe(10);
  });

  it('lets readers come at any time and be slow, and holds nobody back', async () => {
    const { begin, store } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    feeder.setSize(CONTENT.length);
    const slow = download.read()[Symbol.asyncIterator]();
    await feeder.write(CONTENT.subarray(0, 2_000_000));
    const first = await slow.next();
    expect((first.value as Uint8Array).length).toBeLessThanOrEqual(MIB / 2);
    const late = watch(download);
    await feeder.write(CONTENT.subarray(2_000_000));
    await feeder.complete();
    await late.finished;
    expect(late.seen.content().equals(CONTENT)).toBe(true);
    const rest = await collect({ [Symbol.asyncIterator]: () => slow });
    expect(Buffer.concat([first.value as Uint8Array, rest]).equals(CONTENT)).toBe(true);
    expect(download.readers).toBe(0);
    expect((await collect(download.read({ start: 5, end: 9 }))).equals(CONTENT.subarray(5, 10))).toBe(true);
    expect(store.stats().openWriters).toBe(0);
  });

  it('forgets readers that leave', async () => {
    const { begin } = await setUp();
    const { download } = await begin(CONTENT);
    const reader = download.read()[Symbol.asyncIterator]();
    const pending = reader.next();
    expect(download.readers).toBe(1);
    await reader.return?.();
    expect(await pending).toMatchObject({ done: true });
    expect(download.readers).toBe(0);
  });

  it('keeps what is too large for the store as long as somebody reads, and a while after', async () => {
    const { begin, downloads, store, clock, files } = await setUp({ options: { budgetBytes: 2 * MIB } });
    const { download, feeder } = await begin(CONTENT);
    const reader = watch(download);
    await feeder.write(CONTENT);
    await feeder.complete();
    await reader.finished;
    expect(reader.seen.content().equals(CONTENT)).toBe(true);
    expect(await store.has(download.digest)).toBe(false);
    expect(files.paths).toEqual([]);
    expect(downloads.get(download.digest)).toBe(download);
    const again = watch(download);
    await again.finished;
    expect(again.seen.content().equals(CONTENT)).toBe(true);
    clock.advance(30_000);
    expect(downloads.get(download.digest)).toBeUndefined();
  });
});

describe('sources that lie or break off', () => {
  const wrong = (): Buffer => {
    const bytes = Buffer.from(CONTENT);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    return bytes;
  };

  it('never complete a body: readers with bytes are cut, waiting ones get the right ones', async () => {
    const { begin, store } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    feeder.setSize(CONTENT.length);
    const begun = watch(download);
    const waiting = watch(download, { start: CONTENT.length - 10 });
    await feeder.write(wrong());
    await settle();
    await expect(feeder.complete()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await begun.finished;
    expect(begun.seen).toMatchObject({ end: 'DIGEST_MISMATCH', bytes: CONTENT.length - HOLDBACK });
    expect(download).toMatchObject({ state: 'open', receivedBytes: 0 });
    expect(feeder.offset).toBe(0);
    await feeder.restart();
    feeder.setSize(CONTENT.length);
    await feeder.write(CONTENT);
    await feeder.complete();
    await waiting.finished;
    expect(waiting.seen.content().equals(CONTENT.subarray(-10))).toBe(true);
    expect((await readObject(store, download.digest)).equals(CONTENT)).toBe(true);
  });

  it('may be replaced in the middle', async () => {
    const { begin, downloads } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    const reader = watch(download);
    feeder.setSize(CONTENT.length);
    await feeder.write(CONTENT.subarray(0, 1_234_567));
    feeder.release();
    expect(download.source).toBeUndefined();
    const second = feederOf(downloads.get(download.digest) as Download);
    second.setSize(CONTENT.length);
    await second.write(CONTENT.subarray(second.offset));
    await second.complete();
    await reader.finished;
    expect(reader.seen.content().equals(CONTENT)).toBe(true);
  });

  it('are refused when they disagree about the size, or send more or less than they said', async () => {
    const { begin } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    feeder.setSize(CONTENT.length);
    expect(() => feeder.setSize(CONTENT.length + 1)).toThrow(
      expect.objectContaining({
        code: 'DIGEST_MISMATCH',
        details: expect.objectContaining({ reason: 'size' }),
      }),
    );
    await feeder.write(CONTENT.subarray(0, 2_000_000));
    await expect(feeder.complete()).rejects.toMatchObject({ details: { reason: 'short' } });
    await expect(feeder.write(CONTENT)).rejects.toMatchObject({ details: { reason: 'long' } });
    expect(download).toMatchObject({ state: 'open', receivedBytes: 2_000_000 });
    await feeder.write(CONTENT.subarray(2_000_000));
    await feeder.complete();
  });

  it('cut everybody who may have heard of a size that was wrong', async () => {
    const { begin } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    feeder.setSize(9_000_000);
    const misled = watch(download);
    await settle();
    await feeder.restart();
    feeder.setSize(CONTENT.length);
    await misled.finished;
    expect(misled.seen.end).toBe('DIGEST_MISMATCH');
    expect(await download.whenSize()).toBe(CONTENT.length);
  });

  it('in any order leave every reader with a right body or with an error', async () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ type: fc.constant('write' as const), bytes: fc.nat({ max: 900_000 }) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ type: fc.constant('corrupt' as const), bytes: fc.nat({ max: 900_000 }) }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('complete' as const) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          type: fc.constant('size' as const),
          bytes: fc.constantFrom(CONTENT.length, 2 * MIB),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ type: fc.constant('read' as const), start: fc.nat({ max: 3 * MIB }) }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        const { begin, downloads } = await setUp();
        const { download, feeder } = await begin(CONTENT);
        const readers: { start: number; reader: ReturnType<typeof watch> }[] = [];
        const ignore = (): void => {};
        for (const action of steps) {
          const at = feeder.offset;
          if (action.type === 'write')
            await feeder.write(CONTENT.subarray(at, at + action.bytes)).catch(ignore);
          else if (action.type === 'corrupt') await feeder.write(Buffer.alloc(action.bytes)).catch(ignore);
          else if (action.type === 'complete') await feeder.complete().catch(ignore);
          else if (action.type === 'restart') await feeder.restart().catch(ignore);
          else if (action.type === 'read')
            readers.push({ start: action.start, reader: watch(download, { start: action.start }) });
          else {
            try {
              feeder.setSize(action.bytes);
            } catch {
              // Sources may not disagree.
            }
          }
          await settle();
        }
        if (download.state !== 'committed') download.fail(new Error('over'));
        for (const { start, reader } of readers) {
          await reader.finished;
          if (reader.seen.end === 'end' && !reader.seen.content().equals(CONTENT.subarray(start)))
            return false;
        }
        return downloads.list().length === 0;
      }),
      { numRuns: 60 },
    );
  });
});

describe('failures', () => {
  it('reach everybody, once', async () => {
    const { begin, downloads, files } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    const reader = watch(download);
    const size = expect(download.whenSize()).rejects.toThrow('over');
    await feeder.write(CONTENT.subarray(0, 10));
    download.fail(new Error('over'));
    download.fail(new Error('again'));
    await reader.finished;
    await size;
    await expect(download.done).rejects.toThrow('over');
    await expect(feeder.write(CONTENT)).rejects.toThrow('over');
    expect(reader.seen.end).toBe('error');
    expect(downloads.get(download.digest)).toBeUndefined();
    await expect.poll(() => files.paths).toEqual([]);
    const fresh = await downloads.open(download.digest, { kind: 'blob' });
    expect(fresh).not.toBe(download);
  });

  it('of the disk end the download', async () => {
    const { begin, files } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    files.beforeEach = (operation) => {
      if (operation === 'write') throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    await expect(feeder.write(CONTENT)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(download.state).toBe('failed');
    await expect(download.done).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('to make room for a size that becomes known later end it, too', async () => {
    const { begin } = await setUp({ capacityBytes: 2_000_000 });
    const { feeder, download } = await begin(CONTENT);
    feeder.setSize(CONTENT.length);
    await expect(feeder.write(CONTENT.subarray(0, 10))).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
    expect(download.state).toBe('failed');
  });

  it('do not undo a commit that has begun', async () => {
    const { begin, store, files } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    await feeder.write(CONTENT);
    files.beforeEach = (operation) => {
      if (operation === 'sync') download.fail(new Error('shutting down'));
    };
    await feeder.complete();
    expect(download.state).toBe('committed');
    expect(await store.has(download.digest)).toBe(true);
  });

  it('that come during a commit which fails are the failure', async () => {
    const { begin, files } = await setUp();
    const { download, feeder } = await begin(CONTENT);
    await feeder.write(CONTENT);
    files.beforeEach = (operation) => {
      if (operation !== 'sync') return;
      download.fail(new Error('shutting down'));
      throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    await expect(feeder.complete()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await expect(download.done).rejects.toThrow('shutting down');
  });

  it('of an attempt reach readers in the middle of a read', async () => {
    const { store, clock } = await setUp();
    const gate = Promise.withResolvers<void>();
    const downloads = new DownloadRegistry({
      store: {
        open: async (digest, range) => store.open(digest, range),
        writer: async (digest, hint) => {
          const writer = await store.writer(digest, hint);
          return Object.assign(Object.create(writer) as typeof writer, {
            write: async (data: Uint8Array) => writer.write(data),
            abort: async () => writer.abort(),
            follow: () => {
              const follower = writer.follow();
              return {
                close: async () => follower.close(),
                read: async (position: number, target: Uint8Array) => {
                  const read = await follower.read(position, target);
                  await gate.promise;
                  return read;
                },
              };
            },
          });
        },
      },
      timers: clock,
      options: { holdbackBytes: HOLDBACK, verifyFirstMaxBytes: MIB },
    });
    const download = await downloads.open(digestOf(CONTENT), { kind: 'blob' });
    const feeder = feederOf(download);
    const reader = watch(download);
    await feeder.write(CONTENT.subarray(0, 2 * MIB));
    await settle();
    await feeder.restart();
    gate.resolve();
    await reader.finished;
    expect(reader.seen).toMatchObject({ bytes: 0, end: 'DIGEST_MISMATCH' });
  });
});
