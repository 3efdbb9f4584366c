import { recordingLogger } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { describe, expect, test } from 'vitest';
import { MAX_WHITELIST_ENTRIES, parseIp, Whitelist, WhitelistFile } from '../../src/admission/index.ts';
import { MemoryOperatorFiles, settle, warnings } from '../operator-files/memory-operator-files.ts';

const PATH = '/data/rate-limit-whitelist.json';

function rate(list: Whitelist, address: string): number | undefined {
  return list.rateOf(parseIp(address) ?? []);
}

describe('a whitelist', () => {
  test('the longest prefix that holds the address decides', () => {
    const list = Whitelist.fromJson([
      { cidr: '10.0.0.0/8', rate: 1 },
      { cidr: '10.1.0.0/16', rate: 2 },
      { cidr: '10.1.2.3', rate: 3.5 },
      { cidr: '2001:db8::/32', rate: 4 },
      { cidr: '2001:db8::7', rate: 5 },
      { cidr: '::ffff:192.0.2.0/120', rate: 6 },
    ]);
    expect(rate(list, '10.9.9.9')).toBe(1);
    expect(rate(list, '10.1.9.9')).toBe(2);
    expect(rate(list, '::ffff:10.1.2.3')).toBe(3.5);
    expect(rate(list, '11.1.2.3')).toBeUndefined();
    expect(rate(list, '2001:db8:ffff::1')).toBe(4);
    expect(rate(list, '2001:db8::7')).toBe(5);
    expect(rate(list, '2001:db9::7')).toBeUndefined();
    expect(rate(list, '192.0.2.77')).toBe(6);
    expect(rate(list, 'a00::')).toBeUndefined();
  });

  test('everything, per family', () => {
    const list = Whitelist.fromJson([{ cidr: '0.0.0.0/0', rate: 1 }]);
    expect(rate(list, '203.0.113.9')).toBe(1);
    expect(rate(list, '2001:db8::1')).toBeUndefined();
  });

  test.each([
    [{}],
    ['10.0.0.0/8'],
    [['10.0.0.0/8']],
    [[null]],
    [[{ cidr: '10.0.0.0/8' }]],
    [[{ cidr: '10.0.0.0/8', rate: '5' }]],
    [[{ cidr: '10.0.0.0/8', rate: 0 }]],
    [[{ cidr: '10.0.0.0/8', rate: -1 }]],
    [[{ cidr: '10.0.0.0/33', rate: 1 }]],
    [[{ cidr: '10.0.0.0/', rate: 1 }]],
    [[{ cidr: '10.0.0/8', rate: 1 }]],
    [[{ cidr: '::ffff:10.0.0.0/8', rate: 1 }]],
    [[{ cidr: '::1/129', rate: 1 }]],
    [Array.from({ length: MAX_WHITELIST_ENTRIES + 1 }, () => ({ cidr: '10.0.0.1', rate: 1 }))],
  ])('%# is refused', (document) => {
    expect(() => Whitelist.fromJson(document)).toThrowError(
      expect.objectContaining({ code: 'whitelist_invalid' }),
    );
  });
});

describe('the whitelist file', () => {
  function setUp(initial?: string) {
    const clock = new ManualClock();
    const files = new MemoryOperatorFiles();
    if (initial !== undefined) files.edit(PATH, initial);
    const log = recordingLogger();
    const lists: Whitelist[] = [];
    const file = new WhitelistFile({
      path: PATH,
      files,
      timers: clock,
      log,
      changed: (whitelist) => lists.push(whitelist),
    });
    return { clock, files, log, lists, file };
  }

  test('is followed; a bad edit keeps the list that was in force', async () => {
    const { clock, files, log, lists, file } = setUp('[{"cidr": "10.0.0.0/8", "rate": 5}]');
    await file.start();
    expect(rate(file.current, '10.0.0.1')).toBe(5);
    for (const bad of ['[{"cidr": "10.0.0.0/8", "rate": 6}, {"cidr": "x", "rate": 1}]', '[', '{}']) {
      files.edit(PATH, bad);
      clock.advance(2_000);
      await settle();
      expect(rate(file.current, '10.0.0.1')).toBe(5);
    }
    expect(warnings(log)).toBe(3);
    expect(lists).toHaveLength(1);
    files.edit(PATH, '[]');
    clock.advance(2_000);
    await settle();
    expect(rate(file.current, '10.0.0.1')).toBeUndefined();
    expect(lists).toHaveLength(2);
  });

  test('is written when replaced, and not when the new list is bad', async () => {
    const { files, file } = setUp();
    await file.start();
    await file.replace([{ cidr: '192.0.2.0/24', rate: 100 }]);
    expect(JSON.parse(files.texts.get(PATH)?.text ?? '')).toEqual([{ cidr: '192.0.2.0/24', rate: 100 }]);
    await expect(file.replace([{ cidr: '192.0.2.0/240', rate: 100 }])).rejects.toMatchObject({
      code: 'whitelist_invalid',
    });
    expect(rate(file.current, '192.0.2.1')).toBe(100);
  });
});
