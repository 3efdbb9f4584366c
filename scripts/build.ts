/**
 * Compiles every published package to `dist/`: JavaScript, types, source maps, and what its own `build` script adds. Packages are compiled in order of
 * dependency, each against the compiled types of those below it, as a user of the published packages would see them. A package that has more to build says so in its script `build`.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  entryPoints,
  publishedManifest,
  publishedPackages,
  root,
  type WorkspacePackage,
} from './packages.ts';

function build({ folder, manifest }: WorkspacePackage): void {
  const dist = join(folder, 'dist');
  rmSync(dist, { recursive: true, force: true });
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { status } = spawnSync(tsc, ['-p', join(folder, 'tsconfig.build.json')], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${manifest.name} does not compile`);
  rewriteTypeImports(dist);
  if (manifest.scripts?.['build'] !== undefined) buildFurther(folder, manifest.name);
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  for (const entry of entryPoints(publishedManifest(manifest))) {
    if (/(?<!\.d)\.ts$/.test(entry))
      throw new Error(`${manifest.name} publishes TypeScript source: ${entry}`);
    if (!existsSync(join(folder, entry)))
      throw new Error(`${manifest.name} publishes ${entry}, which is not there`);
  }
  console.log(`built ${manifest.name} in ${relative(root, dist)}`);
}

/** What a package makes beside its modules: the page of the dashboard. */
function buildFurther(folder: string, name: string): void {
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${name}: its own build fails`);
}

/** The compiler rewrites `.ts` specifiers in JavaScript, but leaves them as they are in declarations. */
function rewriteTypeImports(dist: string): void {
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.d.ts')) continue;
    const path = join(dist, file);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replaceAll(/(['"])(\.{1,2}\/[^'"]*)\.ts\1/g, '$1$2.js$1'));
  }
}

try {
  for (const each of publishedPackages()) build(each);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
