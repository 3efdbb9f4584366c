/** What a fleet says when it runs: where it is, what is not safe here, and what to try. */
import { count, showBytes } from '../cli/progress.ts';
import { facts, table } from '../cli/table.ts';
import { packageVersion } from '../cli/version.ts';
import type { FleetFile, FleetRole } from '../fleet/fleet-file.ts';

export interface DevAnnouncement {
  readonly fleet: FleetFile;
  /** What follows `muster join`. */
  readonly joinLine: string;
  readonly joinExpiresAt: number;
  readonly timeScale: number;
  /** What keeps the page from being shown; undefined when nothing does. */
  readonly pageProblem: string | undefined;
  /** From the start of the program. */
  readonly startedInMs: number;
  /** How a person starts this program again. */
  readonly launcher: string;
  /** Folder as it is given to other commands; empty when it is the default. */
  readonly folderFlag: string;
}

/** One line for scripts. The join line is as secret as it is on the terminal. */
export function devReadyEvent(announcement: DevAnnouncement): object {
  const { fleet, joinLine, joinExpiresAt, startedInMs } = announcement;
  return {
    event: 'ready',
    version: packageVersion(),
    pid: process.pid,
    startedInMs,
    folder: fleet.folder,
    page: fleet.page,
    pageProblem: announcement.pageProblem ?? null,
    registry: fleet.registry,
    control: fleet.control,
    origin: fleet.origin,
    join: joinLine,
    joinExpiresAt,
    members: fleet.members,
    warnings: warningsOf(announcement),
  };
}

/** The banner for people. */
export function devBanner(announcement: DevAnnouncement): string {
  const { fleet, joinLine, startedInMs, launcher, pageProblem } = announcement;
  const { origin, registry } = fleet;
  const tries = commandsToTry(announcement);
  const width = Math.max(...tries.map(([command]) => command.length));
  const seconds = (startedInMs / 1000).toFixed(1);
  return `${[
    `muster ${packageVersion()}: a fleet of ${count(fleet.members.length, 'process', 'processes')} runs on this machine, ready after ${seconds} s.`,
    facts([
      ['page', pageProblem === undefined ? fleet.page : `${fleet.page}, but ${pageProblem}`],
      ['registry', `${registry.address}, HTTP http://${registry.http}`],
      ['network', `${registry.network} (fleet), joined with a token`],
      ['origin', `${origin.url}, ${imageOf(fleet)}, ${showBytes(origin.bytes)}`],
      ['data folder', fleet.folder],
      ['durability', 'batch: the registry answers a change after it is on the disk, one sync for many'],
      ['admin token', `in the file ${registry.adminTokenFile}`],
      ['control', `${fleet.control.url}, token in the file ${fleet.control.tokenFile}`],
      ['logs', `${fleet.folder}/logs`],
    ]),
    table(
      ['Name', 'Role', 'Process', 'Status', 'For container runtimes'],
      fleet.members.map(({ name, role, pid, status, mirror }) => [
        name,
        role,
        String(pid ?? ''),
        status ?? '',
        mirror ?? '',
      ]),
    ),
    `Not safe here:\n${warningsOf(announcement)
      .map((line) => `  * ${line}`)
      .join('\n')}`,
    `Another peer joins from a second terminal, with a line that is good once and for ten minutes:\n\n  ${launcher} join ${joinLine}`,
    `Try in a second terminal:\n\n${tries
      .map(([command, what]) => `  ${command.padEnd(width)}  # ${what}`)
      .join('\n')}`,
    'Ctrl-C stops it.',
  ].join('\n\n')}\n`;
}

/** The image of the fleet as mirrors are asked for it. */
function imageOf({ origin }: Pick<FleetFile, 'origin'>): string {
  return `${origin.registry}/${origin.repository}:${origin.tag}`;
}

/** Commands that work as they are in a second terminal, in the same folder, and what each shows. */
export function commandsToTry({
  fleet,
  launcher,
  folderFlag,
}: Pick<DevAnnouncement, 'fleet' | 'launcher' | 'folderFlag'>): readonly (readonly [string, string])[] {
  const command = (words: string): string =>
    `${launcher} ${words}${folderFlag === '' ? '' : ` ${folderFlag}`}`;
  const { members } = fleet;
  const has = (wanted: FleetRole, atLeast: number): boolean =>
    members.filter(({ role }) => role === wanted).length >= atLeast;
  const peer = members.findLast(({ role }) => role === 'node')?.name ?? 'indexer-1';
  const isDivisible = has('indexer', 2) && has('node', 2) && has('mirror', 2);
  const tries = [
    [true, `find ${peer}`, `who and where is ${peer}, and who says so`],
    [
      has('mirror', 1),
      `pull ${imageOf(fleet)}`,
      'an image through a mirror, and where it had each object from',
    ],
    [has('node', 2), 'demo kill-registry', 'find it again with the registry dead'],
    [has('indexer', 2), 'demo liar', 'an indexer that lies is found out'],
    [true, 'demo pull --peers 20', 'many peers, one request to the origin'],
    [isDivisible, 'demo partition', 'cut the fleet in two, and heal it'],
  ] as const;
  return tries.flatMap(([isPossible, words, what]) => (isPossible ? [[command(words), what]] : []));
}

/** What an operator should know. */
function warningsOf({ timeScale, fleet }: Pick<DevAnnouncement, 'timeScale' | 'fleet'>): readonly string[] {
  return [
    'Every program of this user can read the tokens in the data folder; every program on this machine can connect, without TLS.',
    'There is no standby of the registry: losing this disk loses what it holds.',
    'The origin has no credentials, and its image is made up.',
    ...(timeScale === 1
      ? []
      : [`Every duration of the overlay is multiplied by ${timeScale} (--time-scale), to be watched.`]),
    ...(fleet.members.some(({ misbehaves }) => misbehaves !== undefined)
      ? ['A member lies, as it was asked to.']
      : []),
  ];
}
