import { describe, expect, it } from 'vitest';
import { FaultStorage } from '@muster/core/testing';
import { copyStore, openLog, verifyLog } from '../../src/log/index.ts';
import { DIRECTORY, expectPrefix, recovered, TextState } from './support/store.ts';
import type { Session } from './support/store.ts';

const TARGET = '/backup/store';

async function textsAt(session: Session, directory: string): Promise<readonly string[]> {
  const state = new TextState();
  const { log } = await openLog({ ...session.logOptions(), directory }, state.restore);
  await log.close();
  return state.texts;
}

async function written(rounds: number): Promise<Session> {
  const session = await recovered(new FaultStorage({ record: false }), { segmentBytes: 700 });
  for (let i = 0; i < rounds; i++) {
    await session.log.whenDurable(session.append(1 + (i % 3)));
    if (i % 5 === 4) await session.snapshot();
  }
  return session;
}

describe('copying a store', () => {
  it.each([1, 4, 12])('that is open takes all that is durable (%i appends)', async (rounds) => {
    const session = await written(rounds);
    const { clock } = session;
    const report = await copyStore(session.storage, DIRECTORY, TARGET, { clock });
    expect(report).toMatchObject({ lastSeq: session.log.durableSeq, attempts: 1 });
    expect(await verifyLog(session.storage, TARGET)).toMatchObject({
      ok: true,
      recoverableSeq: report.lastSeq,
    });
    expect(await textsAt(session, TARGET)).toEqual(session.state.texts);
  });

  it('takes side files along, where they exist', async () => {
    const session = await written(3);
    const file = await session.storage.open(`${DIRECTORY}/seen`, 'create');
    await file.write(0, Buffer.from('hello'));
    await copyStore(session.storage, DIRECTORY, TARGET, {
      clock: session.clock,
      sideFiles: ['seen', 'unseen'],
    });
    expect(Buffer.from(session.storage.disk.contents(`${TARGET}/seen`) ?? []).toString()).toBe('hello');
    expect(session.storage.disk.contents(`${TARGET}/unseen`)).toBeUndefined();
  });

  it('while it is written to, takes what was durable at the beginning, and a beginning of the rest', async () => {
    const session = await written(6);
    const state = { copying: true };
    const writer = (async () => {
      for (let i = 0; state.copying; i++) {
        await session.log.whenDurable(session.append(1 + (i % 4)));
        if (i % 20 === 19) await session.snapshot();
      }
    })();
    let attempts = 0;
    for (let i = 0; i < 25; i++) {
      const before = session.log.durableSeq;
      const target = `${TARGET}-${i}`;
      const report = await copyStore(session.storage, DIRECTORY, target, {
        clock: session.clock,
        maxAttempts: 50,
      });
      attempts += report.attempts;
      expectPrefix(await textsAt(session, target), session.state.texts, before, target);
    }
    state.copying = false;
    await writer;
    expect(attempts).toBeGreaterThanOrEqual(25);
  });

  it('begins again when the server removes what is being copied, and gives up in the end', async () => {
    const session = await written(12);
    const vanishing = new Proxy(session.storage, {
      get(target, name) {
        if (name === 'open') {
          return async (path: string, mode: 'read' | 'write' | 'create') => {
            if (path.startsWith(DIRECTORY) && path.endsWith('.log')) {
              throw Object.assign(new Error('gone'), { code: 'ENOENT' });
            }
            return target.open(path, mode);
          };
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const copy = copyStore(vanishing, DIRECTORY, TARGET, { clock: session.clock, maxAttempts: 3 });
    await expect(copy).rejects.toMatchObject({ code: 'COPY_FAILED', details: { attempts: 3 } });
    await expect(textsAt(session, TARGET)).rejects.toMatchObject({ code: 'STORE_INCOMPLETE' });
  });

  it('refuses a target that is not empty, and a source that is no store', async () => {
    const session = await written(3);
    const { clock } = session;
    await copyStore(session.storage, DIRECTORY, TARGET, { clock });
    await expect(copyStore(session.storage, DIRECTORY, TARGET, { clock })).rejects.toMatchObject({
      code: 'COPY_TARGET',
    });
    await expect(copyStore(session.storage, '/nothing', '/elsewhere', { clock })).rejects.toMatchObject({
      code: 'COPY_FAILED',
    });
  });

  it('refuses a damaged source rather than copying the damage', async () => {
    const session = await written(4);
    await session.log.close();
    const path = `${DIRECTORY}/log/0000000000000001.log`;
    const file = await session.storage.open(path, 'write');
    await file.write(120, Buffer.from([0xff]));
    await expect(
      copyStore(session.storage, DIRECTORY, TARGET, { clock: session.clock }),
    ).rejects.toMatchObject({ code: 'LOG_CORRUPT', details: { file: path } });
  });

  it('that broke off is not a store, whatever it has so far', async () => {
    const dry = await written(8);
    const first = dry.storage.changes;
    await copyStore(dry.storage, DIRECTORY, TARGET, { clock: dry.clock });
    const changes = dry.storage.changes - first;
    for (let at = 1; at <= changes; at++) {
      const session = await written(8);
      session.storage.inject({ at: session.storage.changes + at, code: 'ENOSPC', writtenBytes: 20 });
      const copy = copyStore(session.storage, DIRECTORY, TARGET, { clock: session.clock });
      await expect(copy, `change ${at}`).rejects.toMatchObject({ code: 'ENOSPC' });
      const texts = await textsAt(session, TARGET).catch((error: unknown) => error);
      // Before the mark there is nothing, and after it everything.
      if (Array.isArray(texts)) expect([0, session.state.texts.length]).toContain(texts.length);
      else expect(texts).toMatchObject({ code: 'STORE_INCOMPLETE' });
    }
    expect(changes).toBeGreaterThan(10);
  });
});
