/** What must come true again once a network has healed. Each check says what is still missing; empty is good. */

import type { Fleet, SearchProbe } from '../fleet.ts';
import { startSearch } from '../fleet.ts';
import type { Member } from '../member.ts';

/** Running honest nodes without enough healthy indexers that are honest and run. */
export function nodesWithoutIndexer(fleet: Fleet, atLeast = 1): readonly string[] {
  return fleet
    .runningNodes()
    .filter((member) => healthyIndexers(fleet, member).length < atLeast)
    .map(({ name }) => name);
}

/** Honest running indexers that are healthy in the member's pool. */
export function healthyIndexers(fleet: Fleet, member: Member): readonly Member[] {
  return member.daemon.pool
    .view()
    .filter(({ isHealthy }) => isHealthy)
    .map(({ peer }) => fleet.memberOf(peer))
    .filter((indexer): indexer is Member => indexer !== undefined && indexer.isRunning && indexer.isHonest);
}

/** Whether every pair finds the other by name. Runs virtual time until all searches are over. */
export async function searchesCross(
  fleet: Fleet,
  pairs: readonly (readonly [Member, Member])[],
): Promise<{ readonly missing: readonly string[]; readonly probes: readonly SearchProbe[] }> {
  const probes = pairs.map(([from, to]) => startSearch(fleet, from, to.name, { until: to.peer }));
  await fleet.sim.runUntil(() => probes.every(({ isDone }) => isDone), { withinMs: 70_000, everyMs: 50 });
  const missing = pairs
    .filter(([, to], index) => probes[index]?.found.has(to.peer) !== true)
    .map(([from, to]) => `${from.name} did not find ${to.name}`);
  return { missing, probes };
}

/** Share of the members whose record an indexer's DHT resolves now, unexpired. Runs virtual time. */
export async function resolvableShare(
  fleet: Fleet,
  asker: Member,
  members: readonly Member[],
): Promise<{ readonly share: number; readonly missing: readonly string[] }> {
  const found = new Set<string>();
  let pending = members.length;
  for (const { daemon, name } of members) {
    void asker.daemon.directory.byDid(daemon.did, 5_000).then((record) => {
      pending -= 1;
      if (record !== undefined) found.add(name);
    });
  }
  await fleet.sim.runUntil(() => pending === 0, { withinMs: 10_000, everyMs: 100 });
  const missing = members.map(({ name }) => name).filter((name) => !found.has(name));
  return { share: members.length === 0 ? 1 : found.size / members.length, missing };
}
