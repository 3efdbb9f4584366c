/**
 * Packs the built packages into `build/packages/`, looks into the tarballs, installs each with nothing but what it asks for into an
 * empty project, and uses them from there: from JavaScript, from TypeScript, and from the shell. What passes here can be published.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publishedPackages, root, type WorkspacePackage } from './packages.ts';
import { install, run, useFromJavaScript, useFromTypeScript } from './publish/consumer.ts';
import { BUDGETS_KIB, pack, type Tarball, TARBALL_FOLDER as tarballFolder } from './publish/tarball.ts';

/** A package and all of ours that it needs. */
function closureOf(
  { manifest }: WorkspacePackage,
  packages: readonly WorkspacePackage[],
): readonly WorkspacePackage[] {
  const needed = new Set([manifest.name]);
  for (const each of packages.toReversed()) {
    if (!needed.has(each.manifest.name)) continue;
    for (const name of Object.keys(each.manifest.dependencies ?? {})) needed.add(name);
  }
  return packages.filter((each) => needed.has(each.manifest.name));
}

function sizeRow({ name, packedBytes, unpackedBytes, files }: Tarball): string {
  const kib = (bytes: number): string => `${Math.ceil(bytes / 1024)} KiB`.padStart(10);
  return `${name.padEnd(22)}${kib(packedBytes)}${`${BUDGETS_KIB[name]} KiB`.padStart(10)}${kib(unpackedBytes)}${String(files).padStart(7)}`;
}

const packages = publishedPackages();
const project = mkdtempSync(join(tmpdir(), 'muster-packages-'));
try {
  rmSync(tarballFolder, { recursive: true, force: true });
  mkdirSync(tarballFolder, { recursive: true });
  const tarballs = packages.map((each, index) =>
    pack(each, join(project, 'staging', String(index)), tarballFolder),
  );
  console.log(
    `${'package'.padEnd(22)}${'packed'.padStart(10)}${'budget'.padStart(10)}${'unpacked'.padStart(10)}  files`,
  );
  for (const tarball of tarballs) console.log(sizeRow(tarball));
  const problems = tarballs.flatMap(({ name, problems: each }) =>
    each.map((problem) => `${name}: ${problem}`),
  );
  if (problems.length > 0) throw new Error(problems.join('\n'));

  const pathOf = new Map(tarballs.map(({ name, path }) => [name, path]));
  const pathsOf = (some: readonly WorkspacePackage[]): readonly string[] =>
    some.map(({ manifest }) => pathOf.get(manifest.name) ?? '');
  for (const each of packages) {
    const alone = join(project, 'alone', each.manifest.name.replace('/', '-'));
    install(alone, pathsOf(closureOf(each, packages)));
    useFromJavaScript(alone, [each]);
    rmSync(alone, { recursive: true, force: true });
    console.log(`${each.manifest.name}: installed alone, imported and required`);
  }

  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const consumer = join(project, 'consumer');
  install(consumer, [...pathsOf(packages), `@types/node@${devDependencies['@types/node']}`]);
  useFromTypeScript(consumer, packages);
  const help = run(join(consumer, 'node_modules/.bin/muster'), ['--help'], consumer);
  if (!/muster/i.test(help)) throw new Error('the installed program does not print its usage');
  console.log(`${packages.length} packages: packed, installed and used`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  rmSync(project, { recursive: true, force: true });
}
