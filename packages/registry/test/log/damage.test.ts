import { describe, expect, it } from 'vitest';
import { crc32c } from '@node-rs/crc32';
import { errorCode, MusterError } from '@muster/core';
import { Disk, FaultStorage } from '@muster/core/testing';
import { logErrors, verifyLog } from '../../src/log/index.ts';
import { DIRECTORY, expectPrefix, recovered, Session, TextState } from './support/store.ts';

type Files = ReadonlyMap<string, Uint8Array>;

function filesOf(storage: FaultStorage): Files {
  return new Map(
    storage.disk.paths().map((path) => [path, new Uint8Array(storage.disk.contents(path) ?? [])]),
  );
}

function storageWith(files: Files): FaultStorage {
  const disk = new Disk();
  disk.perform({ kind: 'make-directory', path: `${DIRECTORY}/log` });
  disk.perform({ kind: 'make-directory', path: `${DIRECTORY}/snapshots` });
  for (const [path, data] of files) {
    disk.perform({ kind: 'create', path });
    const file = disk.lookup(path) ?? -1;
    disk.perform({ kind: 'write', path, file, position: 0, data });
    disk.perform({ kind: 'sync', path, file });
  }
  disk.perform({ kind: 'sync-directory', path: `${DIRECTORY}/log` });
  disk.perform({ kind: 'sync-directory', path: `${DIRECTORY}/snapshots` });
  return new FaultStorage({ disk, record: false });
}

/** A store with segments before, between and behind two snapshots. */
async function sample(
  close: boolean,
  segmentBytes = 700,
): Promise<{ files: Files; texts: readonly string[]; lastBatch: number }> {
  const session = new Session(new FaultStorage({ record: false }), { segmentBytes });
  await session.open();
  for (let i = 0; i < 14; i++) {
    await session.log.whenDurable(session.append(1 + (i % 3)));
    if (i === 5 || i === 9) await session.snapshot();
  }
  const lastBatch = 1 + (13 % 3);
  if (close) await session.log.close();
  else session.storage.halt();
  return { files: filesOf(session.storage), texts: session.state.texts, lastBatch };
}

function changed(files: Files, path: string, change: (bytes: Uint8Array) => Uint8Array | undefined): Files {
  const copy = new Map(files);
  const bytes = change(new Uint8Array(files.get(path) ?? []));
  if (bytes === undefined) copy.delete(path);
  else copy.set(path, bytes);
  return copy;
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}

/** Bytes without the zeros at the end: what a cut or a new preallocation may change without changing the meaning. */
function trimmed(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}

function isCoded(error: unknown): boolean {
  return error instanceof MusterError && error.code in logErrors.definitions;
}

/** A cheaper `expect`, for what is checked many thousand times. */
function insist(condition: boolean, where: string, otherwise: string): void {
  if (!condition) throw new Error(`${where}: ${otherwise}`);
}

interface Outcome {
  readonly opened: number;
  readonly refused: number;
}

/** Opens a damaged store: it is refused untouched, and repaired on demand, or it holds at least `atLeast` records. */
async function judge(
  files: Files,
  texts: readonly string[],
  atLeast: number,
  where: string,
): Promise<'opened' | 'refused'> {
  const report = await verifyLog(storageWith(files), DIRECTORY);
  const storage = storageWith(files);
  try {
    const session = await recovered(storage);
    expectPrefix(session.state.texts, texts, atLeast, where);
    insist(report.opens, where, 'verify says that it does not open');
    return 'opened';
  } catch (error) {
    if (!isCoded(error)) throw new Error(where, { cause: error });
  }
  insist(!report.opens, where, 'verify says that it opens');
  insist(report.advice.length > 0, where, 'no advice');
  for (const [path, bytes] of files) {
    insist(sameBytes(bytes, storage.disk.contents(path)), where, 'a refused store was changed');
  }
  await judgeRepair(files, texts, report.recoverableSeq, where);
  return 'refused';
}

