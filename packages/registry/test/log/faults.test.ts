import { describe, expect, it } from 'vitest';
import { errorCode } from '@muster/core';
import { FaultStorage } from '@muster/core/testing';
import type { StorageFault } from '@muster/core/testing';
import { runAll, sequences } from './support/scenario.ts';
import type { Step } from './support/scenario.ts';
import { expectPrefix, recovered, Session } from './support/store.ts';

const CODES = ['EIO', 'ENOSPC'];

/** After a failure nothing is acknowledged or accepted, and the failure was told once. */
async function expectStopped(session: Session, where: string): Promise<void> {
  expect(session.fatal, where).toHaveLength(1);
  const { log } = session;
  const { durableSeq } = log;
  expect(() => session.append(1), where).toThrow(session.fatal[0]);
  await expect(log.whenDurable(durableSeq + 1), where).rejects.toMatchObject({ code: 'LOG_FAILED' });
  await expect(log.close(), where).rejects.toMatchObject({ code: 'LOG_FAILED' });
  expect(log.durableSeq, where).toBe(durableSeq);
  expect(session.fatal, where).toHaveLength(1);
  expect(log.stats().failed, where).toBe(true);
}

/**
 * The process starts again on the same machine, acknowledges more, and then the machine crashes: what a failed sync
 * has lost must not have been built upon.
 */
async function expectRecovery(session: Session, acknowledged: number, where: string): Promise<void> {
  const again = await recovered(session.storage.restart());
  expectPrefix(again.state.texts, session.state.texts, acknowledged, `${where}, restart`);
  await again.log.whenDurable(again.append(1));
  const { texts } = again.state;
  const after = await recovered(again.storage.crash({ data: 'lost', names: 'lost' }));
  expect(after.state.texts, `${where}, restart and crash`).toEqual(texts);
}

async function failOnce(steps: readonly Step[], fault: StorageFault): Promise<void> {
  const where = `${steps.join(' ')}: change ${fault.at} fails with ${fault.code}`;
  const session = new Session(new FaultStorage({ faults: [fault], record: false }));
  const error = await runAll(session, steps);
  const acknowledged = session.durableSeq;
  if (session.fatal.length > 0) {
    expect(errorCode(error), where).toBe('LOG_FAILED');
    await expectStopped(session, where);
  } else if (error !== undefined) {
    // Opening failed: nobody was told anything, and nothing was accepted.
    expect(errorCode(error), where).toBe(fault.code);
  }
  const failed = session.storage.failed[0];
  if (error === undefined && failed !== undefined && failed.kind !== 'remove') {
    // Only what concerns an unfinished snapshot, or the removal of old files, may fail without stopping the log.
    const path = failed.kind === 'rename' ? failed.from : failed.path;
    expect(path, where).toMatch(failed.kind === 'sync-directory' ? /log$/ : /\.snap\.tmp$/);
  }
  await expectRecovery(session, acknowledged, where);
}

describe('a write, sync, rename or truncation that fails', () => {
  it.each([0, 1, 2])('during any sequence of %i steps: nothing acknowledged is lost', async (length) => {
    for (const steps of sequences(length)) {
      const dry = new Session(new FaultStorage({ record: false }));
      expect(await runAll(dry, steps)).toBeUndefined();
      for (let at = 1; at <= dry.storage.changes; at++) {
        for (const code of CODES) await failOnce(steps, { at, code, writtenBytes: code === 'EIO' ? 0 : 50 });
      }
    }
  });

  it('stops acknowledgements of everything that was waiting', async () => {
    const session = new Session(new FaultStorage({ record: false }));
    await session.open();
    await session.log.whenDurable(session.append(1));
    session.storage.inject({ at: session.storage.changes + 2, code: 'EIO' });
    const waits = [session.append(1), session.append(1), session.append(2)].map((seq) =>
      session.log.whenDurable(seq),
    );
    const results = await Promise.allSettled(waits);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(session.durableSeq).toBe(1);
    expect(session.fatal[0]).toMatchObject({ code: 'LOG_FAILED', details: { durableSeq: 1 } });
    await expectStopped(session, 'sync');
  });

  it('does not sync again after a failed sync', async () => {
    const session = new Session(new FaultStorage());
    await session.open();
    session.storage.inject({ at: session.storage.changes + 2, code: 'EIO' });
    await expect(session.log.whenDurable(session.append(1))).rejects.toMatchObject({ code: 'LOG_FAILED' });
    const done = session.storage.journal.length;
    await expectStopped(session, 'sync');
    expect(session.storage.journal).toHaveLength(done);
  });

  it('leaves the log alone when only a snapshot could not be written', async () => {
    const session = new Session(new FaultStorage({ record: false }));
    await session.open();
    await session.log.whenDurable(session.append(3));
    session.storage.inject({ at: session.storage.changes + 3, code: 'ENOSPC', writtenBytes: 10 });
    await expect(session.snapshot()).rejects.toMatchObject({ code: 'SNAPSHOT_FAILED' });
    expect(session.fatal).toHaveLength(0);
    await session.log.whenDurable(session.append(1));
    await session.snapshot();
    expect(session.storage.disk.paths().filter((path) => path.includes('snap'))).toEqual([
      '/data/store/snapshots/0000000000000004.snap',
    ]);
  });
});
