import { EXIT_CODES, recordingLogger } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { describeError } from '../../src/cli/report-error.ts';
import { runService, type Service } from '../../src/serve/run-service.ts';
import { TestIo } from '../support/test-io.ts';

/** A service that notes what becomes of it, and is asked to stop as soon as it is announced. */
function lab(service: Partial<Service<string>> = {}) {
  const io = new TestIo();
  const notes: string[] = [];
  const logger = recordingLogger();
  const run = async (): Promise<number> =>
    await runService<string>(
      { io, progress: { update: () => {}, end: () => void notes.push('progress ends') } },
      {
        name: 'thing',
        logger,
        before: [
          { name: 'folder', start: () => void notes.push('+folder'), stop: () => void notes.push('-folder') },
        ],
        stopTimeoutMs: 5_000,
        start: async () => {
          notes.push('+thing');
          return 'it';
        },
        stop: (it) => void notes.push(`-thing ${it}`),
        announce: (it) => {
          notes.push(`announced ${it}`);
          io.stop();
        },
        ...service,
      },
    );
  return { io, notes, logger, run };
}

const ALL = ['+folder', '+thing', 'progress ends', 'announced it', '-thing it', '-folder'];

async function errorFrom(run: () => Promise<number>): Promise<unknown> {
  return await run().then(
    (code) => expect.fail(`ended with ${code}`),
    (error: unknown) => error,
  );
}

describe('a service', () => {
  it('is started in order, announced, and stopped in reverse order by one signal', async () => {
    const { notes, run } = lab();
    expect(await run()).toBe(EXIT_CODES.ok.code);
    expect(notes).toEqual(ALL);
  });

  it('ends in an orderly way when it is to stop before it has started', async () => {
    const made = lab({
      start: async () => {
        made.io.stop();
        return 'it';
      },
    });
    expect(await made.run()).toBe(EXIT_CODES.ok.code);
    expect(made.notes).toEqual(['+folder', '-thing it', '-folder']);
  });

  it('breaks off its start when it is to stop, where it can', async () => {
    const made = lab({
      start: async ({ stopping }) => {
        const broken = new Promise<string>((_resolve, reject) => {
          stopping.addEventListener('abort', () => reject(stopping.reason as Error), { once: true });
        });
        made.io.stop();
        return await broken;
      },
    });
    expect(await made.run()).toBe(EXIT_CODES.ok.code);
    expect(made.notes).toEqual(['+folder', '-folder']);
  });

  it('ends with the error of a start that fails, after what was started before is stopped', async () => {
    const failure = new Error('no room');
    const { notes, run } = lab({
      start: async () => {
        throw failure;
      },
    });
    expect(await errorFrom(run)).toBe(failure);
    expect(notes).toEqual(['+folder', '-folder']);
  });

  it('is stopped when it cannot be announced', async () => {
    const failure = new Error('nobody reads this');
    const { notes, run } = lab({
      announce: () => {
        throw failure;
      },
    });
    expect(await errorFrom(run)).toBe(failure);
    expect(notes.slice(-2)).toEqual(['-thing it', '-folder']);
  });

  it('ends with the error of what cannot go on, after it is stopped', async () => {
    const failure = new Error('the disk is gone');
    let fail: (error: unknown) => void = () => {};
    const { notes, run } = lab({
      start: async (life) => {
        fail = life.fail;
        return 'it';
      },
      announce: () => fail(failure),
    });
    expect(await errorFrom(run)).toBe(failure);
    expect(notes.slice(-2)).toEqual(['-thing it', '-folder']);
  });

  it('hears that files are to be read again once there is something to read them', async () => {
    const reloads: string[] = [];
    const made = lab({
      start: async () => {
        made.io.reload();
        return 'it';
      },
      announce: () => {
        made.io.reload();
        made.io.stop();
      },
      onReload: (it) => void reloads.push(it),
    });
    expect(await made.run()).toBe(EXIT_CODES.ok.code);
    expect(reloads).toEqual(['it']);
  });
});

describe('a stop that fails', () => {
  it('is told in one line and by the exit code, and stops the rest all the same', async () => {
    const { notes, run } = lab({
      stop: async () => {
        throw new Error('still busy');
      },
    });
    expect(describeError(await errorFrom(run))).toMatchObject({
      code: 'STOPPED_UNCLEANLY',
      message: 'the thing did not stop cleanly: thing: still busy',
      exitCode: EXIT_CODES.stoppedUncleanly.code,
    });
    expect(notes.at(-1)).toBe('-folder');
  });

  it('is one that takes longer than its bound, also while it was still starting', async () => {
    const made = lab({
      stopTimeoutMs: 20,
      start: async () => {
        made.io.stop();
        return 'it';
      },
      stop: async () => await new Promise<void>(() => {}),
    });
    expect(describeError(await errorFrom(made.run))).toMatchObject({
      message: 'the thing did not stop cleanly: thing did not stop within 20 ms',
      exitCode: EXIT_CODES.stoppedUncleanly.code,
    });
    expect(made.notes).toEqual(['+folder', '-folder']);
  });
});
