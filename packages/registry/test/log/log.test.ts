import { describe, expect, it } from 'vitest';
import { FaultStorage } from '@muster/core/testing';
import { openLog } from '../../src/log/index.ts';
import type { LogOptions } from '../../src/log/index.ts';
import { DIRECTORY, recovered, until } from './support/store.ts';
import type { Session, SessionOptions } from './support/store.ts';

async function opened(options: SessionOptions = {}): Promise<Session> {
  return recovered(new FaultStorage(), options);
}

function count(session: Session, kind: string, path: RegExp): number {
  return session.storage.journal.filter(
    (change) => change.kind === kind && 'path' in change && path.test(change.path),
  ).length;
}

describe('appending', () => {
  it('numbers records from 1 and says the last number', async () => {
    const session = await opened();
    expect([session.append(1), session.append(3), session.append(1)]).toEqual([1, 4, 5]);
    expect(session.log.appendedSeq).toBe(5);
    expect(session.log.durableSeq).toBe(0);
    await session.log.whenDurable(5);
    expect(session.log.durableSeq).toBe(5);
    expect(session.log.append([])).toBe(5);
  });

  it('copies: the caller may use its buffer again at once', async () => {
    const session = await opened();
    const buffer = Buffer.from('first');
    session.log.appendOne(1, buffer);
    buffer.write('other');
    session.log.append([{ type: 2, payload: buffer }]);
    buffer.fill(0);
    await session.log.close();
    expect((await recovered(session.storage)).state.texts).toEqual(['1:first', '2:other']);
  });

  it('shares one write and one sync among all that arrives before it starts', async () => {
    const session = await opened();
    const syncs = count(session, 'sync', /log$/);
    for (let i = 0; i < 500; i++) session.append(1);
    await session.log.whenDurable(500);
    expect(count(session, 'sync', /log$/) - syncs).toBe(1);
    expect(session.acknowledgements.map((ack) => ack.seq)).toEqual([500]);
    expect(session.log.stats()).toMatchObject({ batches: 1, syncs: 1, pendingBytes: 0, durableSeq: 500 });
  });

  it('gathers what arrives during a sync into the next batch', async () => {
    const session = await opened();
    session.append(1);
    await until(() => session.storage.journal.at(-1)?.kind === 'write');
    for (let i = 0; i < 10; i++) session.append(1);
    await session.log.whenDurable(11);
    expect(session.acknowledgements.map((ack) => ack.seq)).toEqual([1, 11]);
  });

  it('with durability strict gives each append its own sync', async () => {
    const session = await opened({ durability: 'strict', segmentBytes: 1_000_000 });
    for (let i = 0; i < 5; i++) session.append(2);
    await session.log.whenDurable(10);
    expect(session.acknowledgements.map((ack) => ack.seq)).toEqual([2, 4, 6, 8, 10]);
    expect(session.log.stats().syncs).toBe(5);
  });

  it('with durability async acknowledges before the sync, which comes every second', async () => {
    const session = await opened({ durability: 'async', segmentBytes: 1_000_000 });
    await session.log.whenDurable(session.append(1));
    expect(session.log.stats().syncs).toBe(0);
    session.clock.advance(1000);
    await until(() => session.log.stats().syncs > 0);
    const after = await recovered(session.storage.crash({ data: 'lost', names: 'lost' }));
    expect(after.state.texts).toHaveLength(1);
  });

  it('refuses a record that is too large, with all that came with it', async () => {
    const session = await opened({ maxRecordBytes: 100 });
    const entries = [10, 101].map((length) => ({ type: 0, payload: Buffer.alloc(length) }));
    expect(() => session.log.append(entries)).toThrow(
      expect.objectContaining({ code: 'LOG_RECORD_TOO_LARGE', details: { bytes: 101, maxRecordBytes: 100 } }),
    );
    expect(() => session.log.appendOne(0, Buffer.alloc(101))).toThrow(
      expect.objectContaining({ code: 'LOG_RECORD_TOO_LARGE' }),
    );
    expect(session.log.appendedSeq).toBe(0);
    await session.log.whenDurable(session.log.appendOne(0, Buffer.alloc(100)));
    await session.log.close();
    expect((await recovered(session.storage)).state.texts).toHaveLength(1);
  });

  it('refuses a type that is not a byte', async () => {
    const session = await opened();
    expect(() => session.log.appendOne(256, Buffer.alloc(1))).toThrow(RangeError);
    expect(() => session.log.append([{ type: -1, payload: Buffer.alloc(1) }])).toThrow(RangeError);
    expect(session.log.appendedSeq).toBe(0);
  });

  it('says when too much waits, and refuses what goes beyond the bound', async () => {
    const session = await opened({ maxPendingBytes: 1000 });
    session.log.appendOne(0, Buffer.alloc(400));
    expect(session.log.congested).toBe(false);
    session.log.appendOne(0, Buffer.alloc(400));
    expect(session.log.congested).toBe(true);
    expect(() => session.log.appendOne(0, Buffer.alloc(400))).toThrow(
      expect.objectContaining({ code: 'LOG_CONGESTED' }),
    );
    await session.log.whenDurable(2);
    expect(session.log.congested).toBe(false);
    await session.log.whenDurable(session.log.appendOne(0, Buffer.alloc(400)));
  });

  it('keeps a batch of many megabytes whole', async () => {
    const session = await opened({ segmentBytes: 1_000_000 });
    const entries = Array.from({ length: 40 }, (_, i) => ({ type: i, payload: Buffer.alloc(200_000, i) }));
    await session.log.whenDurable(session.log.append(entries));
    await session.log.close();
    const lengths: number[] = [];
    const options: LogOptions = session.logOptions();
    await openLog(options, {
      snapshotBlock: () => undefined,
      record: (seq, type, payload) => {
        expect(payload.every((byte) => byte === type)).toBe(true);
        lengths[seq - 1] = payload.length;
      },
    });
    expect(lengths).toEqual(entries.map((entry) => entry.payload.length));
  });

  it('resolves whenDurable in order, each as soon as it is true', async () => {
    const session = await opened({ durability: 'strict' });
    const order: number[] = [];
    for (let i = 0; i < 3; i++) session.append(1);
    const wait = async (seq: number): Promise<void> => {
      await session.log.whenDurable(seq);
      order.push(seq);
      expect(session.log.durableSeq).toBe(seq);
    };
    await Promise.all([wait(3), wait(1), wait(2)]);
    expect(order).toEqual([1, 2, 3]);
  });

  it('after close is refused', async () => {
    const session = await opened();
    session.append(2);
    await session.log.close();
    await session.log.close();
    expect(session.log.durableSeq).toBe(2);
    expect(() => session.append(1)).toThrow(expect.objectContaining({ code: 'LOG_CLOSED' }));
  });
});

