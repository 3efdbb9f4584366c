import { expect, test } from 'vitest';
import { LogSampler, MAX_LOG_SAMPLE_KEYS } from '../../src/admission/index.ts';

test('the first line of a key passes, then each thousandth', () => {
  const sampler = new LogSampler();
  const passed: number[] = [];
  for (let line = 1; line <= 3_500; line++) if (sampler.sample('192.0.2.1:lookup') > 0) passed.push(line);
  expect(passed).toEqual([1, 1_000, 2_000, 3_000]);
  expect(sampler.sample('192.0.2.1:register')).toBe(1);
});

test('a flood of keys does not grow it', () => {
  const sampler = new LogSampler();
  for (let key = 0; key < 3 * MAX_LOG_SAMPLE_KEYS; key++) expect(sampler.sample(`${key}`)).toBe(1);
  expect(sampler.size).toBe(MAX_LOG_SAMPLE_KEYS);
  expect(sampler.sample('0')).toBe(1);
  expect(sampler.sample(`${3 * MAX_LOG_SAMPLE_KEYS - 1}`)).toBe(0);
});
