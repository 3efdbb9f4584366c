/** The packages that this program loads, with their versions. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['client', 'coordination', 'core', 'dashboard', 'discovery', 'registry'].map(
  (name) => `@muster/${name}`,
);

/** By name; a package that can't be found is missing. Never throws. */
export function installedPackages(): ReadonlyMap<string, string> {
  return new Map(
    PACKAGES.flatMap((name) => {
      const version = versionOf(name);
      return version === undefined ? [] : [[name, version] as const];
    }),
  );
}

function versionOf(name: string): string | undefined {
  try {
    let folder = dirname(fileURLToPath(import.meta.resolve(name)));
    for (;;) {
      const version = versionIn(folder, name);
      const parent = dirname(folder);
      if (version !== undefined || parent === folder) return version;
      folder = parent;
    }
  } catch {
    return undefined;
  }
}

function versionIn(folder: string, name: string): string | undefined {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    return manifest['name'] === name && typeof manifest['version'] === 'string'
      ? manifest['version']
      : undefined;
  } catch {
    return undefined;
  }
}
