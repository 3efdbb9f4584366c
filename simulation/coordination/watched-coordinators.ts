import type { Coordinator, Digest, LocalCoordinator, PleasePullResult } from '@muster/coordination';
import type { SimAgent } from './sim-agent.ts';

/** The ways of the cascade to pullers, with a note of every puller that accepts. */
export function watchedCoordinators(agent: SimAgent): {
  readonly coordinator: Coordinator;
  readonly local: LocalCoordinator;
} {
  const { client, server } = agent;
  const note = (node: string, results: readonly PleasePullResult[]): readonly PleasePullResult[] => {
    for (const { digest, outcome } of results) {
      if (outcome === 'started' || outcome === 'already_pulling') accept(agent, digest, node);
    }
    return results;
  };
  return {
    coordinator: {
      pullIntent: async (target, digest, options) => client.pullIntent(target, digest, options),
      pleasePull: async (target, job, digests, options) =>
        note(target, await client.pleasePull(target, job, digests, options)),
    },
    local: {
      localPullIntent: async (digest) => server.localPullIntent(digest),
      startLocalPull: async (job, digests, options) =>
        note(agent.host, await server.startLocalPull(job, digests, options)),
    },
  };
}

function accept(agent: SimAgent, digest: Digest, node: string): void {
  agent.runs.get(digest)?.accepted.add(node);
}
