import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OPERATIONS_PAGE, withExitCodes } from '../docs/command-line.ts';
import { REFERENCE_FOLDER, referencePages } from '../docs/reference.ts';

const pages = await referencePages();

test.each(Object.keys(pages))('docs/reference/%s is what the source declares', (name) => {
  const written = readFileSync(join(REFERENCE_FOLDER, name), 'utf8');
  expect(written === pages[name], `docs/reference/${name} is out of date: run \`npm run docs\``).toBe(true);
});

test('docs/OPERATIONS.md has the exit codes as they are declared', () => {
  const written = readFileSync(OPERATIONS_PAGE, 'utf8');
  expect(withExitCodes(written) === written, 'out of date: run `npm run docs`').toBe(true);
});
