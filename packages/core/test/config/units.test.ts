import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/index.ts';

test.each([
  ['0', 0],
  ['500ms', 500],
  ['30s', 30_000],
  ['30m', 1_800_000],
  ['24h', 86_400_000],
  ['14d', 1_209_600_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['336h', 1_209_600_000],
  ['', undefined],
  ['30', undefined],
  ['-5s', undefined],
  ['5 s', undefined],
  ['1x', undefined],
  ['0.5ms', undefined],
  ['99999999999999999d', undefined],
])('duration %j', (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

test.each([
  ['0', 0],
  ['65536', 65_536],
  ['64MiB', 67_108_864],
  ['64 mib', 67_108_864],
  ['1GB', 1_000_000_000],
  ['1.5KiB', 1536],
  ['10B', 10],
  ['', undefined],
  ['-1', undefined],
  ['1XB', undefined],
  ['MiB', undefined],
  ['1.5', undefined],
])('size %j', (text, expected) => {
  expect(parseSize(text)).toBe(expected);
});

test('what is printed can be read back', () => {
  fc.assert(
    fc.property(fc.nat({ max: 1e12 }), (amount) => {
      expect(parseDuration(formatDuration(amount))).toBe(amount);
      expect(parseSize(formatSize(amount))).toBe(amount);
    }),
  );
});
