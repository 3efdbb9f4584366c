import { coreErrors, defineSettings, EXIT_CODES } from '@muster/core';
import { legacyOperations, operations } from '@muster/registry';
import { expect, test } from 'vitest';
import { errorsPage, protocolPage, settingsPage, table } from '../../docs/pages.ts';

test('cells cannot break their table', () => {
  expect(table(['a', 'b'], [['x|y', 'one\n two']])).toBe('| a | b |\n| --- | --- |\n| x\\|y | one two |');
});

test('the protocol page has every operation with every field', () => {
  const page = protocolPage(operations, legacyOperations);
  for (const { type, fields } of [...operations, ...legacyOperations]) {
    const section = page.split(`\n### ${type}\n`)[1]?.split('\n### ')[0];
    for (const name of Object.keys(fields)) expect(section, type).toContain(`| \`${name}\` |`);
  }
});

test('the errors page has every code and every exit code', () => {
  const page = errorsPage(new Map([['core', coreErrors]]));
  for (const name of Object.keys(coreErrors.definitions)) expect(page).toContain(`| \`${name}\` |`);
  for (const { code } of Object.values(EXIT_CODES)) expect(page).toContain(`\n| ${code} |`);
});

test('the settings page has flags, environment and defaults, and the file of a secret', () => {
  const base = { description: 'D.', group: 'G' };
  const settings = defineSettings({
    'stale-threshold': { ...base, type: 'duration', environment: ['A', 'B'], default: '30m' },
    token: { ...base, type: 'secret', environment: 'TOKEN' },
  });
  const page = settingsPage(new Map([['x', settings]]));
  expect(page).toContain('| `--stale-threshold <duration>` | `A`, `B` | `30m` | D. |');
  expect(page).toContain('| `--token-file <path>` | `TOKEN_FILE` |');
});
