/** F1, F1b, M-02, M-03: an indexer dies, or freezes. */

import type { Fleet } from '../fleet.ts';
import type { Member } from '../member.ts';
import { quantile, Report, type Scenario, type ScenarioOptions } from './result.ts';
import {
  at,
  evictions,
  hasInPool,
  isHealthyIn,
  MINUTE,
  SECOND,
  seconds,
  stage,
  TICK,
  untilHealthy,
} from './setup.ts';

/** Nodes seeded on A, with a second indexer that they have discovered and a third in reserve. */
async function pairPools(options: ScenarioOptions): Promise<Fleet> {
  const fleet = stage({
    seed: options.seed,
    indexers: 3,
    nodes: options.isQuick ? 4 : 10,
    seedIndexers: 1,
    settings: { maxIndexer: 2 },
  });
  await untilHealthy(fleet, 2);
  // The caches of the indexers are first filled after half a minute.
  await fleet.sim.runFor(2 * MINUTE);
  return fleet;
}

export const F1: Scenario = {
  id: 'F1',
  title: 'one indexer crashes',
  isQuick: true,
  run: async (options) => {
    const fleet = await pairPools(options);
    const report = new Report();
    const [a, b] = [at(fleet.indexers(), 0), at(fleet.indexers(), 1)];
    const nodes = fleet.nodes().filter((node) => isHealthyIn(node, b));
    const streamsOf = (): number =>
      nodes.reduce(
        (sum, node) => sum + node.overlay.counters.of('/opencloud/heartbeat/1.0').streamsOpened,
        0,
      );
    const { all } = evictions(fleet);
    const failedOnA = new Set<Member>();
    fleet.onEvent((member, event) => {
      if (
        event.topic === 'heartbeat.outcome' &&
        event.payload.peer === a.peer &&
        event.payload.outcome !== 'ok'
      )
        failedOnA.add(member);
    });
    const streamsBefore = streamsOf();
    const killedAt = fleet.sim.now;
    b.kill();
    const isReplaced = (node: Member): boolean => !hasInPool(node, b) && node.daemon.pool.healthyCount >= 2;
    const replaced = await fleet.sim.runUntil(() => nodes.every(isReplaced), {
      withinMs: 2 * MINUTE,
      everyMs: 200,
    });
    await fleet.sim.runFor(TICK);
    const times = all
      .filter(({ peer, member }) => peer === b.peer && nodes.includes(member))
      .map(({ at: time }) => (time - killedAt) / SECOND);
    report.figure('nodes that had the crashed indexer', nodes.length, 'nodes', { atLeast: 1 });
    report.figure(
      'evicted after, slowest',
      times.length === nodes.length ? Math.max(...times) : undefined,
      's',
      {
        atMost: 35,
      },
    );
    report.figure('replacement healthy after, slowest', seconds(replaced), 's', { atMost: 45 });
    report.figure('nodes whose heartbeats to the other indexer were disturbed', failedOnA.size, 'nodes', {
      atMost: 0,
    });
    // One to the replacement, one to probe it, and one that found the dead indexer's stream closed.
    report.figure(
      'heartbeat streams opened per node',
      (streamsOf() - streamsBefore) / Math.max(1, nodes.length),
      'streams',
      {
        atMost: 3,
      },
    );
    fleet.dispose();
    return report.of(fleet);
  },
};

export const F1B: Scenario = {
  id: 'F1b',
  title: 'frozen indexer (M-03)',
  isQuick: true,
  run: async (options) => {
    const fleet = await pairPools(options);
    const report = new Report();
    const b = at(fleet.indexers(), 1);
    const nodes = fleet.nodes().filter((node) => isHealthyIn(node, b));
    const onlineOf = (node: Member): number => node.daemon.pool.entry(b.peer)?.evidence['totalOnlineMs'] ?? 0;
    const latencyOf = (node: Member): number => node.daemon.pool.entry(b.peer)?.terms?.latency ?? 0;
    const before = nodes.map((node) => ({ node, online: onlineOf(node), latency: latencyOf(node) }));
    const { all } = evictions(fleet);
    b.process.pause();
    const pausedAt = fleet.sim.now;
    let credited = 0;
    let improved = 0;
    const gone = await fleet.sim.runUntil(
      () => {
        for (const { node, online, latency } of before) {
          if (onlineOf(node) > online) credited += 1;
          if (latencyOf(node) > latency) improved += 1;
        }
        return nodes.every((node) => !hasInPool(node, b));
      },
      { withinMs: 3 * MINUTE, everyMs: 500 },
    );
    const times = all.filter(({ peer }) => peer === b.peer).map(({ at: time }) => (time - pausedAt) / SECOND);
    report.figure('nodes that had the frozen indexer', nodes.length, 'nodes', { atLeast: 1 });
    report.figure('removed after, slowest', seconds(gone), 's', { atMost: 80 });
    report.figure('removed after, fastest', Math.min(...times), 's');
    report.figure('looks at which uptime was credited', credited, '', { atMost: 0 });
    report.figure('looks at which the latency score had improved', improved, '', { atMost: 0 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const M02: Scenario = {
  id: 'M-02',
  title: 'replacement of a crashed indexer',
  isQuick: false,
  run: async (options) => {
    const report = new Report();
    const fleets: Fleet[] = [];
    const times: number[] = [];
    for (let round = 0; round < (options.isQuick ? 1 : 5); round++) {
      const fleet = stage({
        seed: options.seed + round,
        indexers: 7,
        nodes: 20,
        seedIndexers: 2,
        settings: { maxIndexer: 5 },
        network: { coreMs: 5, accessMs: [10, 10] },
      });
      fleets.push(fleet);
      await untilHealthy(fleet, 5);
      await fleet.sim.runFor(2 * MINUTE);
      const victim = at(fleet.indexers(), 3);
      const waiting = new Set(fleet.nodes().filter((node) => isHealthyIn(node, victim)));
      victim.kill();
      const killedAt = fleet.sim.now;
      await fleet.sim.runUntil(
        () => {
          for (const node of waiting) {
            if (hasInPool(node, victim) || node.daemon.pool.healthyCount < 5) continue;
            waiting.delete(node);
            times.push((fleet.sim.now - killedAt) / SECOND);
          }
          return waiting.size === 0;
        },
        { withinMs: 3 * MINUTE, everyMs: 200 },
      );
      for (const _ of waiting) times.push(Infinity);
      fleet.dispose();
    }
    report.figure('replacements', times.length, '', { atLeast: 1 });
    report.figure('replaced after, p50', quantile(times, 0.5), 's', { atMost: 30 });
    report.figure('replaced after, p95', quantile(times, 0.95), 's', { atMost: 45 });
    return report.of(...fleets);
  },
};
