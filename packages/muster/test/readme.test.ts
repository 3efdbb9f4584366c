import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { NOT_IN_THIS_VERSION, registrySettings, WITHOUT_EFFECT } from '../src/settings/registry-settings.ts';
import { README_TABLES } from './support/readme-tables.ts';

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');

describe('README.md', () => {
  it.each(Object.entries(README_TABLES))('has the table %s as it is declared', (mark, table) => {
    const start = readme.indexOf(mark);
    expect(start).toBeGreaterThan(0);
    const shown = readme.slice(start + mark.length, readme.indexOf('<!-- end -->', start));
    expect(shown.trim()).toBe(table);
  });

  it('names the settings that are refused, and those without effect', () => {
    for (const [key, { group }] of Object.entries(registrySettings)) {
      if (group === NOT_IN_THIS_VERSION || group === WITHOUT_EFFECT) expect(readme).toContain(`\`${key}\``);
    }
  });
});
