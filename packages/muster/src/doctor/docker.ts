/** Whether Docker asks the mirror: it does so for images of docker.io only, and depending on where it keeps images for less than all. */
import { readFile } from 'node:fs/promises';
import { errorCode } from '@muster/core';
import { isMirror } from './containerd.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

export interface DockerPlaces {
  /** Of `daemon.json`. */
  readonly path: string;
  /** `host:port` of the mirror. */
  readonly mirror: string;
  readonly registries: readonly string[];
}

const DOCKER_HUB = 'docker.io';
const WHAT = 'Docker';
const RESTART = 'and restart Docker';

/** Looks at `daemon.json`; undefined when there is none on this machine. */
export async function examineDocker(places: DockerPlaces): Promise<readonly Finding[] | undefined> {
  const { path, registries } = places;
  let daemon: Readonly<Record<string, unknown>>;
  try {
    daemon = objectOf(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    return [warning(WHAT, `${path}: ${(error as Error).message}`, 'Check the file by hand.')];
  }
  if (!registries.includes(DOCKER_HUB)) {
    const fix = 'Nothing, if Docker is not to use it; other runtimes ask mirrors of other registries, too.';
    return [warning(WHAT, `it asks mirrors for ${DOCKER_HUB} only, which this mirror has not`, fix)];
  }
  return [examineMirrors(daemon['registry-mirrors'], places), ...examineStore(daemon['features'], places)];
}

function examineMirrors(setting: unknown, { path, mirror }: DockerPlaces): Finding {
  const wanted = `"registry-mirrors": ["http://${mirror}"]`;
  const urls = Array.isArray(setting) ? setting.filter((url): url is string => typeof url === 'string') : [];
  const found = urls.find((url) => isMirror(url, mirror));
  if (found === undefined) {
    const others = urls.length === 0 ? 'no mirror' : urls.join(', ');
    return problem(WHAT, `${path} asks ${others}, not ${mirror}`, `Add this to it, ${RESTART}:\n  ${wanted}`);
  }
  if (found.startsWith('https:')) {
    return problem(
      WHAT,
      `${path} asks the mirror with TLS, which it does not speak`,
      `Write ${wanted}, ${RESTART}.`,
    );
  }
  if (found !== urls[0]) {
    return warning(
      WHAT,
      `${path} asks ${urls[0] ?? ''} before the mirror`,
      `Put http://${mirror} first in registry-mirrors, ${RESTART}.`,
    );
  }
  return ok(WHAT, `${path} is right`);
}

/** With images in containerd it asks as containerd does; its own store takes the layers from where the tag was found. */
function examineStore(features: unknown, { path, registries }: DockerPlaces): readonly Finding[] {
  if (objectOf(features)['containerd-snapshotter'] === true) {
    return [ok(`${WHAT}, images`, 'it keeps them in containerd')];
  }
  const fix = `Set "features": {"containerd-snapshotter": true} in ${path}, ${RESTART}; new installations do so by themselves.`;
  const found = `${path} does not say that images are kept in containerd; if they are not, what is pulled by a tag goes around the mirror`;
  const store = warning(`${WHAT}, images`, found, fix);
  if (registries.length === 1) return [store];
  const count = `if they are not, it does not tell a mirror which registry it means, and this one has ${registries.length}`;
  return [store, warning(`${WHAT}, images`, count, `${fix} Or give the mirror one registry only.`)];
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}
