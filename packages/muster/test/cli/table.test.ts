import { describe, expect, it } from 'vitest';
import { cell, facts, table } from '../../src/cli/table.ts';

describe('tables', () => {
  it('are aligned, without space at the end of a line', () => {
    const text = table(
      ['ID', 'NAME', 'TAGS'],
      [
        ['1', 'alpha', ''],
        ['12345', 'b', 'x,y'],
      ],
    );
    expect(text).toBe('ID     NAME   TAGS\n1      alpha\n12345  b      x,y');
  });

  it('show nothing that a terminal would act upon', () => {
    expect(cell('a\u001b[31mb\nc\u202ed\u009be')).toBe('a\uFFFD[31mb\uFFFDc\uFFFDd\uFFFDe');
    expect(table(['A'], [['x\ny']]).split('\n')).toHaveLength(2);
  });

  it('leave out facts that are not known', () => {
    expect(
      facts([
        ['id', '1'],
        ['hostname', undefined],
        ['real address', 'x'],
      ]),
    ).toBe('id            1\nreal address  x');
    expect(facts([])).toBe('');
  });
});
