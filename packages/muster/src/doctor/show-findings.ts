/** Findings as a person reads them. */
import { cell } from '../cli/table.ts';
import type { CheckedFinding, Finding } from './finding.ts';

const MARKS: Readonly<Record<Finding['status'], string>> = { ok: 'ok', warning: 'look', problem: 'CHANGE' };

/** One finding; what to change stands below it. */
export function findingText({ status, what, found, fix }: Finding): string {
  const first = `${MARKS[status].padEnd(6)}  ${cell(what)}: ${cell(found)}`;
  const rest = (fix ?? '').split('\n').map((line) => `        ${cell(line)}`);
  return fix === undefined ? first : [first, ...rest].join('\n');
}

/** More of what is as it should be in one part is counted, not listed; all of it is in the JSON. */
const MAX_GOOD = 5;

/** The findings of a whole examination, by part. */
export function findingLines(
  findings: readonly CheckedFinding[],
  summary: { readonly from: readonly string[]; readonly problems: number; readonly warnings: number },
): string {
  const parts = Map.groupBy(findings, ({ check }) => check);
  const sections = [...parts].map(([check, some]) => [check, ...partLines(some)].join('\n'));
  return [`Looked at ${summary.from.join('; ')}.`, ...sections, endOf(summary)].join('\n\n');
}

function partLines(findings: readonly CheckedFinding[]): readonly string[] {
  const good = findings.filter(({ status }) => status === 'ok');
  if (good.length <= MAX_GOOD) return findings.map(findingText);
  const others = findings.filter(({ status }) => status !== 'ok').map(findingText);
  return [
    `${MARKS.ok.padEnd(6)}  ${good.length} things are as they should be (--json lists them)`,
    ...others,
  ];
}

/** The last line. */
export function endOf({
  problems,
  warnings = 0,
}: {
  readonly problems: number;
  readonly warnings?: number;
}): string {
  const doubts = warnings === 0 ? '' : ` ${warnings} to look at.`;
  return problems === 0 ? `Nothing has to be changed.${doubts}` : `${problems} to change.${doubts}`;
}