async function judgeRepair(
  files: Files,
  texts: readonly string[],
  recoverableSeq: number | undefined,
  where: string,
): Promise<void> {
  const storage = storageWith(files);
  const session = await recovered(storage, { recover: true }).catch((error: unknown) => {
    if (!isCoded(error) || recoverableSeq !== undefined) throw new Error(where, { cause: error });
  });
  if (session === undefined) return;
  expectPrefix(session.state.texts, texts, recoverableSeq ?? 0, `${where}, repaired`);
  insist((session.report?.repairs.length ?? 0) > 0, where, 'no repair was reported');
  const kept = [...filesOf(storage).values()].map(trimmed);
  for (const [path, bytes] of files) {
    if (path.endsWith('/END')) continue;
    // The mark at the end of a good segment may change.
    const content = trimmed(bytes).subarray(0, Math.max(1, trimmed(bytes).length - 44));
    const found = kept.some((other) => sameBytes(content, other.subarray(0, content.length)));
    insist(found, where, `the repair lost what ${path} held`);
  }
  await session.log.whenDurable(session.append(1));
  const again = await recovered(storage.crash({ data: 'lost', names: 'lost' }));
  const same = again.state.texts.join('\n') === session.state.texts.join('\n');
  insist(same, where, 'repaired and opened again it holds something else');
}

async function judgeAll(
  cases: Iterable<{ readonly files: Files; readonly where: string }>,
  texts: readonly string[],
  atLeast: number,
): Promise<Outcome> {
  const outcome = { opened: 0, refused: 0 };
  for (const { files, where } of cases) outcome[await judge(files, texts, atLeast, where)]++;
  return outcome;
}

function* flips(files: Files, every = 1): Generator<{ files: Files; where: string }> {
  for (const [path, bytes] of files) {
    const end = trimmed(bytes).length;
    for (let at = 0; at < end; at += every) {
      const flip = (copy: Uint8Array): Uint8Array => {
        copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8));
        return copy;
      };
      yield { files: changed(files, path, flip), where: `bit ${at % 8} of byte ${at} of ${path}` };
    }
  }
}

function* cuts(files: Files): Generator<{ files: Files; where: string }> {
  for (const [path, bytes] of files) {
    const end = trimmed(bytes).length;
    for (let length = 0; length < end; length++) {
      yield {
        files: changed(files, path, (copy) => copy.slice(0, length)),
        where: `${path} cut to ${length}`,
      };
    }
  }
}

describe('damage to a store that was closed', () => {
  it('in any bit is refused or does no harm', async () => {
    const { files, texts } = await sample(true);
    const { opened, refused } = await judgeAll(flips(files), texts, texts.length);
    expect(refused).toBeGreaterThan(opened / 4);
  });

  it('whose snapshots lie inside a segment is refused, and what they cover is not lost', async () => {
    const { files, texts } = await sample(true, 1_000_000);
    const { refused } = await judgeAll(flips(files, 5), texts, texts.length);
    expect(refused).toBeGreaterThan(100);
  });

  it('cut at any length is refused or does no harm', async () => {
    const { files, texts } = await sample(true);
    const { refused } = await judgeAll(cuts(files), texts, texts.length);
    expect(refused).toBeGreaterThan(500);
  });

  it('with any file missing is refused or does no harm', async () => {
    const { files, texts } = await sample(true);
    for (const path of files.keys()) {
      const without = changed(files, path, () => undefined);
      await judge(without, texts, texts.length, `without ${path}`);
    }
  });
});

describe('a repair', () => {
  const at =
    (offset: number) =>
    (bytes: Uint8Array): Uint8Array => {
      bytes[offset] = (bytes[offset] ?? 0) ^ 1;
      return bytes;
    };
  const damages: readonly (readonly [string, string, (bytes: Uint8Array) => Uint8Array | undefined])[] = [
    ['a batch behind the snapshot', 'log/0000000000000026.log', at(130)],
    ['the header of a segment', 'log/0000000000000020.log', at(20)],
    ['the last batch of a segment in the middle', 'log/0000000000000020.log', at(600)],
    ['a segment that is gone', 'log/0000000000000020.log', () => undefined],
    ['the last segment, gone', 'log/0000000000000026.log', () => undefined],
    ['the newest snapshot', 'snapshots/0000000000000019.snap', at(90)],
    ['the mark of the end', 'log/END', at(20)],
  ];

  it('of what the snapshot covers loses nothing', async () => {
    const { files, texts } = await sample(true, 1_000_000);
    const path = `${DIRECTORY}/log/0000000000000001.log`;
    const session = await recovered(storageWith(changed(files, path, at(130))), { recover: true });
    expect(session.state.texts).toEqual(texts);
    expect(session.report?.repairs).toMatchObject([{ action: 'salvaged', keptAs: path, dropped: undefined }]);
    await judgeBrokenRepairs(files, texts, path, at(130));
  });

  it.each(damages)('that breaks off anywhere can be done again: %s', async (_what, name, change) => {
    const { files, texts } = await sample(true);
    await judgeBrokenRepairs(files, texts, `${DIRECTORY}/${name}`, change);
  });

  async function judgeBrokenRepairs(
    files: Files,
    texts: readonly string[],
    path: string,
    change: (bytes: Uint8Array) => Uint8Array | undefined,
  ): Promise<void> {
    expect([...files.keys()]).toContain(path);
    const damaged = changed(files, path, change);
    const whole = storageWith(damaged);
    const { state, report } = await recovered(whole, { recover: true });
    expect(report?.repairs.length).toBeGreaterThan(0);
    expectPrefix(state.texts, texts, 0, path);
    const evidence = damaged.get(path);
    for (let count = 1; count <= whole.changes; count++) {
      for (const mode of ['lost', 'kept'] as const) {
        const storage = storageWith(damaged);
        storage.inject({ at: count, code: 'EIO' });
        // A failed removal or sync of a directory may be survived; what matters is the state afterwards.
        await recovered(storage, { recover: true }).catch(() => undefined);
        const after = storage.crash({ data: mode, names: mode });
        const again = await recovered(after, { recover: true });
        expectPrefix(again.state.texts, texts, state.texts.length, `${path}, change ${count}, ${mode}`);
        if (evidence === undefined) continue;
        const kept = [...filesOf(after).values()].some((bytes) =>
          sameBytes(trimmed(evidence), trimmed(bytes)),
        );
        insist(kept, `${path}, change ${count}, ${mode}`, 'the damaged file was not kept');
      }
    }
  }
});

