/**
 * Writes the reference pages to `docs/reference/` from the declarations in the source: the messages of the registry, every
 * family of errors, the settings, the metrics, the HTTP routes. scripts/test/docs.test.ts compares them.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REFERENCE_FOLDER, referencePages } from './docs/reference.ts';

mkdirSync(REFERENCE_FOLDER, { recursive: true });
for (const [name, text] of Object.entries(await referencePages())) {
  writeFileSync(join(REFERENCE_FOLDER, name), text);
  console.log(`wrote docs/reference/${name}`);
}
