import { describe, expect, it } from 'vitest';
import { emptyPage, withResults } from '../../harness/results-page.ts';
import { Targets } from '../../harness/targets.ts';

const targets = new Targets([{ id: 'delay', atMost: 3 }]);
const results = [
  { id: 'delay', value: 3.5, unit: 's', note: 'median of 5 runs; npm run bench -- x; 2 x Processor' },
  { id: 'size', value: 12_345, unit: 'bytes', note: 'a|b; 1 run; npm run bench -- x; 2 x Processor' },
];

describe('the page of results', () => {
  it('gets a table with command and machine once, targets and verdicts', () => {
    const lines = withResults(emptyPage('x'), results, targets).split('\n');
    expect(lines[0]).toBe('# Results: x');
    expect(lines).toContain('Command: `npm run bench -- x`. Machine: 2 x Processor.');
    expect(lines).toContain('| `delay` | 3.5 | s | <= 3 | MISS | median of 5 runs |');
    expect(lines).toContain('| `size` | 12,345 | bytes |  |  | a\\|b; 1 run |');
  });

  it('keeps the text around the table when it is written again', () => {
    const page = `${emptyPage('x')}\nBy hand.\n`;
    const once = withResults(page, results, targets);
    expect(withResults(once, results, targets)).toBe(once);
    expect(once.endsWith('\nBy hand.\n')).toBe(true);
  });

  it('is not written over when it lacks the marks', () => {
    expect(() => withResults('# Something else\n', results, targets)).toThrow('marks');
  });
});
