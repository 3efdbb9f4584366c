/** What a demo says when it runs, and what to try. */
import { count } from '../cli/progress.ts';
import { table } from '../cli/table.ts';
import { packageVersion } from '../cli/version.ts';
import type { Member } from './members.ts';

export interface DemoAnnouncement {
  readonly fleet: readonly Member[];
  readonly folder: string;
  readonly isTemporary: boolean;
  readonly processes: boolean;
  /** How a person starts this program again. */
  readonly launcher: string;
}

/** One line for scripts. */
export function demoReadyEvent({ fleet, folder, processes }: DemoAnnouncement): object {
  return {
    event: 'ready',
    version: packageVersion(),
    pid: process.pid,
    processes,
    folder,
    members: fleet.map(({ name, role, peerId, address, status, pid }) => ({
      name,
      role,
      peerId,
      address,
      status,
      pid,
    })),
  };
}

/** For people. */
export function demoBanner(announcement: DemoAnnouncement): string {
  const { fleet, folder, isTemporary, processes } = announcement;
  const indexers = fleet.filter(({ role }) => role === 'indexer');
  const nodes = fleet.filter(({ role }) => role === 'node');
  const rows = fleet.map(({ name, role, peerId, status, pid }) => [
    name,
    role,
    peerId,
    status,
    ...(processes ? [String(pid)] : []),
  ]);
  return `${[
    `muster ${packageVersion()}: ${count(indexers.length, 'indexer')} and ${count(nodes.length, 'node')} run ${processes ? 'in processes of their own' : 'in this process'}.`,
    table(['Name', 'Role', 'Peer id', 'Status', ...(processes ? ['Process'] : [])], rows),
    `Keys and data are in ${folder}${isTemporary ? ', and are removed at the end' : ''}.`,
    `Try in a second terminal:\n\n${commandsToTry(announcement)
      .map((command) => `  ${command}`)
      .join('\n')}`,
    'Ctrl-C stops them.',
  ].join('\n\n')}\n`;
}

/** Commands that work as they are in a second terminal. */
export function commandsToTry({ fleet, launcher, processes }: DemoAnnouncement): readonly string[] {
  const indexers = fleet.filter(({ role }) => role === 'indexer');
  const nodes = fleet.filter(({ role }) => role === 'node');
  const asked = nodes[0] ?? indexers[0];
  const wanted = nodes.at(-1);
  const seed = indexers[1] ?? indexers[0];
  if (asked === undefined || seed === undefined) return [];
  const at = `--status ${asked.status}`;
  return [
    `${launcher} peers list ${at}`,
    ...(wanted === undefined
      ? []
      : [`${launcher} peers search ${wanted.name} ${at}`, `${launcher} peers get ${wanted.peerId} ${at}`]),
    ...(asked.role === 'node' ? [`${launcher} peers score ${seed.peerId.slice(-8)} ${at}`] : []),
    ...(processes ? [`kill -9 ${seed.pid}    # ${seed.name}; then list again`] : []),
  ];
}
