/** M-01, M-10, M-13: how fleets come together, share the load, and keep their records fresh. */

import { resolvableShare } from '../checkers/liveness.ts';
import type { Member } from '../member.ts';
import { quantile, Report, type Scenario } from './result.ts';
import { firstTimes, MINUTE, SECOND, stage, untilHealthy } from './setup.ts';

/** 50 ms round trip, as the targets ask for. */
const RTT_50 = { coreMs: 5, accessMs: [10, 10] } as const;

export const M01: Scenario = {
  id: 'M-01',
  title: 'convergence after a cold start',
  isQuick: true,
  run: async ({ seed, nodes = 20, indexers = 5 }) => {
    const fleet = stage({ seed, indexers, nodes, network: RTT_50 });
    const report = new Report();
    const full = Math.min(5, indexers);
    const first = firstTimes(
      fleet,
      (member, event) => member.spec.isNode && event.topic === 'pool.healthy' && event.payload.healthy >= 1,
    );
    const complete = firstTimes(
      fleet,
      (member, event) =>
        member.spec.isNode && event.topic === 'pool.healthy' && event.payload.healthy >= full,
    );
    await fleet.sim.runUntil(() => complete.size === nodes, { withinMs: 10 * MINUTE, everyMs: 500 });
    const sinceStart = (times: ReadonlyMap<Member, number>): number[] =>
      fleet.nodes().map((node) => ((times.get(node) ?? Infinity) - node.startedAt) / SECOND);
    report.figure('one healthy indexer, p95', quantile(sinceStart(first), 0.95), 's', { atMost: 10 });
    report.figure('full pool, slowest', Math.max(...sinceStart(complete)), 's', { atMost: 90 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const M10: Scenario = {
  id: 'M-10',
  title: 'load balance',
  isQuick: false,
  run: async ({ seed }) => {
    const fleet = stage({
      seed,
      indexers: 10,
      nodes: 100,
      // The indexers are nodes of one another as well: with two seeds each, the slots would be gone before any choice.
      seedsPerNode: 1,
      network: RTT_50,
      indexerSettings: () => ({ maxNodes: 30 }),
    });
    const report = new Report();
    await fleet.sim.runFor(10 * MINUTE);
    const fills = fleet.indexers().map((indexer) => indexer.daemon.indexer?.agent.table.fillRate ?? 0);
    const mean = fills.reduce((sum, fill) => sum + fill, 0) / fills.length;
    report.figure('highest fill', Math.max(...fills), 'share', { atMost: 0.9 });
    report.figure('highest fill over the mean', Math.max(...fills) / mean, '', { atMost: 1.6 });
    report.figure('mean fill', mean, 'share');
    const served = fleet.nodes().filter((node) => node.daemon.pool.healthyCount >= 1).length;
    report.figure('nodes with a healthy indexer', served / 100, 'share', { atLeast: 1 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const M13: Scenario = {
  id: 'M-13',
  title: 'freshness of records',
  isQuick: false,
  run: async ({ seed, isQuick }) => {
    const fleet = stage({ seed, indexers: 5, nodes: 20, network: RTT_50 });
    const report = new Report();
    await untilHealthy(fleet, 3);
    await fleet.sim.runFor(MINUTE);
    const end = fleet.sim.now + (isQuick ? 5 : 30) * MINUTE;
    let sum = 0;
    let samples = 0;
    let lowest = 1;
    while (fleet.sim.now < end) {
      const sampledAt = fleet.sim.now;
      const asker = fleet.random.pick(fleet.indexers());
      const { share } = await resolvableShare(fleet, asker, fleet.nodes());
      sum += share;
      samples += 1;
      lowest = Math.min(lowest, share);
      await fleet.sim.runFor(Math.max(0, sampledAt + 10 * SECOND - fleet.sim.now));
    }
    report.figure('records that resolve', sum / samples, 'share', { atLeast: 0.99 });
    report.figure('lowest sample', lowest, 'share');
    report.figure('samples', samples, '');
    report.must(
      'all nodes were healthy',
      fleet.nodes().every((node) => node.daemon.pool.healthyCount >= 1),
    );
    fleet.dispose();
    return report.of(fleet);
  },
};
