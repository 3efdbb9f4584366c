/** Packs a package as it is published, and says what its tarball lacks or should not hold. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { entryPoints, type Manifest, publishedManifest, root, type WorkspacePackage } from '../packages.ts';

/** Where the tarballs are. */
export const TARBALL_FOLDER = join(root, 'build/packages');

const LICENCE = 'Apache-2.0';
/** Of every published manifest; what a registry shows, and what installing and bundling go by. */
const NEEDED_FIELDS = [
  'version',
  'description',
  'keywords',
  'license',
  'type',
  'exports',
  'files',
  'engines',
  'sideEffects',
  'publishConfig',
] as const;

/**
 * What each tarball may take, compressed, in KiB: about a third more than it does. Beyond it somebody should look what has come in, and
 * raise the number if it belongs there.
 */
export const BUDGETS_KIB: Readonly<Record<string, number>> = {
  '@muster/core': 180,
  '@muster/client': 140,
  '@muster/registry': 1100,
  '@muster/discovery': 800,
  '@muster/coordination': 800,
  '@muster/dashboard': 120,
  muster: 1000,
};

/** A tarball that was made. */
export interface Tarball {
  readonly name: string;
  readonly path: string;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  readonly files: number;
  /** One line for each thing that is wrong. */
  readonly problems: readonly string[];
}

interface PackResult {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** Packs into `target`, by way of a folder that holds what is published and nothing else. Throws when npm fails. */
export function pack({ folder, manifest }: WorkspacePackage, staging: string, target: string): Tarball {
  const published = publishedManifest(manifest);
  mkdirSync(staging, { recursive: true });
  for (const file of [...(manifest.files ?? []), 'README.md', 'LICENSE']) {
    cpSync(join(folder, file), join(staging, file), { recursive: true });
  }
  writeFileSync(join(staging, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`);
  const { status, stdout } = spawnSync('npm', ['pack', '--json', '--pack-destination', target], {
    cwd: staging,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`npm pack of ${manifest.name} failed\n${stdout}`);
  const { filename, size, unpackedSize, files } = packResult(stdout);
  const paths = files.map(({ path }) => path);
  const read = (path: string): string => readFileSync(join(staging, path), 'utf8');
  return {
    name: manifest.name,
    path: join(target, filename),
    packedBytes: size,
    unpackedBytes: unpackedSize,
    files: files.length,
    problems: [
      ...manifestProblems(published),
      ...contentProblems(published, paths),
      ...mapProblems(paths, read),
      ...exportProblems(published, read),
      ...budgetProblems(manifest.name, size),
    ],
  };
}

/** Versions of npm answer with a list of one, or with an object by name of package. */
function packResult(output: string): PackResult {
  const answer = JSON.parse(output) as readonly PackResult[] | Readonly<Record<string, PackResult>>;
  const [result] = Object.values(answer) as readonly PackResult[];
  if (result === undefined) throw new Error('npm pack answered nothing');
  return result;
}

/** What is wrong with a published manifest. */
export function manifestProblems(manifest: Manifest): readonly string[] {
  const fields = manifest as unknown as Readonly<Record<string, unknown>>;
  const missing = NEEDED_FIELDS.filter((field) => fields[field] === undefined).map(
    (field) => `package.json has no ${field}`,
  );
  const licence = fields['license'] === LICENCE ? [] : [`the licence is not ${LICENCE}`];
  const unpublished = ['devDependencies', 'scripts', 'workspaces'].filter((field) => field in fields);
  const conditions = Object.entries(manifest.exports ?? {}).flatMap(([entry, targets]) =>
    Object.keys(targets)[0] === 'types'
      ? []
      : [`the types of ${entry} do not come first, so that nobody finds them`],
  );
  return [
    ...missing,
    ...licence,
    ...unpublished.map((field) => `package.json publishes ${field}`),
    ...conditions,
  ];
}

/** Files that are missing, and files that nobody needs. */
export function contentProblems(manifest: Manifest, paths: readonly string[]): readonly string[] {
  const present = new Set(paths);
  const needed = ['LICENSE', 'README.md', ...entryPoints(manifest)].map((path) => path.replace(/^\.\//, ''));
  const unwanted = paths.filter(
    (path) =>
      /(?<!\.d)\.tsx?$/.test(path) ||
      /(^|\/)(test|tests|node_modules)\//.test(path) ||
      /\.(pem|key|env)$/.test(path),
  );
  return [
    ...needed.filter((path) => !present.has(path)).map((path) => `the tarball lacks ${path}`),
    ...unwanted.map((path) => `the tarball holds ${path}`),
  ];
}

/** Each module has its types, and a source map that brings its source along. What a bundler has made has neither. */
function mapProblems(paths: readonly string[], read: (path: string) => string): readonly string[] {
  const present = new Set(paths);
  return paths.flatMap((path) => {
    if (!/^dist\/.*\.js$/.test(path) || path.startsWith('dist/page/')) return [];
    if (!present.has(`${path}.map`)) return [`${path} has no source map`];
    if (!present.has(path.replace(/\.js$/, '.d.ts'))) return [`${path} has no types`];
    const { sourcesContent } = JSON.parse(read(`${path}.map`)) as {
      readonly sourcesContent?: readonly unknown[];
    };
    return (sourcesContent ?? []).every((source) => typeof source === 'string') &&
      sourcesContent !== undefined
      ? []
      : [`the source map of ${path} lacks the source`];
  });
}

/** The public surface is listed name by name. */
function exportProblems(manifest: Manifest, read: (path: string) => string): readonly string[] {
  return Object.entries(manifest.exports ?? {}).flatMap(([entry, { types = '' }]) =>
    /^export \* from/m.test(read(types)) ? [`${entry} exports what it does not name`] : [],
  );
}

function budgetProblems(name: string, bytes: number): readonly string[] {
  const budget = BUDGETS_KIB[name];
  if (budget === undefined)
    return ['no budget says how large the tarball may be (scripts/publish/tarball.ts)'];
  const kib = Math.ceil(bytes / 1024);
  return kib > budget ? [`the tarball has ${kib} KiB, its budget is ${budget} KiB`] : [];
}
