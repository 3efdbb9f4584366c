import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from './results.ts';
import { emptyPage, withResults } from './results-page.ts';
import type { Targets } from './targets.ts';

const USAGE = 'usage: node benchmarks/harness/write-results.ts <service> figures.json';

/** Puts the figures of a `--json` run into the service's RESULTS.md, between its two marks; makes the page if need be. */
async function main([service, path]: readonly string[]): Promise<void> {
  if (service === undefined || path === undefined || !/^[a-z][a-z-]*$/.test(service)) throw new Error(USAGE);
  const folder = join(import.meta.dirname, '..', service);
  const page = join(folder, 'RESULTS.md');
  const { TARGETS } = (await import(join(folder, 'targets.ts'))) as { readonly TARGETS: Targets };
  const { results } = JSON.parse(readFileSync(path, 'utf8')) as { readonly results: readonly Result[] };
  const text = existsSync(page) ? readFileSync(page, 'utf8') : emptyPage(service);
  writeFileSync(page, withResults(text, results, TARGETS));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
