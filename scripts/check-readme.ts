/**
 * Executes what the documentation shows: README.md in a fresh clone of what is committed, as someone does who has just found the
 * project, and then the tutorials and docs/OPERATIONS.md, each in an empty folder, with that clone's `muster` and `node`. How a block
 * says what to do with it is in scripts/readme/blocks.ts.
 *
 *     npm run check:readme                                   # all, in a clone
 *     npm run check:readme -- docs/tutorials/embed.md        # some, in a clone
 *     npm run check:readme -- --here docs/tutorials/embed.md # some, with this checkout and its modules
 */

import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { root } from './packages.ts';
import { blocksOf } from './readme/blocks.ts';
import { executePage } from './readme/execute.ts';

const README = 'README.md';

/** The pages whose blocks are executed; README.md installs what the others use. */
const PAGES = [README, ...globSync('docs/tutorials/[a-z]*.md', { cwd: root }).sort(), 'docs/OPERATIONS.md'];

/** The search path without the programs that npm put there: a newcomer's shell does not have them. */
const PLAIN_PATH = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter);

/** What a newcomer's shell has, with a home of its own: the real one keeps the keys of whoever runs this. */
function environmentIn(home: string): Readonly<Record<string, string | undefined>> {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|MUSTER|OCDISCOVERY|GANTRY)/i.test(name),
  );
  return {
    ...Object.fromEntries(own),
    PATH: PLAIN_PATH,
    HOME: home,
    npm_config_userconfig: process.env['npm_config_userconfig'] ?? join(homedir(), '.npmrc'),
    npm_config_cache: process.env['npm_config_cache'] ?? join(homedir(), '.npm'),
  };
}

function clone(folder: string): string {
  const { status } = spawnSync('git', ['clone', '--quiet', root, 'muster'], {
    cwd: folder,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('the repository could not be cloned');
  return join(folder, 'muster');
}

async function executeAll(pages: readonly string[], folder: string, isHere: boolean): Promise<number> {
  const checkout = isHere ? root : clone(folder);
  const home = join(folder, 'home');
  mkdirSync(home);
  const environment = environmentIn(home);
  if (!isHere && !pages.includes(README)) {
    const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: checkout,
      stdio: 'inherit',
    });
    if (status !== 0) throw new Error('the modules could not be installed');
  }
  let count = 0;
  for (const page of pages) {
    const blocks = blocksOf(readFileSync(join(checkout, page), 'utf8'));
    if (!blocks.some(({ mode }) => mode === 'run' || mode === 'start'))
      throw new Error(`${page} shows no command that is executed`);
    count += blocks.length;
    if (page === README) {
      await executePage(blocks, { page, folder: checkout, environment });
      continue;
    }
    const place = join(folder, basename(page, '.md'));
    mkdirSync(place);
    const PATH = `${join(checkout, 'node_modules/.bin')}${delimiter}${PLAIN_PATH}`;
    await executePage(blocks, {
      page,
      folder: place,
      environment: { ...environment, PATH, MUSTER: checkout },
    });
  }
  return count;
}

const isHere = process.argv.includes('--here');
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const pages = named.length > 0 ? named : PAGES.filter((page) => !isHere || page !== README);
if (isHere && pages.includes(README))
  throw new Error(`${README} installs modules: it needs a clone, not --here`);
const folder = mkdtempSync(join(tmpdir(), 'muster-readme-'));
try {
  const count = await executeAll(pages, folder, isHere);
  console.log(`${count} blocks of ${pages.join(', ')}: as they are written`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
// What a page has left behind must not keep this from ending.
process.exit();
