/** M-04, M-05 and the recall over many nodes. */

import { PRIVATE_MARK } from '../checkers/safety.ts';
import { type Fleet, type SearchProbe, startSearch } from '../fleet.ts';
import type { Member } from '../member.ts';
import { quantile, Report, type Scenario } from './result.ts';
import { MINUTE, SECOND, seconds, stage, untilHealthy } from './setup.ts';

interface Asked {
  readonly target: Member;
  readonly probe: SearchProbe;
}

/** Every target is searched by name by another node, so many a second. */
async function searchEach(
  fleet: Fleet,
  targets: readonly Member[],
  perSecond: number,
): Promise<readonly Asked[]> {
  const asked: Asked[] = [];
  for (const target of targets) {
    let from = fleet.random.pick(fleet.nodes());
    while (from === target) from = fleet.random.pick(fleet.nodes());
    const user = `${PRIVATE_MARK} ${target.name}`;
    asked.push({ target, probe: startSearch(fleet, from, target.name, { user, until: target.peer }) });
    await fleet.sim.runFor(SECOND / perSecond);
  }
  await fleet.sim.runUntil(() => asked.every(({ probe }) => probe.isDone), { withinMs: 2 * MINUTE });
  return asked;
}

function recallOf(asked: readonly Asked[]): number {
  return asked.filter(({ target, probe }) => probe.found.has(target.peer)).length / asked.length;
}

export const M04: Scenario = {
  id: 'M-04',
  title: 'search latency and recall (M-05)',
  isQuick: true,
  run: async ({ seed }) => {
    const fleet = stage({ seed, indexers: 5, nodes: 20, network: { coreMs: 5, accessMs: [10, 10] } });
    const report = new Report();
    await untilHealthy(fleet, 3);
    await fleet.sim.runFor(MINUTE);
    const asked = await searchEach(fleet, fleet.nodes(), 1);
    const first = asked.map(({ probe }) => probe.firstMs ?? Infinity);
    report.figure('first hit, p50', quantile(first, 0.5), 'ms', { atMost: 500 });
    report.figure('first hit, p95', quantile(first, 0.95), 'ms', { atMost: 1_500 });
    report.figure('recall (M-05)', recallOf(asked), 'share', { atLeast: 0.99 });
    const verified = asked.filter(({ target, probe }) => probe.found.get(target.peer)?.isVerified === true);
    report.figure('hits with a valid record', verified.length / asked.length, 'share', { atLeast: 0.99 });
    const gets: number[] = [];
    const nodes = fleet.nodes();
    for (const [index, node] of nodes.entries()) {
      const target = nodes[(index + 7) % nodes.length] as Member;
      const startedAt = fleet.sim.now;
      const done = (): void => void gets.push(fleet.sim.now - startedAt);
      node.daemon.lookup.getPeerRecord(target.peer).then(done, () => void gets.push(Infinity));
      await fleet.sim.runUntil(() => gets.length > index, { withinMs: 30 * SECOND, everyMs: 5 });
    }
    report.figure('exact get, p95', quantile(gets, 0.95), 'ms', { atMost: 1_000 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const RECALL: Scenario = {
  id: 'recall',
  title: 'name searches over 1,000 nodes',
  isQuick: false,
  run: async ({ seed, nodes, indexers, isQuick }) => {
    const count = nodes ?? (isQuick ? 100 : 1_000);
    const fleet = stage({ seed, indexers: indexers ?? Math.max(5, Math.round(count / 50)), nodes: count });
    const report = new Report();
    const healthy = await untilHealthy(fleet, 1, 10 * MINUTE);
    report.figure('every node has a healthy indexer after', seconds(healthy), 's');
    await fleet.sim.runFor(2 * MINUTE);
    const asked = await searchEach(fleet, fleet.random.shuffled(fleet.nodes()), 10);
    report.figure('recall', recallOf(asked), 'share', { atLeast: 0.99 });
    const first = asked.map(({ probe }) => probe.firstMs ?? Infinity);
    report.figure('first hit, p50', quantile(first, 0.5), 'ms');
    report.figure('first hit, p95', quantile(first, 0.95), 'ms');
    const missed = asked.filter(({ target, probe }) => !probe.found.has(target.peer));
    const reasons = new Map<string, number>();
    for (const { probe } of missed)
      reasons.set(probe.reason ?? '?', (reasons.get(probe.reason ?? '?') ?? 0) + 1);
    for (const [reason, times] of reasons) report.note(`${times} searches without the hit ended: ${reason}`);
    fleet.dispose();
    return report.of(fleet);
  },
};
