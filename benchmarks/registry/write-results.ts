import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatValue, type Result } from '../harness/results.ts';
import { targetText, verdict } from './targets.ts';

const RESULTS = join(import.meta.dirname, 'RESULTS.md');
const BEGIN = '<!-- figures: written by write-results.ts -->';
const END = '<!-- end of figures -->';

/** Puts the figures of a `--json` run into RESULTS.md, between its two marks. */
function main(path: string | undefined): void {
  if (path === undefined) throw new Error('usage: node benchmarks/registry/write-results.ts figures.json');
  const { results } = JSON.parse(readFileSync(path, 'utf8')) as { readonly results: readonly Result[] };
  const page = readFileSync(RESULTS, 'utf8');
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${RESULTS} has not both marks`);
  const head = page.slice(0, begin + BEGIN.length);
  writeFileSync(RESULTS, `${head}\n\n${tableOf(results)}\n\n${page.slice(end)}`);
}

/** Each note ends with what is the same for all: command and machine. */
function tableOf(results: readonly Result[]): string {
  const [command = '', machine = ''] = (results[0]?.note ?? '').split('; ').slice(-2);
  const rows = results.map(({ id, value, unit, note }) => {
    const own = note.split('; ').slice(0, -2).join('; ');
    const cells = [`\`${id}\``, formatValue(value), unit, targetText(id), verdict(id, value), own];
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

try {
  main(process.argv[2]);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
