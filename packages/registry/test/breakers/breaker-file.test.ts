import { recordingLogger } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { describe, expect, test } from 'vitest';
import {
  BreakerFile,
  BreakerSet,
  MAX_BREAKER_REASON_LENGTH,
  parseBreakerFile,
} from '../../src/breakers/index.ts';
import { MemoryOperatorFiles, settle, warnings } from '../operator-files/memory-operator-files.ts';

const PATH = '/data/breakers.json';

function setUp(initial?: string) {
  const clock = new ManualClock();
  const files = new MemoryOperatorFiles();
  if (initial !== undefined) files.edit(PATH, initial);
  const breakers = new BreakerSet();
  const log = recordingLogger();
  const file = new BreakerFile({ path: PATH, breakers, files, clock, timers: clock, log });
  return { clock, files, breakers, log, file };
}

describe('the text of breakers.json', () => {
  test.each([
    ['object', '{"registry.punch": {"state": "half-open", "reason": "r"}, "registry.trust": {"state": ""}}'],
    ['array', '[{"name": "registry.punch", "state": "halfopen", "reason": "r"}, {"name": "registry.trust"}]'],
  ])('the %s form is read', (_form, text) => {
    const { settings, foreign } = parseBreakerFile(text);
    expect([...settings]).toEqual([
      ['registry.punch', { state: 'half_open', reason: 'r' }],
      ['registry.trust', { state: 'closed', reason: '' }],
    ]);
    expect(foreign.size).toBe(0);
  });

  test.each([
    ['', 'breaker_file_invalid'],
    ['null', 'breaker_file_invalid'],
    ['[{}]', 'breaker_file_invalid'],
    ['{"registry.punch": "open"}', 'breaker_file_invalid'],
    ['{"registry.punch": {"state": 1}}', 'breaker_file_invalid'],
    ['{"registry.punch": {"state": "broken"}}', 'breaker_state_unknown'],
  ])('%j is refused with %s', (text, code) => {
    expect(() => parseBreakerFile(text)).toThrowError(expect.objectContaining({ code }));
  });
});

describe('the breaker file', () => {
  test('is in force after the start and followed afterwards', async () => {
    const { clock, files, breakers, file } = setUp('{"registry.punch": {"state": "open", "reason": "r"}}');
    const handle = breakers.get('registry.punch');
    await file.start();
    expect(handle.isOpen).toBe(true);
    files.edit(PATH, '{}');
    clock.advance(1_999);
    await settle();
    expect(handle.isOpen).toBe(true);
    clock.advance(1);
    await settle();
    expect(handle.isOpen).toBe(false);
  });

  test('a bad file keeps what was in force', async () => {
    const { clock, files, breakers, log, file } = setUp('{"registry.punch": {"state": "open"}}');
    await file.start();
    files.edit(PATH, '{"registry.punch": {"state": "closed"}, "registry.trust": {"state": "opne"}}');
    clock.advance(2_000);
    await settle();
    expect(breakers.get('registry.punch').isOpen).toBe(true);
    expect(warnings(log)).toBe(1);
  });

  test('a setting is in force at once and written indented, with what belongs to others kept', async () => {
    const { files, breakers, file } = setUp('{"other.part": {"state": "open", "reason": "theirs"}}');
    await file.start();
    await file.set('registry.trust', 'open', 'why');
    expect(breakers.get('registry.trust').isOpen).toBe(true);
    expect(files.texts.get(PATH)?.text).toBe(`{
  "registry.trust": {
    "state": "open",
    "reason": "why"
  },
  "other.part": {
    "state": "open",
    "reason": "theirs"
  }
}
`);
    await file.clear('registry.trust');
    expect(breakers.get('registry.trust').isOpen).toBe(false);
    expect(JSON.parse(files.texts.get(PATH)?.text ?? '')).toEqual({
      'other.part': { state: 'open', reason: 'theirs' },
    });
  });

  test('an edit that no poll has seen survives a setting', async () => {
    const { files, breakers, file } = setUp();
    await file.start();
    files.edit(PATH, '{"registry.punch": {"state": "open", "reason": "by hand"}}');
    await file.set('registry.trust', 'open', 'by request');
    expect(breakers.get('registry.punch').isOpen).toBe(true);
    expect(Object.keys(JSON.parse(files.texts.get(PATH)?.text ?? '') as object)).toEqual([
      'registry.punch',
      'registry.trust',
    ]);
  });

  test('overlapping settings are all in the file', async () => {
    const { files, file } = setUp();
    await file.start();
    await Promise.all([
      file.set('registry.trust', 'open', '1'),
      file.set('registry.punch', 'open', '2'),
      file.set('beacon.relay', 'half_open', '3'),
    ]);
    expect(JSON.parse(files.texts.get(PATH)?.text ?? '')).toEqual({
      'registry.trust': { state: 'open', reason: '1' },
      'registry.punch': { state: 'open', reason: '2' },
      'beacon.relay': { state: 'half_open', reason: '3' },
    });
  });

  test('a setting that can not be written is in force, and the caller is told', async () => {
    const { files, breakers, file } = setUp();
    await file.start();
    files.failure = Object.assign(new Error('disk full'), { code: 'ENOSPC', syscall: 'write' });
    await expect(file.set('registry.trust', 'open', '')).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(breakers.get('registry.trust').isOpen).toBe(true);
  });

  test('unknown names, unknown states and endless reasons', async () => {
    const { breakers, file } = setUp();
    await expect(file.set('nothing', 'open', '')).rejects.toMatchObject({ code: 'breaker_unknown' });
    await expect(file.set('registry.trust', 'ajar', '')).rejects.toMatchObject({
      code: 'breaker_state_unknown',
    });
    await file.set('registry.trust', 'open', 'x'.repeat(100_000));
    expect(breakers.get('registry.trust').reason).toHaveLength(MAX_BREAKER_REASON_LENGTH);
  });

  test('without a path the settings live in memory only', async () => {
    const { files, breakers, clock, log } = setUp();
    const file = new BreakerFile({ path: undefined, breakers, files, clock, timers: clock, log });
    await file.start();
    await file.set('registry.trust', 'open', '');
    expect(breakers.get('registry.trust').isOpen).toBe(true);
    expect(files.texts.size).toBe(0);
    await file.stop();
  });
});
