/**
 * Writes the reference pages to `docs/reference/` from the declarations in the source: the operations of the registry,
 * every family of errors, every set of settings. The pages are not committed.
 */

import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ErrorFamily, Settings } from '@muster/core';
import { legacyOperations, operations } from '@muster/registry';
import { errorsPage, protocolPage, settingsPage } from './docs/pages.ts';
import { root } from './packages.ts';

/** What the modules that match `pattern` export and `is` recognises, by package and name of the export. */
async function exported<T>(pattern: string, is: (value: object) => boolean): Promise<ReadonlyMap<string, T>> {
  const found = new Map<string, T>();
  for (const file of globSync(join(root, pattern)).sort()) {
    const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(module)) {
      if (typeof value !== 'object' || value === null || !is(value)) continue;
      found.set(`${relative(join(root, 'packages'), file).split('/')[0]}: ${name}`, value as T);
    }
  }
  return found;
}

const isSettings = (value: object): boolean => {
  const entries: unknown[] = Object.values(value);
  return (
    entries.length > 0 &&
    entries.every(
      (entry) => typeof entry === 'object' && entry !== null && 'type' in entry && 'environment' in entry,
    )
  );
};

const families = await exported<ErrorFamily<string>>(
  'packages/*/src/**/*errors.ts',
  (value) => 'definitions' in value,
);
const settings = await exported<Settings>('packages/*/src/**/{*settings,settings/*}.ts', isSettings);
const pages = {
  'registry-protocol.md': protocolPage(operations, legacyOperations),
  'errors.md': errorsPage(families),
  'settings.md': settingsPage(settings),
};
const folder = join(root, 'docs/reference');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(pages)) {
  writeFileSync(join(folder, name), text);
  console.log(`wrote docs/reference/${name}`);
}
