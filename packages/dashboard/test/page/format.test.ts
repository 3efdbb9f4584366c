import { describe, expect, it } from 'vitest';
import {
  absolute,
  age,
  ago,
  bytes,
  count,
  duration,
  figure,
  plural,
  share,
  timeOfDay,
} from '../../page/model/format.ts';

describe('figures', () => {
  it.each([
    [0, '0 B'],
    [1_023, '1023 B'],
    [1_536, '1.50 KiB'],
    [48 * 2 ** 20, '48.0 MiB'],
    [150 * 2 ** 30, '150 GiB'],
    [2 ** 60, '1024 PiB'],
    [undefined, '–'],
    [-1, '–'],
    [Number.NaN, '–'],
  ])('%s bytes are %s', (value, text) => expect(bytes(value)).toBe(text));

  it.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [1_500, '1.5 s'],
    [12_300, '12 s'],
    [200_000, '3 min 20 s'],
    [180_000, '3 min'],
    [7_500_000, '2 h 5 min'],
    [49 * 3_600_000, '2 d 1 h'],
    [-5, '0 ms'],
    [Number.POSITIVE_INFINITY, '–'],
  ])('%s ms take %s', (value, text) => expect(duration(value)).toBe(text));

  it('does not flicker with fractions of ages', () => {
    expect(age(8_900)).toBe('8 s');
    expect(age(200_900)).toBe('3 min 20 s');
    expect(ago(1_000, 1_500)).toBe('just now');
    expect(ago(1_000, 46_900)).toBe('45 s ago');
    expect(ago(0, 3 * 3_600_000)).toBe('3 h ago');
    expect(ago(0, 72 * 3_600_000)).toBe('3 d ago');
    expect(ago(undefined, 5)).toBe('never');
    expect(ago(10_000, 5_000), 'a clock that is ahead').toBe('just now');
  });

  it('writes times of day, and a dash for what is none', () => {
    const at = new Date(2026, 10, 28, 5, 6, 7).getTime();
    expect(absolute(at)).toBe('2026-11-28 05:06:07');
    expect(timeOfDay(at)).toBe('05:06:07');
    expect(absolute(Number.NaN)).toBe('–');
    expect(timeOfDay(1e300)).toBe('–');
  });

  it('gives as many digits as say something', () => {
    expect(figure(0.4123, 'ms')).toBe('0.41 ms');
    expect(figure(12.34, 'ms')).toBe('12.3 ms');
    expect(figure(12_345.6, '1/s')).toBe('12,346 1/s');
    expect(figure(2_048, 'bytes/s')).toBe('2.00 KiB/s');
    expect(figure(undefined, 'ms')).toBe('–');
  });

  it('counts in words', () => {
    expect(plural(1, 'node')).toBe('1 node');
    expect(plural(12_000, 'node')).toBe('12,000 nodes');
    expect(plural(2, 'registry', 'registries')).toBe('2 registries');
    expect(share(1, 4)).toBe('25 %');
    expect(share(0, 0)).toBe('–');
    expect(count(Number.NaN)).toBe('–');
  });
});
