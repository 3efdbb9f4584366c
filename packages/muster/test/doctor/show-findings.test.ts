import { expect, it } from 'vitest';
import type { CheckedFinding } from '../../src/doctor/finding.ts';
import { findingLines } from '../../src/doctor/show-findings.ts';

const good = (count: number): readonly CheckedFinding[] =>
  Array.from({ length: count }, (_, index) => ({
    check: 'ports' as const,
    status: 'ok' as const,
    what: `port ${index}`,
    found: 'free',
  }));
const bad: CheckedFinding = {
  check: 'ports',
  status: 'problem',
  what: 'port\u001b[31m of x',
  found: 'taken',
  fix: 'Change x.\nOr y.',
};

it('lists few good things, counts many, and leaves out nothing that is wrong', () => {
  const summary = { from: ['a', 'b'], problems: 1, warnings: 0 };
  const few = findingLines([...good(2), bad], summary);
  expect(few).toContain('ok      port 1: free');
  expect(few).toContain('        Change x.\n        Or y.');
  expect(few).not.toContain('\u001b');
  expect(few.endsWith('1 to change.')).toBe(true);
  const many = findingLines([...good(6), bad], summary);
  expect(many).toContain('ok      6 things are as they should be');
  expect(many).toContain('CHANGE  port');
  expect(many).toContain('Looked at a; b.');
});
