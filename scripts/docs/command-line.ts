/** The tables of the command line's README, and the exit codes of docs/OPERATIONS.md, from declarations. */
import { EXIT_CODES } from '@muster/core';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../packages.ts';
import { table } from './pages.ts';

/** The page that has them. */
export const COMMAND_LINE_README = join(root, 'packages/muster/README.md');

const TABLES = join(root, 'packages/muster/test/support/readme-tables.ts');
const END = '<!-- end -->';

/** The page with its tables as they are declared. Rejects when a table has no place. */
export async function withTables(page: string): Promise<string> {
  const { README_TABLES: tables } = (await import(pathToFileURL(TABLES).href)) as {
    readonly README_TABLES: Readonly<Record<string, string>>;
  };
  let text = page;
  for (const [mark, table] of Object.entries(tables)) {
    const start = text.indexOf(mark);
    const end = text.indexOf(END, start);
    if (start === -1 || end === -1) throw new Error(`packages/muster/README.md has no place for ${mark}`);
    text = `${text.slice(0, start + mark.length)}\n${table}\n${text.slice(end)}`;
  }
  return text;
}

/** The page that has the exit codes for operators. */
export const OPERATIONS_PAGE = join(root, 'docs/OPERATIONS.md');

const EXIT_CODES_BEGIN = '<!-- exit codes: written by `npm run docs` -->';
const EXIT_CODES_END = '<!-- end of exit codes -->';

/** The page with the exit codes as they are declared. Throws when they have no place. */
export function withExitCodes(page: string): string {
  const start = page.indexOf(EXIT_CODES_BEGIN);
  const end = page.indexOf(EXIT_CODES_END);
  if (start === -1 || end < start) throw new Error('docs/OPERATIONS.md has no place for the exit codes');
  const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code), meaning]);
  const before = page.slice(0, start + EXIT_CODES_BEGIN.length);
  return `${before}\n\n${table(['Code', 'Meaning'], rows)}\n\n${page.slice(end)}`;
}
