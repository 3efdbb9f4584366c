import { Counter, recordingLogger } from '@muster/core';
import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { ReplayWatch } from '../../src/engine/replay-watch.ts';

function watch(): { readonly watch: ReplayWatch; readonly suspected: Counter; readonly lines: () => number } {
  const suspected = new Counter();
  const logger = recordingLogger();
  return {
    watch: new ReplayWatch(8, seededRandom(1), suspected, logger),
    suspected,
    lines: () => logger.entries.length,
  };
}

const home = { address: '198.51.100.1', port: 1 };
const elsewhere = { address: '203.0.113.9', port: 2 };

describe('ReplayWatch (B-10)', () => {
  it('counts and logs a used signature that comes from another address', () => {
    const t = watch();
    t.watch.note(3, 7, home, false);
    t.watch.note(3, 7, elsewhere, true);
    expect(t.suspected.value).toBe(1);
    expect(t.lines()).toBe(1);
  });

  it('is silent about the same address, about new signatures, and about other nodes', () => {
    const t = watch();
    t.watch.note(3, 7, home, false);
    t.watch.note(3, 7, { ...home, port: 9 }, true);
    t.watch.note(3, 7, elsewhere, false);
    t.watch.note(4, 8, home, true);
    expect(t.suspected.value).toBe(0);
    expect(t.lines()).toBe(0);
  });

  it('logs the first and then samples, but counts all', () => {
    const t = watch();
    t.watch.note(3, 7, home, false);
    for (let i = 0; i < 100; i++) t.watch.note(3, 7, i % 2 === 0 ? elsewhere : home, true);
    expect(t.suspected.value).toBe(100);
    expect(t.lines()).toBe(1);
  });
});
