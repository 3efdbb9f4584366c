/** F6, F6b, F11 and M-15: networks that break and heal. */

import { isolation, link, partition } from '../../network/index.ts';
import { searchesCross } from '../checkers/liveness.ts';
import type { Member } from '../member.ts';
import { Report, type Scenario } from './result.ts';
import {
  at,
  evictions,
  hasInPool,
  isHealthyIn,
  MINUTE,
  SECOND,
  seconds,
  stage,
  untilHealthy,
} from './setup.ts';

export const F6: Scenario = {
  id: 'F6',
  title: 'transient partition from the only seed',
  isQuick: false,
  run: async ({ seed }) => {
    const fleet = stage({ seed, indexers: 1, nodes: 1, seedIndexers: 1 });
    await untilHealthy(fleet, 1);
    await fleet.sim.runFor(3 * MINUTE);
    const report = new Report();
    const [a, node] = [at(fleet.indexers(), 0), at(fleet.nodes(), 0)];
    const { all } = evictions(fleet);
    const streams = (): number => node.overlay.counters.of('/opencloud/heartbeat/1.0').streamsOpened;
    const online = (): number => node.daemon.pool.entry(a.peer)?.evidence['totalOnlineMs'] ?? 0;
    const before = { streams: streams(), online: online(), at: fleet.sim.now };
    const cut = fleet.network.cut(link(a.peer, node.peer));
    await fleet.sim.runFor(90 * SECOND);
    cut.heal();
    const back = await fleet.sim.runUntil(() => isHealthyIn(node, a), { withinMs: 3 * MINUTE, everyMs: 100 });
    report.figure('evictions of the seed', all.length, '', { atMost: 0 });
    report.figure('healthy again after healing', seconds(back), 's', { atMost: 30 });
    report.figure('heartbeat streams opened meanwhile', streams() - before.streams, 'streams', { atMost: 8 });
    // The newest beat before the cut may be a tick old; the gap is counted when it was at most 120 s (13.1).
    const credited = online() - before.online - (fleet.sim.now - before.at);
    report.figure('time credited beyond what has passed', credited / SECOND, 's', { atMost: 21 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const F6B: Scenario = {
  id: 'F6b',
  title: 'local outage of a node with discovered indexers only',
  isQuick: true,
  run: async ({ seed }) => {
    const fleet = stage({ seed, indexers: 5, nodes: 3, seedIndexers: 1 });
    await untilHealthy(fleet, 5);
    await fleet.sim.runFor(2 * MINUTE);
    const report = new Report();
    const node = at(fleet.nodes(), 0);
    // Without its seed it has four, none of them sticky.
    node.daemon.pool.drop(at(fleet.indexers(), 0).peer, 'gone');
    at(fleet.indexers(), 0).kill();
    await fleet.sim.runFor(MINUTE);
    const pool = fleet.indexers().filter((indexer) => isHealthyIn(node, indexer));
    const { all } = evictions(fleet);
    const cut = fleet.network.cut(isolation(node.peer));
    await fleet.sim.runFor(50 * SECOND);
    const evicted = all.filter(({ member }) => member === node).length;
    cut.heal();
    const back = await fleet.sim.runUntil(() => pool.every((indexer) => isHealthyIn(node, indexer)), {
      withinMs: 3 * MINUTE,
      everyMs: 100,
    });
    report.figure('indexers before the outage', pool.length, 'indexers', { atLeast: 4 });
    report.figure('evictions during the outage', evicted, '', { atMost: 0 });
    report.figure('all healthy again after healing', seconds(back), 's', { atMost: 30 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const F11: Scenario = {
  id: 'F11',
  title: 'partition of the mesh (M-15)',
  isQuick: true,
  run: async ({ seed, isQuick }) => {
    const fleet = stage({ seed, indexers: 5, nodes: 20 });
    await untilHealthy(fleet, 3);
    await fleet.sim.runFor(2 * MINUTE);
    const report = new Report();
    const half = (members: readonly Member[], part: number): readonly Member[] =>
      members.filter((_, index) => index % 2 === part);
    const left = [...half(fleet.indexers(), 0), ...half(fleet.nodes(), 0)];
    const right = [...half(fleet.indexers(), 1), ...half(fleet.nodes(), 1)];
    const cut = fleet.network.cut(
      partition(
        left.map(({ peer }) => peer),
        right.map(({ peer }) => peer),
      ),
    );
    await fleet.sim.runFor((isQuick ? 4 : 10) * MINUTE);
    const nodesOf = (side: readonly Member[]): readonly Member[] => side.filter(({ spec }) => spec.isNode);
    const ring = (nodes: readonly Member[]): (readonly [Member, Member])[] =>
      nodes.map((node, index) => [node, at(nodes, (index + 1) % nodes.length)] as const);
    const [l, r] = [nodesOf(left), nodesOf(right)];
    const healthy = [...l, ...r].filter((node) => node.daemon.pool.healthyCount >= 1).length;
    report.figure('nodes with a healthy indexer while split', healthy / fleet.nodes().length, 'share', {
      atLeast: 1,
    });
    const within = await searchesCross(fleet, [...ring(l), ...ring(r)]);
    report.figure('searches within a half that found nothing', within.missing.length, '', { atMost: 0 });
    cut.heal();
    const healedAt = fleet.sim.now;
    const crossing = l.map((node, index) => [node, at(r, index % r.length)] as const);
    let crossed: number | undefined;
    while (crossed === undefined && fleet.sim.now - healedAt < 3 * MINUTE) {
      const startedAt = fleet.sim.now;
      const { missing } = await searchesCross(fleet, crossing);
      if (missing.length === 0) crossed = startedAt - healedAt;
    }
    report.figure('searches cross again after healing', seconds(crossed), 's', { atMost: 30 });
    report.must(
      'nobody has lost its own indexers',
      fleet.nodes().every((node) => node.daemon.pool.healthyCount >= 1),
    );
    report.must(
      'no pool holds a dead entry only',
      fleet.nodes().every((node) => fleet.indexers().some((each) => hasInPool(node, each))),
    );
    fleet.dispose();
    return report.of(fleet);
  },
};
