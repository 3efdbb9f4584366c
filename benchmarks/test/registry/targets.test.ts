import { describe, expect, it } from 'vitest';
import { TARGETS } from '../../registry/targets.ts';

describe('targets of the registry', () => {
  it('are reached from their number on, or below it', () => {
    expect(TARGETS.verdict('log.append', 200_000)).toBe('pass');
    expect(TARGETS.verdict('log.append', 199_999)).toBe('MISS');
    expect(TARGETS.verdict('memory.1m', 511)).toBe('pass');
    expect(TARGETS.verdict('memory.1m', 512)).toBe('MISS');
    expect(TARGETS.verdict('echo.unpipelined', 1)).toBe('');
  });
});