describe('damage to a store that crashed', () => {
  it('in any bit is refused or costs at most the last batch, which nothing vouches for', async () => {
    const { files, texts, lastBatch } = await sample(false);
    const { refused } = await judgeAll(flips(files), texts, texts.length - lastBatch);
    expect(refused).toBeGreaterThan(500);
  });
});

describe('a store that is not what it should be', () => {
  const codeOf = async (files: Files): Promise<string | undefined> =>
    recovered(storageWith(files)).then(
      () => undefined,
      (error: unknown) => errorCode(error),
    );

  /** The same file with another version, and a checksum that fits it. */
  function ofVersion(version: number): (bytes: Uint8Array) => Uint8Array {
    return (bytes) => {
      const copy = Buffer.from(bytes);
      copy.writeUInt16LE(version, 8);
      copy.writeUInt32LE(crc32c(copy.subarray(0, 60)), 60);
      return copy;
    };
  }

  it('because a later version wrote it, is refused untouched, also for repair', async () => {
    const { files } = await sample(true);
    for (const path of [
      `${DIRECTORY}/log/0000000000000026.log`,
      `${DIRECTORY}/snapshots/0000000000000019.snap`,
    ]) {
      const later = changed(files, path, ofVersion(2));
      expect(await codeOf(later), path).toBe('STORE_VERSION');
      const storage = storageWith(later);
      await expect(recovered(storage, { recover: true })).rejects.toMatchObject({ code: 'STORE_VERSION' });
      for (const [name, bytes] of later)
        expect(sameBytes(bytes, storage.disk.contents(name)), name).toBe(true);
    }
  });

  it.each(['log/notes.txt', 'snapshots/0000000000000026.log', 'log/26.log', 'log/9999999999999999.log.bak'])(
    'because it holds %s, is refused; repair moves the file aside',
    async (name) => {
      const { files, texts } = await sample(true);
      const foreign = new Map(files).set(`${DIRECTORY}/${name}`, Buffer.from('hello'));
      expect(await codeOf(foreign)).toBe('STORE_FOREIGN');
      const session = await recovered(storageWith(foreign), { recover: true });
      expect(session.state.texts).toEqual(texts);
      expect(session.report?.repairs).toMatchObject([
        { action: 'set-aside', keptAs: `${DIRECTORY}/${name}.damaged` },
      ]);
    },
  );

  it('because a segment is of another store, is refused', async () => {
    const { files } = await sample(true);
    const other = new Session(new FaultStorage({ record: false }), { segmentBytes: 700, seed: 99 });
    await other.open();
    for (let i = 0; i < 14; i++) await other.log.whenDurable(other.append(1 + (i % 3)));
    await other.log.close();
    const path = `${DIRECTORY}/log/0000000000000026.log`;
    const stranger = filesOf(other.storage).get(path) ?? new Uint8Array();
    expect(stranger.length).toBeGreaterThan(0);
    expect(await codeOf(new Map(files).set(path, stranger))).toBe('STORE_FOREIGN');
  });

  it('because parts of two of its own histories are mixed, is refused', async () => {
    const { files } = await sample(true);
    const history = async (letter: string): Promise<Files> => {
      const session = await recovered(storageWith(files), { segmentBytes: 1_000_000 });
      for (let i = 0; i < 2; i++)
        await session.log.whenDurable(session.log.appendOne(1, Buffer.from(letter)));
      await session.log.close();
      await session.open();
      await session.log.whenDurable(session.log.appendOne(1, Buffer.from(letter)));
      await session.log.close();
      return filesOf(session.storage);
    };
    const [a, b] = [await history('a'), await history('b')];
    const names = [...a.keys()].filter((path) => !files.has(path));
    expect(names).toHaveLength(2);
    const [first, second] = names as [string, string];
    expect(await codeOf(new Map(a).set(second, b.get(second) ?? new Uint8Array()))).toBe('STORE_FOREIGN');
    // The first batch of one and the second of the other, in one segment.
    const spliced = changed(a, first, (bytes) => {
      bytes.set((b.get(first) ?? bytes).subarray(64 + 57, 64 + 2 * 57), 64 + 57);
      return bytes;
    });
    expect(await codeOf(spliced)).toBe('LOG_CORRUPT');
  });

  it('because it is an unfinished copy, is refused', async () => {
    const { files } = await sample(true);
    expect(await codeOf(new Map(files).set(`${DIRECTORY}/COPY-INCOMPLETE`, new Uint8Array()))).toBe(
      'STORE_INCOMPLETE',
    );
  });

  it('because an unfinished file was left, is opened and the file removed', async () => {
    const { files, texts } = await sample(true);
    const left = `${DIRECTORY}/snapshots/0000000000000030.snap.tmp`;
    const storage = storageWith(new Map(files).set(left, Buffer.from('half')));
    const session = await recovered(storage);
    expect(session.state.texts).toEqual(texts);
    expect(session.report?.removed).toEqual([left]);
    expect(storage.disk.contents(left)).toBeUndefined();
  });

  it('is described by verify: the file, the offset, the records, and what to do', async () => {
    const { files, texts } = await sample(true);
    const path = `${DIRECTORY}/log/0000000000000026.log`;
    const report = await verifyLog(
      storageWith(
        changed(files, path, (bytes) => {
          bytes[130] = (bytes[130] ?? 0) ^ 1;
          return bytes;
        }),
      ),
      DIRECTORY,
    );
    expect(report).toMatchObject({ ok: false, opens: false, recoverableSeq: 25, knownSeq: texts.length });
    expect(report.problems).toMatchObject([
      { code: 'LOG_CORRUPT', file: path, offset: 64, fromSeq: 26, toSeq: texts.length, fatal: true },
    ]);
    expect(report.advice.join(' ')).toContain('muster registry serve --recover');
  });

  it('because the removal of old segments was interrupted, is as good as any', async () => {
    const session = await recovered(new FaultStorage({ record: false }), { segmentBytes: 1 });
    let all: Files = new Map();
    for (let i = 1; i <= 6; i++) {
      await session.log.whenDurable(session.append(1));
      if (i === 3) all = filesOf(session.storage);
      if (i === 4 || i === 6) await session.snapshot();
    }
    await session.log.close();
    const files = new Map(filesOf(session.storage));
    const segment = (seq: number): string => `${DIRECTORY}/log/000000000000000${seq}.log`;
    expect([...files.keys()]).not.toContain(segment(4));
    const leftover = new Map(files).set(segment(2), all.get(segment(2)) ?? new Uint8Array());
    expect(await verifyLog(storageWith(leftover), DIRECTORY)).toMatchObject({ ok: true });
    expect((await recovered(storageWith(leftover))).state.texts).toEqual(session.state.texts);
    // But what the older snapshot needs must be there for the store to count as whole.
    leftover.delete(segment(5));
    files.delete(segment(5));
    for (const without of [leftover, files]) {
      const report = await verifyLog(storageWith(without), DIRECTORY);
      expect(report).toMatchObject({ ok: false, opens: true, recoverableSeq: 6 });
      expect(report.problems).toMatchObject([{ code: 'LOG_GAP', toSeq: 5, fatal: false }]);
      expect((await recovered(storageWith(without))).state.texts).toEqual(session.state.texts);
    }
  });

  it('is left in peace by verify', async () => {
    const { files, texts } = await sample(false);
    const storage = storageWith(files);
    const state = new TextState();
    const report = await verifyLog(storage, DIRECTORY, state.restore);
    expect(report).toMatchObject({ ok: true, opens: true, recoverableSeq: texts.length, advice: [] });
    expect(state.texts).toEqual(texts);
    expect(storage.changes).toBe(0);
  });
});
