import { expect, test } from 'vitest';
import { LogSampler } from '../../src/index.ts';

test('the first of a key, then each 1000th', () => {
  const sampler = new LogSampler();
  const admitted: number[] = [];
  for (let i = 0; i < 2500; i++) {
    const count = sampler.admit('10.0.0.1:lookup');
    if (count !== undefined) admitted.push(count);
  }
  expect(admitted).toEqual([1, 1001, 2001]);
  expect(sampler.admit('10.0.0.1:resolve')).toBe(1);
});

test('a flood of keys is sampled as one, and the oldest keys make room', () => {
  const sampler = new LogSampler({ maxKeys: 3, interval: 10 });
  for (const key of ['a', 'b', 'c']) expect(sampler.admit(key)).toBe(1);
  let admitted = 0;
  for (let i = 0; i < 100; i++) if (sampler.admit(`stranger ${i}`) !== undefined) admitted += 1;
  expect(admitted).toBe(10);
  expect(sampler.admit('stranger 90')).toBeUndefined();
  for (let i = 3; i <= 10; i++) expect(sampler.admit('stranger 90')).toBeUndefined();
  expect(sampler.admit('stranger 90')).toBe(11);
});

test('at most 10,000 keys are counted one by one', () => {
  const sampler = new LogSampler();
  for (let i = 0; i < 10_000; i++) expect(sampler.admit(String(i))).toBe(1);
  expect(sampler.admit('first beyond')).toBe(1);
  expect(sampler.admit('second beyond')).toBeUndefined();
});
