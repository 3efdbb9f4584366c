import { describe, expect, it } from 'vitest';
import { Admission } from '../../src/transfer/admission.ts';
import { isTransferAddress, parseAlternates } from '../../src/transfer/headers.ts';
import { testDigest } from '../support/vectors.ts';

const digest = testDigest(1);

describe('Admission', () => {
  it('limits all readers and those of one digest', () => {
    const admission = new Admission({ maxServes: 3, fanoutPerDigest: 2 });
    const leave = admission.enter(digest, 'a', 0);
    expect(admission.enter(digest, 'b', 0)).toBeDefined();
    expect(admission.enter(digest, 'c', 0)).toBeUndefined();
    expect(admission.enter(testDigest(2), 'c', 0)).toBeDefined();
    expect(admission.enter(testDigest(3), 'd', 0)).toBeUndefined();
    leave?.();
    leave?.();
    expect(admission.active).toBe(2);
    expect(admission.enter(digest, 'c', 0)).toBeDefined();
  });

  it('names those who copied it in the last ten minutes, latest first, not who asks', () => {
    const admission = new Admission({ maxServes: 100, fanoutPerDigest: 100 });
    for (const [index, node] of ['a', 'b', 'c', ''].entries()) admission.enter(digest, node, index)?.();
    expect(admission.alternates(digest, 'b', 10)).toEqual(['c', 'a']);
    expect(admission.alternates(digest, '', 600_001)).toEqual(['c']);
    for (let index = 0; index < 100; index++) admission.enter(digest, `n${index}`, 5)?.();
    expect(admission.alternates(digest, 'x', 10)).toHaveLength(8);
  });

  it('remembers a bounded number of digests', () => {
    const admission = new Admission({ maxServes: 1e6, fanoutPerDigest: 1 });
    admission.enter(digest, 'a', 0);
    for (let index = 10; index < 3_000; index++) admission.enter(testDigest(index), 'a', 0)?.();
    // One that is being read is not forgotten.
    expect(admission.enter(digest, 'b', 0)).toBeUndefined();
    expect(admission.alternates(testDigest(10), 'x', 0)).toEqual([]);
  });
});

describe('addresses', () => {
  it.each(['10.0.0.1:5001', 'node-1.example:80', '[::1]:5001', '[fe80::1]:65535'])('%s is one', (text) => {
    expect(isTransferAddress(text)).toBe(true);
  });
  it.each([
    '',
    'x',
    'x:0',
    'x:65536',
    'x:1/path',
    'user@x:1',
    '::1:5001',
    'x:1?y',
    'x y:1',
    '-:1',
    'x:1\r\n',
  ])('%j is none', (text) => {
    expect(isTransferAddress(text)).toBe(false);
  });
  it('at most eight alternates are read, and nothing else', () => {
    const many = Array.from({ length: 20 }, (_, index) => `n${index}:1`).join(', ');
    expect(parseAlternates(`x, ${many}`)).toHaveLength(8);
    expect(parseAlternates('x'.repeat(10_000))).toEqual([]);
    expect(parseAlternates(undefined)).toEqual([]);
  });
});
