import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { emptyPage } from '../harness/results-page.ts';
import type { Result } from '../harness/results.ts';
import { withComparison } from './comparison.ts';

/** Puts the table of 25.5 into RESULTS.md, from the figures of a `--json` run that measured `comparison`. */
function main([path]: readonly string[]): void {
  if (path === undefined) {
    throw new Error('usage: node benchmarks/coordination/write-comparison.ts figures.json');
  }
  const page = join(import.meta.dirname, 'RESULTS.md');
  const { results } = JSON.parse(readFileSync(path, 'utf8')) as { readonly results: readonly Result[] };
  writeFileSync(
    page,
    withComparison(existsSync(page) ? readFileSync(page, 'utf8') : emptyPage('coordination'), results),
  );
}

try {
  main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
