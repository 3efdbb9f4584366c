import { describe, expect, it } from 'vitest';
import { EmitterLimit } from '../../src/search/emitter-limit.ts';

describe('EmitterLimit', () => {
  const options = { maxQueries: 20, windowMs: 10_000, maxEmitters: 3 };

  it('takes 20 queries of an emitter in 10 s, and others are not affected', () => {
    const limit = new EmitterLimit(options);
    const taken = Array.from({ length: 25 }, (_, index) => limit.take('a', index));
    expect(taken.filter(Boolean)).toHaveLength(20);
    expect(limit.take('b', 25)).toBe(true);
    expect(limit.take('a', 9_999)).toBe(false);
    expect(limit.take('a', 10_000)).toBe(true);
    expect(limit.take('a', 10_000)).toBe(false);
  });

  it('remembers a bounded number of emitters, and forgets those that fell silent', () => {
    const limit = new EmitterLimit(options);
    for (const emitter of ['a', 'b', 'c']) expect(limit.take(emitter, 0)).toBe(true);
    expect(limit.take('d', 9_999)).toBe(false);
    expect(limit.take('a', 9_999)).toBe(true);
    expect(limit.take('d', 10_000)).toBe(true);
    expect(limit.take('e', 10_000)).toBe(true);
    expect(limit.take('f', 10_000)).toBe(false);
  });
});
