import { describe, expect, it } from 'vitest';
import { TARGETS } from '../../discovery/targets.ts';

describe('targets of discovery', () => {
  it('are those of the specification', () => {
    expect(TARGETS.text('convergence.healthy.p95')).toBe('<= 10');
    expect(TARGETS.text('rss.node.idle')).toBe('<= 140');
    expect(TARGETS.text('shutdown')).toBe('< 3');
    expect(TARGETS.verdict('recall', 98.9)).toBe('MISS');
    expect(TARGETS.verdict('hb.rate', 1)).toBe('');
  });
});
