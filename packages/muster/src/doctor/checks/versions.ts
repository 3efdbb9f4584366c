/** Whether what runs belongs together: Node, the packages of this installation, and the versions of all services that answer. */
import { count } from '../../cli/progress.ts';
import { type Finding, ok, problem, warning } from '../finding.ts';

/** The oldest Node that the packages run on; `engines` of package.json says the same, and a test compares them. */
export const OLDEST_NODE = 24;

/** A service that answered, and the version that it told; undefined when it told none. */
export interface RunningVersion {
  readonly owner: string;
  readonly version: string | undefined;
}

export interface VersionFacts {
  /** `process.versions.node` */
  readonly node: string;
  /** The version of this program. */
  readonly own: string;
  /** The packages that this program loads, by name. */
  readonly packages: ReadonlyMap<string, string>;
  readonly running: readonly RunningVersion[];
}

export function examineVersions(facts: VersionFacts): readonly Finding[] {
  return [examineNode(facts.node), ...examinePackages(facts), ...examineRunning(facts)];
}

function examineNode(version: string): Finding {
  const major = Number(version.split('.')[0]);
  if (major >= OLDEST_NODE) return ok('Node', `${version} is ${OLDEST_NODE} or newer`);
  return problem(
    'Node',
    `${version} is too old: Muster needs ${OLDEST_NODE} or newer`,
    'Install a newer Node, or start Muster with `npm start` in a clone, which brings its own.',
  );
}

function examinePackages({ own, packages }: VersionFacts): readonly Finding[] {
  const others = [...packages].filter(([, version]) => version !== own);
  if (others.length === 0)
    return [ok('installation', `muster ${own}, and ${packages.size} packages of the same version`)];
  const list = others.map(([name, version]) => `${name} ${version}`).join(', ');
  return [
    problem(
      'installation',
      `muster ${own} is installed with ${list}`,
      `Install all of one version: npm install --global muster@${own}`,
    ),
  ];
}

/** How two versions get along. Before 1.0 a minor version may change what a major one may later. */
export type Distance = 'same' | 'patch' | 'minor' | 'major' | 'unknown';

/** @returns `unknown` when one of them is no version */
export function distanceOf(one: string, other: string): Distance {
  const [a, b] = [partsOf(one), partsOf(other)];
  if (a === undefined || b === undefined) return 'unknown';
  if (a[0] !== b[0]) return 'major';
  if (a[1] !== b[1]) return a[0] === 0 ? 'major' : 'minor';
  return a[2] === b[2] ? 'same' : 'patch';
}

function partsOf(version: string): readonly [number, number, number] | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])];
}

function examineRunning({ own, running }: VersionFacts): readonly Finding[] {
  const told = running.flatMap(({ owner, version }) => (version === undefined ? [] : [{ owner, version }]));
  if (told.length === 0) return [];
  const byVersion = new Map<string, string[]>();
  for (const { owner, version } of told) byVersion.set(version, [...(byVersion.get(version) ?? []), owner]);
  const differing = [...byVersion].filter(([version]) => distanceOf(version, own) !== 'same');
  if (differing.length === 0)
    return [
      ok(
        'running versions',
        `${count(told.length, 'service runs', 'services run')} ${own}, as this program is`,
      ),
    ];
  return differing.map(([version, owners]) => {
    const who = `${owners.join(', ')}: ${version}, this program is ${own}`;
    const fix = `Upgrade what is older; one service after the other, registry first (docs/OPERATIONS.md, Upgrading).`;
    switch (distanceOf(version, own)) {
      case 'major':
      case 'unknown':
        return problem('running versions', who, fix);
      case 'minor':
      case 'patch':
      case 'same':
        return warning('running versions', who, fix);
    }
  });
}
