/** What processes that ended without cleaning up have left. Locks are of the system and end with their process: none is stale. */
import { type Finding, ok, problem, warning } from '../finding.ts';

/** What was found in a folder. */
export interface LeftoverFacts {
  readonly fleetFiles: readonly {
    readonly path: string;
    readonly pid: number;
    /** Whether that process still is there. */
    readonly isRunning: boolean;
    /** Processes of members that are there although it is not. */
    readonly orphans: readonly { readonly name: string; readonly pid: number }[];
    /** Members that should run, and whose process is gone although the supervisor is there. */
    readonly dead: readonly { readonly name: string; readonly pid: number }[];
  }[];
  /** Files that only an interrupted program leaves. */
  readonly files: readonly { readonly path: string; readonly of: string }[];
  /** Folders that were looked into. */
  readonly folders: number;
}

export function examineLeftovers({ fleetFiles, files, folders }: LeftoverFacts): readonly Finding[] {
  const findings = [
    ...fleetFiles.flatMap(examineFleetFile),
    ...files.map(({ path, of }) =>
      warning('leftover file', `${path}, of ${of}`, `Nobody reads it; remove it: rm ${path}`),
    ),
  ];
  if (findings.length > 0 || folders === 0) return findings;
  return [ok('leftovers', `none in ${folders} ${folders === 1 ? 'folder' : 'folders'}`)];
}

function examineFleetFile(file: LeftoverFacts['fleetFiles'][number]): readonly Finding[] {
  const { path, pid, isRunning, orphans, dead } = file;
  if (isRunning) {
    return dead.map((member) =>
      problem(
        member.name,
        `process ${member.pid} is gone, and the fleet takes it for running`,
        `Restart ${member.name} on the page, or the fleet.`,
      ),
    );
  }
  const list = orphans.map((each) => `${each.name} (${each.pid})`).join(', ');
  return [
    ...(orphans.length === 0
      ? []
      : [
          problem(
            'processes without a supervisor',
            `${list} still run, and process ${pid} that had started them does not`,
            `kill ${orphans.map((each) => each.pid).join(' ')}`,
          ),
        ]),
    warning(
      'fleet file',
      `${path} says that process ${pid} runs a fleet, and it does not: it ended without cleaning up`,
      'Start the fleet again (npm start, muster dev), which cleans up; or remove the file.',
    ),
  ];
}
