/** F7, F8, M-11 and M-17: nodes that go and come, an indexer that is full, one that restarts, and an orderly end. */

import type { PeerId } from '@muster/discovery';
import { Report, type Scenario } from './result.ts';
import { at, hasInPool, MINUTE, SECOND, seconds, stage, untilHealthy } from './setup.ts';

export const F7: Scenario = {
  id: 'F7',
  title: 'node crash and return',
  isQuick: false,
  run: async ({ seed }) => {
    const fleet = stage({ seed, indexers: 2, nodes: 5, seedIndexers: 2 });
    await untilHealthy(fleet, 2);
    await fleet.sim.runFor(3 * MINUTE);
    const report = new Report();
    const node = at(fleet.nodes(), 0);
    const tables = fleet.indexers().map((indexer) => indexer.daemon.indexer?.agent.table);
    const before = tables.map((table) => table?.fillRate ?? 0);
    const { did } = node.daemon;
    node.kill();
    const removed = await fleet.sim.runUntil(() => tables.every((table) => table?.has(node.peer) === false), {
      withinMs: 5 * MINUTE,
      everyMs: 500,
    });
    report.figure('record removed after', seconds(removed), 's', { atMost: 150 });
    report.must(
      'the fill falls',
      tables.every((table, index) => (table?.fillRate ?? 1) < (before[index] ?? 0)),
    );
    let isOffline = false;
    let pending = true;
    await fleet.sim.runFor(Math.max(0, 150 * SECOND - (removed ?? 0)));
    void at(fleet.indexers(), 0)
      .daemon.directory.byDid(did, 5_000)
      .then((record) => {
        isOffline = record === undefined;
        pending = false;
      });
    await fleet.sim.runUntil(() => !pending, { withinMs: 20 * SECOND });
    const referents = fleet
      .indexers()
      .filter((indexer) => indexer.daemon.indexer?.referenced.has(node.peer) === true).length;
    report.figure('indexers that still are its referent', referents, '', { atMost: 0 });
    report.must('its record counts as offline after 150 s', isOffline);
    await fleet.sim.runFor(2 * MINUTE);
    let first: string | undefined;
    fleet.onEvent((member, event) => {
      if (member === node && event.topic === 'heartbeat.outcome') first ??= event.payload.outcome;
    });
    node.start();
    const back = await fleet.sim.runUntil(() => tables.every((table) => table?.has(node.peer) === true), {
      withinMs: 2 * MINUTE,
      everyMs: 100,
    });
    report.figure('admitted again after its restart', seconds(back), 's', { atMost: 5 });
    report.must('at its first heartbeat', first === 'ok');
    fleet.dispose();
    return report.of(fleet);
  },
};

export const F8: Scenario = {
  id: 'F8',
  title: 'overloaded indexer',
  isQuick: false,
  run: async ({ seed, isQuick }) => {
    const fleet = stage({
      seed,
      indexers: 3,
      nodes: isQuick ? 18 : 27,
      seedIndexers: 1,
      settings: { maxIndexer: 2, maxConnPerWindow: 100 },
      indexerSettings: (index) => (index === 0 ? { maxNodes: isQuick ? 20 : 30 } : {}),
    });
    const report = new Report();
    const a = at(fleet.indexers(), 0);
    const proposed = new Map<PeerId, number>();
    let most = 0;
    fleet.onEvent((member, event) => {
      if (member !== a || event.topic !== 'offload.proposed') return;
      proposed.set(event.payload.peer, fleet.sim.now);
      const asked = [...proposed].filter(([peer, time]) => {
        const node = fleet.memberOf(peer);
        return fleet.sim.now - time < 180 * SECOND && node !== undefined && hasInPool(node, a);
      });
      most = Math.max(most, asked.length);
    });
    let lowest = Infinity;
    await untilHealthy(fleet, 1);
    const end = fleet.sim.now + (isQuick ? 10 : 25) * MINUTE;
    while (fleet.sim.now < end) {
      await fleet.sim.runFor(5 * SECOND);
      for (const node of fleet.nodes()) lowest = Math.min(lowest, node.daemon.pool.healthyCount);
    }
    const fill = a.daemon.indexer?.agent.table.fillRate ?? 1;
    report.figure('nodes asked to move at once, most', most, 'nodes', { atMost: 5 });
    report.figure('nodes asked', proposed.size, 'nodes', { atLeast: 1 });
    report.figure('fill at the end', fill, 'share');
    const isSettled = fill <= 0.8 || proposed.size >= (a.daemon.indexer?.agent.table.size ?? 0);
    report.must('the fill is at most 0.8, or all were asked', isSettled);
    report.figure('fewest healthy indexers of a node', lowest, 'indexers', { atLeast: 1 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const M11: Scenario = {
  id: 'M-11',
  title: 'restart of an indexer with many nodes',
  isQuick: false,
  run: async ({ seed, isQuick, nodes }) => {
    const count = nodes ?? (isQuick ? 50 : 200);
    const fleet = stage({ seed, indexers: 1, nodes: count, seedIndexers: 1 });
    const report = new Report();
    const indexer = at(fleet.indexers(), 0);
    const all = await untilHealthy(fleet, 1, 20 * MINUTE);
    report.figure('all admitted after a cold start', seconds(all), 's');
    await fleet.sim.runFor(3 * MINUTE);
    let strikes = 0;
    fleet.onEvent((_, event) => {
      if (event.topic === 'behaviour.strike') strikes += 1;
    });
    indexer.kill();
    await fleet.sim.runFor(5 * SECOND);
    indexer.start();
    const back = await fleet.sim.runUntil(
      () => (indexer.daemon.indexer?.agent.table.size ?? 0) >= 0.95 * count,
      { withinMs: 10 * MINUTE, everyMs: 200 },
    );
    report.figure('95 % admitted again after the restart', seconds(back), 's', { atMost: 60 });
    report.figure('strikes', strikes, '', { atMost: 0 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const M17: Scenario = {
  id: 'M-17',
  title: 'orderly end under load (virtual part; handles and seconds are measured with processes)',
  isQuick: true,
  run: async ({ seed }) => {
    const fleet = stage({ seed, indexers: 3, nodes: 12 });
    await untilHealthy(fleet, 2);
    const report = new Report();
    const startedAt = fleet.sim.now;
    let stopped = 0;
    let slowest = 0;
    for (const member of fleet.members) {
      void member.daemon.stop().then(() => {
        stopped += 1;
        slowest = Math.max(slowest, fleet.sim.now - startedAt);
      });
    }
    await fleet.sim.runUntil(() => stopped === fleet.members.length, { withinMs: MINUTE, everyMs: 50 });
    report.figure('members that have stopped', stopped / fleet.members.length, 'share', { atLeast: 1 });
    report.figure('slowest stop', seconds(slowest), 's', { atMost: 3 });
    report.figure(
      'open streams left',
      fleet.members.reduce((sum, { overlay }) => sum + overlay.openStreams, 0),
      '',
      {
        atMost: 0,
      },
    );
    // Dials that hang are given up within seconds; nothing else may be left.
    await fleet.sim.runFor(30 * SECOND);
    report.figure('events left to happen', fleet.sim.pendingEvents, 'events', { atMost: 0 });
    fleet.dispose();
    return report.of(fleet);
  },
};
