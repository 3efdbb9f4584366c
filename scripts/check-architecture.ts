/**
 * Checks the rules that linters do not know: who may import whom, where clocks and disks may be used, how long files
 * and functions may be, how dependencies are declared, what tests may not contain. Prints `file:line: message` for
 * each finding and fails when there is one.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkAmbient } from './architecture/ambient.ts';
import { checkDependencies, checkLockfile } from './architecture/dependencies.ts';
import { AMBIENT_FILES, LONG_FILES, LONG_FUNCTIONS } from './architecture/exceptions.ts';
import { checkImports, type PackageDependencies } from './architecture/imports.ts';
import { checkSize } from './architecture/size.ts';
import { type Finding, parseSources } from './architecture/source.ts';
import { checkTests } from './architecture/tests.ts';
import { checkTrackedText, type MachineNames } from './architecture/tracked-text.ts';

const root = dirname(import.meta.dirname);
const SCRIPTS = /^(packages\/[^/]+\/(src|test|page)|scripts|benchmarks|simulation|interop)\/.*\.tsx?$/;
/** Vectors are data of others; binary files have no lines. */
const NOT_TEXT = /(^|\/)test\/vectors\/|\.(bin|png|ico|gz|tgz)$/;

function repositoryTexts(): ReadonlyMap<string, string> {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
  });
  const texts = new Map<string, string>();
  for (const file of new Set(listed.split('\0'))) {
    const path = join(root, file);
    if (file === '' || NOT_TEXT.test(file) || statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
      continue;
    texts.set(file, readFileSync(path, 'utf8'));
  }
  return texts;
}

function machineNames(): MachineNames {
  const parent = dirname(root);
  const registry = execFileSync('npm', ['config', 'get', 'registry'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
  return {
    parentFolder: ['/', '/tmp', '/opt', '/srv'].includes(parent) ? undefined : `${parent}/`,
    registryHost: URL.canParse(registry) ? new URL(registry).host : undefined,
  };
}

function select(texts: ReadonlyMap<string, string>, pattern: RegExp): ReadonlyMap<string, string> {
  return new Map([...texts].filter(([file]) => pattern.test(file)));
}

const texts = repositoryTexts();
const sources = parseSources(select(texts, SCRIPTS));
const manifests = select(texts, /^(packages\/[^/]+\/)?package\.json$/);
const packages = new Map<string, PackageDependencies>();
for (const [file, text] of manifests) {
  const name = /^packages\/([^/]+)\//.exec(file)?.[1];
  if (name !== undefined) packages.set(name, JSON.parse(text) as PackageDependencies);
}
const findings: readonly Finding[] = [
  ...checkImports(sources, packages),
  ...checkAmbient(sources, AMBIENT_FILES),
  ...checkSize(sources, { files: LONG_FILES, functions: LONG_FUNCTIONS }),
  ...checkTests(sources),
  ...checkDependencies(manifests, texts.get('docs/DEPENDENCIES.md') ?? ''),
  ...checkLockfile('package-lock.json', texts.get('package-lock.json') ?? '{"packages":{}}'),
  ...checkTrackedText(texts, machineNames()),
];
for (const { file, line, message } of findings) console.error(`${file}:${line}: ${message}`);
if (findings.length > 0) {
  console.error(`${findings.length} findings; the rules and their reasons are in docs/ARCHITECTURE.md`);
  process.exitCode = 1;
}
