/**
 * Writes the reference pages to `docs/reference/` from the declarations in the source: the messages of the registry, every
 * family of errors, the settings, the metrics, the HTTP routes; and the figures of README.md from the results of the
 * benchmark; and the tables of packages/muster/README.md. Tests compare them.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND_LINE_README, OPERATIONS_PAGE, withExitCodes, withTables } from './docs/command-line.ts';
import { withFigures } from './docs/figures.ts';
import { REFERENCE_FOLDER, referencePages } from './docs/reference.ts';
import { root } from './packages.ts';

mkdirSync(REFERENCE_FOLDER, { recursive: true });
for (const [name, text] of Object.entries(await referencePages())) {
  writeFileSync(join(REFERENCE_FOLDER, name), text);
  console.log(`wrote docs/reference/${name}`);
}

const readme = join(root, 'README.md');
const results = readFileSync(join(root, 'benchmarks/registry/RESULTS.md'), 'utf8');
writeFileSync(readme, withFigures(readFileSync(readme, 'utf8'), results));
console.log('wrote the figures of README.md');

writeFileSync(COMMAND_LINE_README, await withTables(readFileSync(COMMAND_LINE_README, 'utf8')));
console.log('wrote the tables of packages/muster/README.md');

writeFileSync(OPERATIONS_PAGE, withExitCodes(readFileSync(OPERATIONS_PAGE, 'utf8')));
console.log('wrote the exit codes of docs/OPERATIONS.md');
