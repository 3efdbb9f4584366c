import { describe, expect, it } from 'vitest';
import { count, showBytes, terminalProgress } from '../../src/cli/progress.ts';
import { TestIo } from '../support/test-io.ts';

describe('progress', () => {
  it('is silent in a pipe, and when JSON is wanted', () => {
    for (const [isTerminal, enabled] of [
      [false, true],
      [true, false],
    ] as const) {
      const io = new TestIo({ isTerminal });
      const progress = terminalProgress(io.stderr, enabled);
      progress.update('half');
      progress.end();
      expect(io.written.stderr).toBe('');
    }
  });

  it('is one line on a terminal, which is gone at the end', () => {
    const io = new TestIo({ isTerminal: true });
    const progress = terminalProgress(io.stderr, true);
    progress.update('half');
    progress.update('too soon after it');
    expect(io.written.stderr).toBe('\r\u001b[2Khalf');
    progress.end();
    progress.end();
    expect(io.written.stderr).toBe('\r\u001b[2Khalf\r\u001b[2K');
  });

  it('writes amounts as people do', () => {
    expect([0, 999, 1000, 1_234_567, 5e15].map(showBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '1.2 MB',
      '5000.0 TB',
    ]);
    expect([count(0, 'node'), count(1, 'node'), count(2, 'entry', 'entries')]).toEqual([
      '0 nodes',
      '1 node',
      '2 entries',
    ]);
  });
});
