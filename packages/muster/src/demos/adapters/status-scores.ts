/** Pools and scores, as the status endpoints of nodes and indexers show them. */
import { fleetErrors } from '../../fleet/fleet-errors.ts';
import type { FleetMember } from '../../fleet/fleet-file.ts';
import type { PoolReport, ScoreSight, ScoreWatch, TermSight } from '../ports.ts';

const TIMEOUT_MS = 5_000;

/** `/pool`, as far as it is used. */
interface PoolView {
  readonly entries: readonly {
    readonly peer_id: string;
    readonly healthy: boolean;
    readonly score: number | null;
  }[];
  readonly quarantined: readonly { readonly peer_id: string; readonly evidence: string }[];
}

/** `/scores/<peer>`, as far as it is used. */
interface ScoreView {
  readonly score?: number;
  readonly minimumScore: number;
  readonly restartPenalty?: number;
  readonly terms: readonly TermSight[];
}

export class StatusScores implements ScoreWatch {
  async pool(member: FleetMember): Promise<PoolReport> {
    const view = (await ask(member, '/pool')) as PoolView;
    return {
      member: member.name,
      entries: view.entries.map(({ peer_id: peerId, healthy, score }) => ({
        peerId,
        isHealthy: healthy,
        score: score ?? undefined,
      })),
      convicted: view.quarantined.map(({ peer_id: peerId, evidence }) => ({ peerId, evidence })),
    };
  }

  async score(member: FleetMember, peerId: string): Promise<ScoreSight | undefined> {
    const view = (await ask(member, `/scores/${peerId}`)) as ScoreView | undefined;
    if (view === undefined) return undefined;
    const { score, minimumScore, restartPenalty, terms } = view;
    return { score, minimumScore, restartPenalty, terms };
  }
}

/** The JSON at one address; undefined when it is not there. */
async function ask({ name, status }: FleetMember, path: string): Promise<unknown> {
  const response = await fetch(`http://${status}${path}`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    redirect: 'error',
  });
  if (response.status === 404) {
    await response.body?.cancel();
    return undefined;
  }
  if (response.ok) return await response.json();
  throw fleetErrors.create('CONTROL_REFUSED', `${name} answers ${response.status} for ${path}`);
}
