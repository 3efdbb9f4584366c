/** The tables of the command line's README, from its declarations. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../packages.ts';

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
