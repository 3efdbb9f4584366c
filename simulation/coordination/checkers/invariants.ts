import { createHash } from 'node:crypto';
import type { Fleet } from '../fleet.ts';
import type { Report } from '../scenarios/result.ts';

/** Pullers that one run of the cascade may get going. */
const MAX_ACCEPTED = 2;
/** Self tests that happen to be going on, and the end of a connection here and there. */
const TIMERS_BESIDE = 10;

/** What must hold in every run, whatever was done to the fleet. To be called when the fleet has come to rest. */
export async function checkInvariants(fleet: Fleet, report: Report): Promise<void> {
  const { ledger } = fleet.world;
  report.figure('broken rules', ledger.violations.length, 'events', { atMost: 0 });
  for (const line of ledger.violations.slice(0, 5)) report.note(line);
  const most = ledger.runs.reduce((max, { accepted }) => Math.max(max, accepted.size), 0);
  report.figure('accepted pullers per run, most', most, 'pullers', { atMost: MAX_ACCEPTED });
  report.figure('stored objects that are others', countWrong(fleet), 'objects', { atMost: 0 });
  checkRest(fleet, report);
}

/** Nothing goes on any more, and nothing is left behind. */
function checkRest(fleet: Fleet, report: Report): void {
  const busy = fleet.agents.flatMap((agent) => {
    const { running, waiting } = agent.pump.load;
    const counts = {
      'in-flight entries': agent.inflight.length,
      pulls: running + waiting,
      sessions: agent.sessions.list().length,
      downloads: agent.downloads.list().length,
      cascades: agent.coldStart.running,
      streams: agent.peers.openStreams + agent.server.runningStreams,
      transfers: agent.transfer.openRequests + agent.endpoint.activeServes,
      prefetches: agent.prefetch.jobs,
      'files in progress': fleet.disk(agent.host).paths.filter((path) => /tmp|partial/.test(path)).length,
    };
    return Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${agent.host}: ${count} ${name}`);
  });
  report.figure('left over at rest', busy.length, 'things', { atMost: 0 });
  for (const line of busy.slice(0, 5)) report.note(line);
  // A timer that stays each time would show in the size of the fleet, or of what was asked of it.
  const gained = fleet.sim.livingEvents - fleet.timersAtStart;
  report.figure('timers more than at the start', gained, 'timers', {
    atMost: fleet.hosts.length + TIMERS_BESIDE,
  });
}

/** Objects on disks whose bytes are not those of their name. */
function countWrong(fleet: Fleet): number {
  let wrong = 0;
  for (const host of fleet.hosts) {
    const disk = fleet.disk(host);
    for (const path of disk.paths) {
      const hex = /([0-9a-f]{64})$/.exec(path)?.[1];
      const content = hex === undefined ? undefined : disk.content(path);
      if (content === undefined) continue;
      if (createHash('sha256').update(content).digest('hex') !== hex) wrong += 1;
    }
  }
  return wrong;
}
