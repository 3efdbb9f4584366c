import { describe, expect, it } from 'vitest';
import { keysOf, press, type TopState } from '../../src/top/top-state.ts';
import { topOf } from './fixture.ts';

function typed(state: TopState, input: string, rows = 10, page = 4): TopState | 'quit' {
  let now: TopState | 'quit' = state;
  for (const key of keysOf(input)) {
    if (now === 'quit') return now;
    now = press(now, key, rows, page);
  }
  return now;
}

const cursorAfter = (input: string, rows = 10): number => {
  const state = typed(topOf(), input, rows);
  return state === 'quit' ? -1 : state.cursors.peers;
};

describe('keys', () => {
  it('are taken apart, and what is not known is left out', () => {
    expect(keysOf('a\u001b[A\u001b[1;5C\u001bOP\t日\u0001\u001b[200~')).toEqual([
      { kind: 'text', text: 'a' },
      { kind: 'up' },
      { kind: 'tab' },
      { kind: 'text', text: '日' },
    ]);
    expect(keysOf('\u001b')).toEqual([{ kind: 'escape' }]);
  });

  it.each(['q', '\u0003', '/abc\u0003'])('%j ends it', (input) => {
    expect(typed(topOf(), input)).toBe('quit');
  });

  it('move the selection, and not beyond the rows', () => {
    const down = '\u001b[B';
    expect(cursorAfter(down + down)).toBe(2);
    expect(cursorAfter(`${down}\u001b[A\u001b[A`)).toBe(0);
    expect(cursorAfter('\u001b[6~\u001b[6~')).toBe(8);
    expect(cursorAfter('\u001b[6~\u001b[6~\u001b[6~')).toBe(9);
    expect(cursorAfter('\u001b[F\u001b[5~')).toBe(5);
    expect(cursorAfter('\u001b[F\u001b[H')).toBe(0);
    expect(cursorAfter(down, 0)).toBe(0);
  });

  it('change the pane, there and back', () => {
    expect(typed(topOf(), '\t\t')).toMatchObject({ pane: 'pulls' });
    expect(typed(topOf(), '\u001b[Z')).toMatchObject({ pane: 'events' });
    expect(typed(topOf(), '2')).toMatchObject({ pane: 'indexers' });
    expect(typed(topOf(), '9')).toMatchObject({ pane: 'peers' });
  });

  it('sort each pane for itself', () => {
    const state = typed(topOf(), 'ss\ts');
    expect(state).toMatchObject({ sorts: { peers: 2, indexers: 1 } });
    expect(typed(topOf(), 'ssss')).toMatchObject({ sorts: { peers: 0 } });
  });

  it('filter: letters are letters then, and a filter has a largest length', () => {
    expect(typed(topOf(), '/qs\r')).toMatchObject({ filter: 'qs', isFiltering: false });
    expect(typed(topOf(), '/日x\u007f\u007fa')).toMatchObject({ filter: 'a', isFiltering: true });
    expect(typed(topOf(), '/abc\u001b')).toMatchObject({ filter: '', isFiltering: false });
    expect(typed(topOf(), '/abc\r\u001b')).toMatchObject({ filter: '' });
    const long = typed(topOf(), `/${'x'.repeat(1_000)}`);
    expect(long === 'quit' ? '' : long.filter).toHaveLength(64);
  });
});
