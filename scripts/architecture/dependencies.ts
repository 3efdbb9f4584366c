import { missingOptionalPackages } from '../lockfile/complete.ts';
import type { Finding } from './source.ts';

const SECTIONS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];

/** Every dependency has one exact version, and `docs/DEPENDENCIES.md` says what it is for. */
export function checkDependencies(
  manifests: ReadonlyMap<string, string>,
  dependenciesPage: string,
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [file, text] of manifests) {
    const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
    for (const section of SECTIONS) {
      for (const [name, version] of Object.entries(manifest[section] ?? {})) {
        const line = lineContaining(text, `"${name}"`);
        if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
          findings.push({ file, line, message: `${name} ${version} is not one exact version` });
        }
        if (name.startsWith('@muster/') || dependenciesPage.includes(`\`${name}\``)) continue;
        findings.push({ file, line, message: `\`${name}\` is not explained in docs/DEPENDENCIES.md` });
      }
    }
  }
  return findings;
}

/**
 * The lockfile names no place to fetch from, so that each installation uses the registry that it is set up for, and it
 * holds every optional package, without which `npm ci` refuses it.
 */
export function checkLockfile(file: string, text: string): readonly Finding[] {
  const findings: Finding[] = [];
  text.split('\n').forEach((content, index) => {
    if (!/"resolved": "(https?|git)/.test(content)) return;
    findings.push({ file, line: index + 1, message: 'the lockfile holds the address of a registry' });
  });
  for (const { name } of missingOptionalPackages(text)) {
    const message = `the lockfile lacks ${name}; run: node scripts/complete-lockfile.ts`;
    findings.push({ file, line: lineContaining(text, `"${name}"`), message });
  }
  return findings;
}

function lineContaining(text: string, part: string): number {
  const index = text.indexOf(part);
  return index === -1 ? 1 : text.slice(0, index).split('\n').length;
}
