/** Whether Podman and CRI-O ask the mirror: they name no registry when they do, so that it must have one only. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@muster/core';
import { isMirror, isTable } from './containerd.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import { parseToml, type TomlTable, type TomlValue } from './toml.ts';

export interface RegistriesConfPlaces {
  readonly path: string;
  readonly mirror: string;
  readonly registries: readonly string[];
}

/** Looks at registries.conf; undefined when there is none on this machine. */
export async function examineRegistriesConf(
  places: RegistriesConfPlaces,
): Promise<readonly Finding[] | undefined> {
  const paths = await filesOf(places.path);
  if (paths.length === 0) return undefined;
  const entries: TomlTable[] = [];
  const findings: Finding[] = [];
  for (const path of paths) {
    try {
      const content = parseToml(await readFile(path, 'utf8'));
      entries.push(...tablesOf(content['registry']));
    } catch (error) {
      findings.push(
        warning('Podman and CRI-O', `${path}: ${(error as Error).message}`, 'Check the file by hand.'),
      );
    }
  }
  if (places.registries.length > 1) {
    findings.push(
      problem(
        'Podman and CRI-O',
        `they do not tell a mirror which registry they mean, and this one has ${places.registries.length}`,
        'Give the mirror one registry only (upstream_registries), or use containerd.',
      ),
    );
  }
  for (const registry of places.registries) findings.push(examine(registry, entries, places));
  return findings;
}

function examine(
  registry: string,
  entries: readonly TomlTable[],
  { path, mirror }: RegistriesConfPlaces,
): Finding {
  const what = `Podman and CRI-O, ${registry}`;
  const wanted = [
    '  [[registry]]',
    `  location = "${registry}"`,
    '  [[registry.mirror]]',
    `  location = "${mirror}"`,
    '  insecure = true',
  ].join('\n');
  const entry = entries.find(({ prefix, location }) => prefix === registry || location === registry);
  if (entry === undefined) return problem(what, `${path} has no entry for it`, `Add this to it:\n${wanted}`);
  const found = tablesOf(entry['mirror']).find(
    ({ location }) => typeof location === 'string' && isMirror(location.split('/')[0] ?? '', mirror),
  );
  if (found === undefined)
    return problem(what, `${path} asks no mirror at ${mirror}`, `Add this to it:\n${wanted}`);
  if (found['insecure'] !== true) {
    const fix = `Set insecure = true below [[registry.mirror]] in ${path}.`;
    return problem(what, `${path} asks the mirror with TLS, which it does not speak`, fix);
  }
  return ok(what, `${path} is right`);
}

function tablesOf(value: TomlValue | undefined): readonly TomlTable[] {
  return Array.isArray(value) ? (value as readonly TomlValue[]).filter(isTable) : [];
}

async function filesOf(path: string): Promise<readonly string[]> {
  const found: string[] = [];
  try {
    await readFile(path);
    found.push(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') found.push(path);
  }
  try {
    const names = (await readdir(`${path}.d`)).filter((name) => name.endsWith('.conf')).sort();
    found.push(...names.map((name) => join(`${path}.d`, name)));
  } catch {
    // There is no such folder.
  }
  return found;
}
