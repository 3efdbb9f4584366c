import { describe, expect, it } from 'vitest';
import { TARGETS, targetText, verdict } from '../../registry/targets.ts';

describe('targets', () => {
  it('are reached from their number on, or below it', () => {
    expect(verdict('log.append', 200_000)).toBe('pass');
    expect(verdict('log.append', 199_999)).toBe('MISS');
    expect(verdict('memory.1m', 511)).toBe('pass');
    expect(verdict('memory.1m', 512)).toBe('MISS');
    expect(verdict('echo.unpipelined', 1)).toBe('');
  });

  it('say in words what is wanted', () => {
    expect(targetText('heartbeat.unpipelined.ratio')).toBe('>= 1.3');
    expect(targetText('ready.1m')).toBe('< 5');
    expect(targetText('echo.unpipelined')).toBe('');
  });

  it('are set once for an id, one way', () => {
    expect(new Set(TARGETS.map(({ id }) => id)).size).toBe(TARGETS.length);
    for (const { atLeast, below } of TARGETS)
      expect([atLeast, below].filter((one) => one === undefined)).toHaveLength(1);
  });
});
