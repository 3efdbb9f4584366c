/** Packs the built packages into `build/packages/`, as they are published. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { publishedPackages, root } from './packages.ts';
import { pack, TARBALL_FOLDER } from './publish/tarball.ts';

const staging = mkdtempSync(join(tmpdir(), 'muster-pack-'));
try {
  rmSync(TARBALL_FOLDER, { recursive: true, force: true });
  mkdirSync(TARBALL_FOLDER, { recursive: true });
  for (const [index, each] of publishedPackages().entries()) {
    const { path, problems } = pack(each, join(staging, String(index)), TARBALL_FOLDER);
    console.log(relative(root, path));
    for (const problem of problems) console.error(`${each.manifest.name}: ${problem}`);
    if (problems.length > 0) process.exitCode = 1;
  }
} finally {
  rmSync(staging, { recursive: true, force: true });
}
