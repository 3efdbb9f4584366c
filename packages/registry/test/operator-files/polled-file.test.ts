import { recordingLogger } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { describe, expect, test } from 'vitest';
import { PolledFile, OPERATOR_FILE_POLL_INTERVAL_MS } from '../../src/operator-files/index.ts';
import { MemoryOperatorFiles, settle, warnings } from './memory-operator-files.ts';

const PATH = '/data/some.json';

function setUp(initial?: string) {
  const clock = new ManualClock();
  const files = new MemoryOperatorFiles();
  const log = recordingLogger();
  const applied: (string | undefined)[] = [];
  if (initial !== undefined) files.edit(PATH, initial);
  const file = new PolledFile({
    path: PATH,
    files,
    timers: clock,
    log,
    apply: (text) => {
      if (text === 'bad') throw new Error('no sense');
      applied.push(text);
    },
  });
  const poll = async () => {
    clock.advance(OPERATOR_FILE_POLL_INTERVAL_MS);
    await settle();
  };
  return { file, files, log, applied, poll };
}

describe('a polled file', () => {
  test('is read at the start and again only when its stamp changes', async () => {
    const { file, files, applied, poll } = setUp('one');
    await file.start();
    await poll();
    await poll();
    expect(applied).toEqual(['one']);
    expect(files.reads).toBe(1);
    files.edit(PATH, 'two');
    await poll();
    expect(applied).toEqual(['one', 'two']);
  });

  test('a bad text changes nothing and is reported once per version', async () => {
    const { file, files, log, applied, poll } = setUp('one');
    await file.start();
    files.edit(PATH, 'bad');
    await poll();
    await poll();
    expect(warnings(log)).toBe(1);
    expect(files.reads).toBe(2);
    files.edit(PATH, 'bad');
    await poll();
    expect(warnings(log)).toBe(2);
    files.edit(PATH, 'three');
    await poll();
    expect(applied).toEqual(['one', 'three']);
  });

  test('an error of the disk is tried again at the next poll, and reported once', async () => {
    const { file, files, log, applied, poll } = setUp('one');
    files.failure = Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'stat' });
    await file.start();
    await poll();
    expect(warnings(log)).toBe(1);
    expect(applied).toEqual([]);
    files.failure = undefined;
    await poll();
    expect(applied).toEqual(['one']);
  });

  test('a file is gone only when two polls miss it', async () => {
    const { file, files, applied, poll } = setUp('one');
    await file.start();
    files.texts.delete(PATH);
    await poll();
    expect(applied).toEqual(['one']);
    files.edit(PATH, 'two');
    await poll();
    expect(applied).toEqual(['one', 'two']);
    files.texts.delete(PATH);
    await poll();
    await poll();
    await poll();
    expect(applied).toEqual(['one', 'two', undefined]);
  });

  test('its own writes are not read back', async () => {
    const { file, files, applied, poll } = setUp();
    await file.start();
    await file.write(() => 'mine');
    await poll();
    expect(files.texts.get(PATH)?.text).toBe('mine');
    expect(applied).toEqual([]);
    expect(files.reads).toBe(0);
  });

  test('stops', async () => {
    const { file, files, applied, poll } = setUp('one');
    await file.start();
    await file.stop();
    files.edit(PATH, 'two');
    await poll();
    expect(applied).toEqual(['one']);
  });
});