describe('segments and snapshots', () => {
  const names = (session: Session): string[] =>
    session.storage.disk.paths().map((path) => path.slice(DIRECTORY.length + 1));

  it('begins a new segment when one is full, and marks the old one', async () => {
    const session = await opened({ segmentBytes: 300 });
    for (let i = 0; i < 4; i++) await session.log.whenDurable(session.append(2));
    expect(names(session)).toHaveLength(4);
    expect(session.log.stats()).toMatchObject({ segments: 3, firstSeq: 1 });
    expect(count(session, 'truncate', /log$/)).toBe(3);
  });

  it('keeps the newest two snapshots, and the log back to the older', async () => {
    const session = await opened({ segmentBytes: 300 });
    for (let i = 0; i < 5; i++) {
      await session.log.whenDurable(session.append(2));
      await session.snapshot();
    }
    expect(names(session)).toEqual([
      'log/0000000000000009.log',
      'snapshots/0000000000000008.snap',
      'snapshots/0000000000000010.snap',
    ]);
    expect(session.log.stats()).toMatchObject({ lastSnapshot: { seq: 10 }, recordsSinceSnapshot: 0 });
    expect((await recovered(session.storage.restart())).state.texts).toEqual(session.state.texts);
  });

  it('removes exactly the segments that end with the older snapshot or before', async () => {
    const session = await opened({ segmentBytes: 1 });
    for (let i = 1; i <= 5; i++) {
      await session.log.whenDurable(session.append(1));
      if (i === 2 || i === 4) await session.snapshot();
    }
    expect(names(session)).toEqual([
      'log/0000000000000003.log',
      'log/0000000000000004.log',
      'log/0000000000000005.log',
      'snapshots/0000000000000002.snap',
      'snapshots/0000000000000004.snap',
    ]);
  });

  it('falls back on the older snapshot in a repair, without losing a record', async () => {
    const session = await opened({ segmentBytes: 300 });
    for (let i = 0; i < 5; i++) {
      await session.log.whenDurable(session.append(2));
      await session.snapshot();
    }
    await session.log.whenDurable(session.append(1));
    await session.log.close();
    const file = await session.storage.open(`${DIRECTORY}/snapshots/0000000000000010.snap`, 'write');
    await file.write(100, Buffer.from([0xff, 0xff]));
    await expect(recovered(session.storage)).rejects.toMatchObject({
      code: 'SNAPSHOT_CORRUPT',
      details: { file: `${DIRECTORY}/snapshots/0000000000000010.snap`, seq: 10 },
    });
    const repaired = await recovered(session.storage, { recover: true });
    expect(repaired.state.texts).toEqual(session.state.texts);
    expect(repaired.report?.repairs).toMatchObject([{ action: 'set-aside', dropped: undefined }]);
  });

  it('takes appends while a snapshot is written, which has none of them', async () => {
    const session = await opened();
    session.append(3);
    const snapshot = session.snapshot();
    session.append(2);
    await snapshot;
    expect(session.log.stats().lastSnapshot?.seq).toBe(3);
    await session.log.whenDurable(5);
    expect((await recovered(session.storage.restart())).report).toMatchObject({
      snapshot: { seq: 3 },
      replayedRecords: 2,
      cleanEnd: false,
    });
  });

  it('writes one snapshot at a time, and none of the past or the future', async () => {
    const session = await opened();
    await session.log.whenDurable(session.append(3));
    const first = session.snapshot();
    await expect(session.snapshot()).rejects.toMatchObject({ code: 'SNAPSHOT_FAILED' });
    await first;
    await expect(session.log.writeSnapshot({ seq: 2, blocks: [] })).rejects.toMatchObject({
      code: 'SNAPSHOT_FAILED',
    });
    await expect(session.log.writeSnapshot({ seq: 4, blocks: [] })).rejects.toThrow(RangeError);
  });

  it('leaves no trace of a snapshot whose blocks could not be made', async () => {
    const session = await opened();
    await session.log.whenDurable(session.append(3));
    function* blocks(): Generator<{ kind: number; bytes: Uint8Array }> {
      yield { kind: 7, bytes: Buffer.from('a') };
      throw new Error('no more');
    }
    await expect(session.log.writeSnapshot({ seq: 3, blocks: blocks() })).rejects.toMatchObject({
      code: 'SNAPSHOT_FAILED',
      cause: expect.objectContaining({ message: 'no more' }),
    });
    expect(names(session).filter((name) => name.startsWith('snapshots'))).toEqual([]);
    await session.snapshot();
  });

  it('breaks a snapshot off when the log is closed', async () => {
    const session = await opened();
    await session.log.whenDurable(session.append(3));
    let blocks = 0;
    async function* endless(): AsyncGenerator<{ kind: number; bytes: Uint8Array }> {
      for (;;) {
        blocks++;
        yield { kind: 7, bytes: Buffer.from('a') };
      }
    }
    const snapshot = session.log.writeSnapshot({ seq: 3, blocks: endless() });
    const refused = expect(snapshot).rejects.toMatchObject({ code: 'SNAPSHOT_FAILED' });
    await until(() => blocks > 3);
    await session.log.close();
    await refused;
    expect(names(session).filter((name) => name.startsWith('snapshots'))).toEqual([]);
  });

  it('stays small when idle: opening and closing again and again adds nothing', async () => {
    const session = await opened({ segmentBytes: 1_000_000 });
    await session.log.whenDurable(session.append(1));
    for (let i = 0; i < 20; i++) {
      await session.log.close();
      await session.open();
    }
    await session.log.close();
    const bytes = session.storage.disk
      .paths()
      .reduce((sum, path) => sum + (session.storage.disk.contents(path)?.length ?? 0), 0);
    expect(names(session)).toHaveLength(3);
    expect(bytes).toBeLessThan(1000);
  });

  it('reports how loading goes, and waits where asked to', async () => {
    const session = await opened({ segmentBytes: 1_000_000 });
    for (let i = 0; i < 100; i++) session.log.appendOne(1, Buffer.alloc(60_000, i));
    await session.log.close();
    const phases: string[] = [];
    let waiting = 0;
    await openLog(session.logOptions(), {
      snapshotBlock: () => undefined,
      record: () => expect(waiting).toBe(0),
      async progress({ phase, seq }) {
        waiting++;
        await Promise.resolve();
        waiting--;
        phases.push(`${phase} ${seq}`);
      },
    });
    expect(phases.length).toBeGreaterThan(1);
  });
});
