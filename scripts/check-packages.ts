/**
 * Packs the built packages into `build/packages/`, installs the tarballs into an empty project, and uses them from
 * there: from JavaScript, from TypeScript, and from the shell. What passes here can be published.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  entryPoints,
  publishedManifest,
  publishedPackages,
  root,
  type WorkspacePackage,
} from './packages.ts';

const tarballFolder = join(root, 'build/packages');

function run(command: string, args: readonly string[], folder: string): string {
  const { status, stdout } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} failed\n${stdout}`);
}

/** Packs a package as it is published, and checks what is in the tarball. Returns its path. */
function pack({ folder, manifest }: WorkspacePackage, staging: string): string {
  const published = publishedManifest(manifest);
  mkdirSync(staging, { recursive: true });
  for (const file of [...(manifest.files ?? []), 'README.md', 'LICENSE']) {
    cpSync(join(folder, file), join(staging, file), { recursive: true });
  }
  writeFileSync(join(staging, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`);
  const output = run('npm', ['pack', '--json', '--pack-destination', tarballFolder], staging);
  const { filename, files } = packResult(output);
  const paths = new Set(files.map(({ path }) => path));
  for (const needed of ['LICENSE', 'README.md', ...entryPoints(published)]) {
    if (!paths.has(needed.replace(/^\.\//, '')))
      throw new Error(`${manifest.name}: the tarball lacks ${needed}`);
  }
  const source = [...paths].find((path) => /(?<!\.d)\.ts$/.test(path));
  if (source !== undefined)
    throw new Error(`${manifest.name}: the tarball holds TypeScript source, ${source}`);
  return join(tarballFolder, filename);
}

interface PackResult {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** Versions of npm answer with a list of one, or with an object by name of package. */
function packResult(output: string): PackResult {
  const answer = JSON.parse(output) as readonly PackResult[] | Readonly<Record<string, PackResult>>;
  const [result] = Object.values(answer) as readonly PackResult[];
  if (result === undefined) throw new Error('npm pack answered nothing');
  return result;
}

/** Every published entry, imported under a name of its own. */
function importStatements(packages: readonly WorkspacePackage[]): {
  readonly names: string[];
  readonly text: string;
} {
  const specifiers = packages.flatMap(({ manifest }) =>
    Object.keys(manifest.exports ?? {}).map((entry) => manifest.name + entry.slice(1)),
  );
  const names = specifiers.map((_, index) => `entry${index}`);
  const lines = specifiers.map((specifier, index) => `import * as entry${index} from '${specifier}';`);
  return { names, text: `${lines.join('\n')}\n` };
}

function checkJavaScript(project: string, packages: readonly WorkspacePackage[]): void {
  const { names, text } = importStatements(packages);
  const check = `for (const entry of [${names.join(', ')}]) if (Object.keys(entry).length === 0) throw new Error('empty');`;
  writeFileSync(join(project, 'use.mjs'), `${text}${check}\n`);
  run(process.execPath, ['use.mjs'], project);
}

function checkTypeScript(project: string, packages: readonly WorkspacePackage[]): void {
  const { names, text } = importStatements(packages);
  writeFileSync(
    join(project, 'use.ts'),
    `${text}export const entries: readonly object[] = [${names.join(', ')}];\n`,
  );
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    module: 'nodenext',
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    types: ['node'],
    noEmit: true,
    skipLibCheck: false,
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  run(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json'], project);
}

const packages = publishedPackages();
const project = mkdtempSync(join(tmpdir(), 'muster-packages-'));
try {
  rmSync(tarballFolder, { recursive: true, force: true });
  mkdirSync(tarballFolder, { recursive: true });
  const tarballs = packages.map((each, index) => pack(each, join(project, 'staging', String(index))));
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const consumer = join(project, 'consumer');
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), '{"name":"consumer","private":true,"type":"module"}\n');
  const nodeTypes = `@types/node@${devDependencies['@types/node']}`;
  run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs, nodeTypes], consumer);
  checkJavaScript(consumer, packages);
  checkTypeScript(consumer, packages);
  const help = run(join(consumer, 'node_modules/.bin/muster'), ['--help'], consumer);
  if (!/muster/i.test(help)) throw new Error('the installed program does not print its usage');
  console.log(`${packages.map(({ manifest }) => manifest.name).join(', ')}: packed, installed and used`);
} finally {
  rmSync(project, { recursive: true, force: true });
}
