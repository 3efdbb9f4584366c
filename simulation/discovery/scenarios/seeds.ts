/** F2, F2b, F3, F4, F5: entry points that are down. */

import { searchesCross } from '../checkers/liveness.ts';
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
  TICK,
  untilHealthy,
} from './setup.ts';

export const F2: Scenario = {
  id: 'F2',
  title: 'all indexers crash',
  isQuick: false,
  run: async ({ seed }) => {
    const fleet = stage({ seed, indexers: 2, nodes: 1, seedIndexers: 2 });
    await untilHealthy(fleet, 2);
    await fleet.sim.runFor(MINUTE);
    const report = new Report();
    const [a, b] = [at(fleet.indexers(), 0), at(fleet.indexers(), 1)];
    const node = at(fleet.nodes(), 0);
    const delays: number[] = [];
    fleet.onEvent((member, event) => {
      if (member === node && event.topic === 'isolation.retry') delays.push(event.payload.delayMs / SECOND);
    });
    a.kill();
    b.kill();
    const stepsBefore = fleet.sim.steps;
    await fleet.sim.runFor(3 * MINUTE);
    const steps = fleet.sim.steps - stepsBefore;
    report.must('the node lives', node.isRunning);
    report.must('both seeds stay in the pool', hasInPool(node, a) && hasInPool(node, b));
    report.figure('events per minute while nobody answers', steps / 3, 'events', { atMost: 400 });
    report.note(`retries after ${delays.map((delay) => delay.toFixed(0)).join(', ')} s`);
    report.figure('first retry', delays[0], 's', { atMost: 12, atLeast: 8 });
    report.must('retries double', delays.length >= 3 && (delays[1] ?? 0) > 15 && (delays[2] ?? 0) > 30);
    a.start();
    const back = await fleet.sim.runUntil(() => isHealthyIn(node, a), { withinMs: 5 * MINUTE, everyMs: 200 });
    report.figure('healthy again after the restart', seconds(back), 's', {
      atMost: Math.max(TICK / SECOND, delays.at(-1) ?? 0) + 15,
    });
    const published = await fleet.sim.runUntil(
      () => a.daemon.indexer?.agent.table.get(node.peer)?.verified !== undefined,
      { withinMs: MINUTE, everyMs: 200 },
    );
    report.figure('record with the indexer after that', seconds(published), 's', { atMost: 10 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const F2B: Scenario = {
  id: 'F2b',
  title: 'no seeds, the only indexer dies, another one dials',
  isQuick: false,
  run: async ({ seed }) => {
    const fleet = stage({ seed, indexers: 0, nodes: 0 });
    const [c, d] = ['c', 'd'].map((name, index) =>
      fleet.add({ name, isNode: false, isIndexer: true, address: `/ip4/21.0.${index}.1/tcp/4001` }),
    ) as [ReturnType<typeof fleet.add>, ReturnType<typeof fleet.add>];
    const node = fleet.add({
      name: 'node',
      isNode: true,
      isIndexer: false,
      address: '/ip4/21.0.9.1/tcp/4001',
    });
    const report = new Report();
    const { all } = evictions(fleet);
    let failures = 0;
    fleet.onEvent((member, event) => {
      const isFailure = event.topic === 'heartbeat.outcome' && event.payload.outcome === 'failed';
      if (member === node && isFailure) failures += 1;
    });
    node.start();
    c.start();
    await fleet.sim.runFor(30 * SECOND);
    c.overlay.connected(node.info, () => {});
    const first = await fleet.sim.runUntil(() => isHealthyIn(node, c), { withinMs: MINUTE, everyMs: 100 });
    report.figure('first indexer healthy after it has dialled', seconds(first), 's', { atMost: 10 });
    await fleet.sim.runFor(2 * MINUTE);
    failures = 0;
    c.kill();
    await fleet.sim.runUntil(() => !hasInPool(node, c), { withinMs: 5 * MINUTE, everyMs: 100 });
    report.must(
      'it was evicted',
      all.some(({ member, peer }) => member === node && peer === c.peer),
    );
    report.figure('failures until then', failures, '', { atMost: 3, atLeast: 3 });
    await fleet.sim.runFor(5 * MINUTE);
    d.start();
    await fleet.sim.runFor(SECOND);
    d.overlay.connected(node.info, () => {});
    const second = await fleet.sim.runUntil(() => isHealthyIn(node, d), { withinMs: MINUTE, everyMs: 100 });
    report.figure('newcomer healthy after it has dialled', seconds(second), 's', { atMost: 10 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const F3: Scenario = {
  id: 'F3',
  title: 'one entry point down',
  isQuick: false,
  run: async ({ seed }) => {
    const fleet = stage({ seed, indexers: 3, nodes: 6, seedIndexers: 2 });
    await untilHealthy(fleet, 2);
    await fleet.sim.runFor(2 * MINUTE);
    const report = new Report();
    const [a, b] = [at(fleet.indexers(), 0), at(fleet.indexers(), 1)];
    a.kill();
    await fleet.sim.runFor(MINUTE);
    const [late] = fleet.addNodes({ count: 1, prefix: 'late', seeds: () => [a, b] });
    if (late === undefined) throw new Error('no newcomer');
    late.start();
    const joined = await fleet.sim.runUntil(() => late.daemon.pool.healthyCount >= 1, {
      withinMs: MINUTE,
      everyMs: 100,
    });
    report.figure('a new node joins after', seconds(joined), 's', { atMost: 15 });
    await fleet.sim.runFor(MINUTE);
    const entry = late.daemon.pool.entry(a.peer);
    report.must('the dead seed stays listed, unhealthy', entry?.isSeed === true && !entry.isHealthy);
    a.start();
    const back = await fleet.sim.runUntil(() => isHealthyIn(late, a), { withinMs: 2 * MINUTE, everyMs: 100 });
    report.figure('the seed is healthy after its return', seconds(back), 's', { atMost: 30 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const F4: Scenario = {
  id: 'F4',
  title: 'all entry points down',
  isQuick: false,
  run: async ({ seed, isQuick }) => {
    const fleet = stage({ seed, indexers: 4, nodes: 8, seedIndexers: 2 });
    await untilHealthy(fleet, 4);
    await fleet.sim.runFor(2 * MINUTE);
    const report = new Report();
    const [a, b] = [at(fleet.indexers(), 0), at(fleet.indexers(), 1)];
    const veterans = fleet.nodes();
    a.kill();
    b.kill();
    const [late] = fleet.addNodes({ count: 1, prefix: 'late', seeds: () => [a, b] });
    if (late === undefined) throw new Error('no newcomer');
    late.start();
    let lowest = Infinity;
    let lastDelay = 0;
    fleet.onEvent((member, event) => {
      if (member === late && event.topic === 'isolation.retry') lastDelay = event.payload.delayMs;
    });
    const end = fleet.sim.now + (isQuick ? 3 : 10) * MINUTE;
    while (fleet.sim.now < end) {
      await fleet.sim.runFor(5 * SECOND);
      for (const node of veterans) lowest = Math.min(lowest, node.daemon.pool.healthyCount);
    }
    report.figure('fewest healthy indexers of a running node', lowest, 'indexers', { atLeast: 1 });
    const pairs = veterans.map((from, index) => [from, at(veterans, (index + 1) % veterans.length)] as const);
    const { missing } = await searchesCross(fleet, pairs);
    report.figure('searches that found nothing', missing.length, '', { atMost: 0 });
    let got = 0;
    for (const [from, to] of pairs)
      void from.daemon.lookup.getPeerRecord(to.peer).then(() => void (got += 1));
    await fleet.sim.runFor(20 * SECOND);
    report.figure('gets that worked', got / pairs.length, 'share', { atLeast: 1 });
    report.must(
      'a newcomer cannot join, and says so',
      !late.daemon.isReady && late.daemon.pool.healthyCount === 0,
    );
    a.start();
    const joined = await fleet.sim.runUntil(() => late.daemon.pool.healthyCount >= 1, {
      withinMs: 10 * MINUTE,
      everyMs: 200,
    });
    report.figure('the newcomer joins after an entry point is back', seconds(joined), 's', {
      atMost: (lastDelay + TICK) / SECOND,
    });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const F5: Scenario = {
  id: 'F5',
  title: 'seed and non-seed crash together',
  isQuick: false,
  run: async ({ seed }) => {
    const fleet = stage({ seed, indexers: 5, nodes: 6, seedIndexers: 1, settings: { maxIndexer: 3 } });
    await untilHealthy(fleet, 3);
    await fleet.sim.runFor(3 * MINUTE);
    const report = new Report();
    const node = at(fleet.nodes(), 0);
    const a = at(fleet.indexers(), 0);
    const b = fleet.indexers().find((indexer) => indexer !== a && isHealthyIn(node, indexer));
    if (b === undefined) throw new Error('the node has discovered nobody');
    a.kill();
    b.kill();
    const evicted = await fleet.sim.runUntil(() => !hasInPool(node, b), { withinMs: MINUTE, everyMs: 100 });
    report.figure('the non-seed is evicted after', seconds(evicted), 's', { atMost: 35 });
    // The dead seed keeps its place.
    const replaced = await fleet.sim.runUntil(() => node.daemon.pool.healthyCount >= 2, {
      withinMs: 2 * MINUTE,
      everyMs: 100,
    });
    report.figure('replacement healthy after the kill', seconds((evicted ?? NaN) + (replaced ?? NaN)), 's', {
      atMost: 45,
    });
    await fleet.sim.runFor(MINUTE);
    const entry = node.daemon.pool.entry(a.peer);
    report.must('the seed is kept, unhealthy', entry?.isSeed === true && !entry.isHealthy);
    a.start();
    const back = await fleet.sim.runUntil(() => isHealthyIn(node, a), { withinMs: 2 * MINUTE, everyMs: 100 });
    report.figure('the seed is healthy after its return', seconds(back), 's', { atMost: 30 });
    fleet.dispose();
    return report.of(fleet);
  },
};
