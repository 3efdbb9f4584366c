import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The root of the repository. */
export const root = dirname(import.meta.dirname);

/** The condition under which packages resolve to their TypeScript source, in a checkout only. */
export const SOURCE_CONDITION = 'muster-source';

/** What the scripts read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly files?: readonly string[];
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
}

/** A package of the workspace. */
export interface WorkspacePackage {
  /** Absolute. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The packages that are published, each after those that it depends on. */
export function publishedPackages(): readonly WorkspacePackage[] {
  const remaining = new Map<string, WorkspacePackage>();
  for (const entry of readdirSync(join(root, 'packages'))) {
    const folder = join(root, 'packages', entry);
    const file = join(folder, 'package.json');
    if (!existsSync(file)) continue;
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
    if (manifest.private !== true) remaining.set(manifest.name, { folder, manifest });
  }
  const ordered: WorkspacePackage[] = [];
  while (remaining.size > 0) {
    const ready = [...remaining.values()].filter(({ manifest }) =>
      Object.keys(manifest.dependencies ?? {}).every((name) => !remaining.has(name)),
    );
    if (ready.length === 0)
      throw new Error(`packages depend on each other: ${[...remaining.keys()].join(', ')}`);
    for (const each of ready) {
      ordered.push(each);
      remaining.delete(each.manifest.name);
    }
  }
  return ordered;
}

/** The manifest as it is published: without the condition that names TypeScript source, and without what only a checkout needs. */
export function publishedManifest(manifest: Manifest): Manifest {
  const { devDependencies: _, scripts: __, ...published } = manifest;
  if (published.exports === undefined) return published;
  const exports = Object.fromEntries(
    Object.entries(published.exports).map(([entry, conditions]) => [
      entry,
      Object.fromEntries(Object.entries(conditions).filter(([condition]) => condition !== SOURCE_CONDITION)),
    ]),
  );
  return { ...published, exports };
}

/** The files that a published manifest points to, relative to the package. */
export function entryPoints(manifest: Manifest): readonly string[] {
  const exported = Object.values(manifest.exports ?? {}).flatMap((conditions) => Object.values(conditions));
  return [...exported, ...Object.values(manifest.bin ?? {})];
}
