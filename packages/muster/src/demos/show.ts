/** A demo in text, for people. */
import { cell, facts } from '../cli/table.ts';
import type { Check, DemoReport, Step } from './story.ts';

export function showStep({ atMs, text }: Step): string {
  return `${(atMs / 1000).toFixed(1).padStart(6)} s  ${cell(text)}`;
}

export function showCheck({ name, passed, found }: Check): string {
  return `${passed ? '     ok' : '   FAIL'}   ${cell(name)}: ${cell(found)}`;
}

/** What stands at the end, after all that was told before. */
export function showReport({ demo, passed, ms, checks, figures, leftBehind }: DemoReport): string {
  const good = checks.filter((check) => check.passed).length;
  const verdict = passed ? 'PASS' : 'FAIL';
  const parts = [
    '',
    facts(Object.entries(figures).map(([name, value]) => [name, String(value)])),
    '',
    `${verdict}: ${demo}, ${good} of ${checks.length} checks hold, ${(ms / 1000).toFixed(1)} s. ${restored(leftBehind)}`,
  ];
  return parts.join('\n');
}

function restored(leftBehind: readonly string[]): string {
  if (leftBehind.length === 0) return 'The fleet is as it was found.';
  return `Not put right: ${leftBehind.map(cell).join('; ')}. Start the fleet anew if it does not recover.`;
}
