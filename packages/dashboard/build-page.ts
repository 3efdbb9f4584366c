/**
 * Builds the page into `dist/page/`: `node build-page.ts`. With `--if-stale` only when its sources are not those that the last
 * build was made of, which takes a few milliseconds to see.
 */

import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const dist = join(folder, 'dist');
const target = join(dist, 'page');
const stamp = join(dist, 'page.sha256');
/** What the page is made of. */
const INPUTS = ['page', 'src/protocol', 'build-page.ts', 'package.json'];
/** Packages whose code is in the page; their licences are put beside it. */
const BUNDLED = ['preact', 'uplot'];

/** The digest of all inputs, names and contents. */
function inputDigest(): string {
  const hash = createHash('sha256');
  for (const input of INPUTS) {
    const path = join(folder, input);
    const files = statSync(path).isDirectory()
      ? readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name))
      : [path];
    for (const file of files.sort()) {
      if (!statSync(file).isFile()) continue;
      hash
        .update(`${file.slice(folder.length)}\0`)
        .update(readFileSync(file))
        .update('\0');
    }
  }
  return hash.digest('hex');
}

function isFresh(digest: string): boolean {
  return (
    existsSync(join(target, 'index.html')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest
  );
}

async function build(outDir: string): Promise<void> {
  const { build: bundle } = await import('vite');
  await bundle({
    root: join(folder, 'page'),
    configFile: false,
    base: './',
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2023',
      // The content security policy of the page server allows no code and no styles in the document.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
  });
  writeFileSync(join(outDir, 'LICENSES.txt'), licences());
}

/** The licences of what is bundled, as they ask for it. */
function licences(): string {
  const require = createRequire(import.meta.url);
  return BUNDLED.map((name) => {
    let path = dirname(require.resolve(name));
    while (!existsSync(join(path, 'LICENSE'))) path = dirname(path);
    const { version } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as { version: string };
    return `${name} ${version}\n\n${readFileSync(join(path, 'LICENSE'), 'utf8').trim()}\n`;
  }).join(`\n${'-'.repeat(72)}\n\n`);
}

const digest = inputDigest();
if (!process.argv.includes('--if-stale') || !isFresh(digest)) {
  // Built beside and renamed: a server that runs meanwhile never serves half a page.
  const fresh = join(dist, `page-${process.pid}`);
  mkdirSync(dist, { recursive: true });
  try {
    await build(fresh);
    rmSync(target, { recursive: true, force: true });
    renameSync(fresh, target);
    writeFileSync(stamp, digest);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
