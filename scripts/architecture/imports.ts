import { posix } from 'node:path';
import { type Finding, importedModules, type Sources } from './source.ts';

/** What each package may import of the others (docs/ARCHITECTURE.md); `undefined` is anything. */
const ALLOWED: Readonly<Record<string, readonly string[] | undefined>> = {
  core: [],
  client: ['@muster/core/identity'],
  registry: ['@muster/core', '@muster/core/file-lock', '@muster/core/identity'],
  discovery: ['@muster/core', '@muster/core/identity'],
  coordination: ['@muster/core', '@muster/core/file-lock', '@muster/core/identity'],
  dashboard: [],
  muster: undefined,
};

/** What a package.json says of what may be imported. */
export interface PackageDependencies {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/**
 * The import rules: `core` is at the bottom, services never import one another, `client` stays small, nothing reaches
 * into another package's files, and what a package loads it also declares.
 */
export function checkImports(
  sources: Sources,
  packages: ReadonlyMap<string, PackageDependencies>,
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [file, source] of sources) {
    const place = /^packages\/([^/]+)\/(src|test)\//.exec(file);
    for (const { specifier, line, isTypeOnly } of importedModules(source)) {
      const report = (message: string): void => void findings.push({ file, line, message });
      if (specifier.startsWith('.')) {
        const problem = relativeProblem(file, specifier);
        if (problem !== undefined) report(problem);
      } else if (place?.[2] === 'src') {
        const name = place[1] as string;
        const problem = packageProblem(name, specifier, isTypeOnly, packages.get(name) ?? {});
        if (problem !== undefined) report(problem);
      }
    }
  }
  return findings;
}

function relativeProblem(file: string, specifier: string): string | undefined {
  if (!/\.(tsx?|mjs|json|css)$/.test(specifier)) return `relative imports end in .ts: ${specifier}`;
  const target = posix.normalize(posix.join(posix.dirname(file), specifier));
  const from = /^packages\/([^/]+)\/(src|test|page)\//.exec(file);
  const to = /^packages\/([^/]+)\/(src|test)?/.exec(target);
  if (to !== null && from?.[1] !== to[1])
    return `reaches into the files of ${to[1]}; import the package by its name`;
  if (from?.[2] === 'src' && to?.[2] !== 'src') return `source may not import ${target}`;
  return undefined;
}

function packageProblem(
  name: string,
  specifier: string,
  isTypeOnly: boolean,
  declared: PackageDependencies,
): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  const root = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  if (root === 'muster' || root.startsWith('@muster/')) {
    const allowed = ALLOWED[name];
    if (specifier === '@muster/core/testing') return 'source may not import what is made for tests';
    if (allowed !== undefined && !allowed.includes(specifier)) {
      return `${name} may not import ${specifier}; it may import ${allowed.length === 0 ? 'no other package' : allowed.join(', ')}`;
    }
  } else if (name === 'client') {
    return `client imports nothing but @muster/core/identity and built-in modules, not ${specifier}`;
  }
  if (isTypeOnly) return undefined;
  const known = { ...declared.dependencies, ...declared.optionalDependencies, ...declared.peerDependencies };
  return root in known ? undefined : `${root} is not in the dependencies of packages/${name}/package.json`;
}
