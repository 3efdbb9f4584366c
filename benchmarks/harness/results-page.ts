/** The page `RESULTS.md` of a service: text by hand, and between two marks a table that is written from a run. */

import { formatValue, type Result } from './results.ts';
import type { Targets } from './targets.ts';

const BEGIN = '<!-- figures: written by write-results.ts -->';
const END = '<!-- end of figures -->';

/** A page without figures. */
export function emptyPage(service: string): string {
  return `# Results: ${service}\n\nHow it is measured, and what the ids mean: [README](README.md).\n\n${BEGIN}\n${END}\n`;
}

/** The page with the figures in it. Throws an error when the page lacks a mark. */
export function withResults(page: string, results: readonly Result[], targets: Targets): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error('the page has not both marks');
  return `${page.slice(0, begin + BEGIN.length)}\n\n${tableOf(results, targets)}\n\n${page.slice(end)}`;
}

/** Each note ends with what is the same for all: command and machine. */
function tableOf(results: readonly Result[], targets: Targets): string {
  const [command = '', machine = ''] = (results[0]?.note ?? '').split('; ').slice(-2);
  const rows = results.map(({ id, value, unit, note }) => {
    const own = note.split('; ').slice(0, -2).join('; ');
    const cells = [`\`${id}\``, formatValue(value), unit, targets.text(id), targets.verdict(id, value), own];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return [
    `Command: \`${command}\`. Machine: ${machine}.`,
    '',
    '| id | figure | unit | target | | how |',
    '|---|---:|---|---|---|---|',
    ...rows,
  ].join('\n');
}
