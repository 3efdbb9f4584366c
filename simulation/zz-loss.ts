/** M-07 and the false bans: honest peers on a bad network over a day. */

import { Report, type Scenario } from '/work/main/simulation/discovery/scenarios/result.ts';
import { evictions, HOUR, MINUTE, SECOND, stage, untilHealthy } from '/work/main/simulation/discovery/scenarios/setup.ts';

export const M07: Scenario = {
  id: 'M-07',
  title: 'false evictions and bans: 5 % loss, 200 ms round trip, a fifth of the nodes slower still',
  isQuick: false,
  run: async ({ seed, isQuick, minutes }) => {
    const nodes = 20;
    const fleet = stage({
      seed,
      indexers: 5,
      nodes,
      network: { coreMs: 40, accessMs: [20, 40], jitterMs: 5, loss: 0.05 },
    });
    const report = new Report();
    for (const node of fleet.nodes().slice(0, nodes / 5))
      fleet.network.setHostLink(node.peer, {
        extraMs: 150,
        extraJitterMs: 100,
        loss: 0.05,
        bandwidthMbps: 2,
      });
    fleet.onEvent((m: any, e: any) => { if (e.topic==='heartbeat.outcome' && e.payload.outcome !== 'ok') console.log((fleet.sim.now/1000).toFixed(0), m.name, e.payload.outcome, e.payload.code); if (e.topic==='pool.evicted') console.log('EVICT', m.name, (fleet.sim.now/1000).toFixed(0), e.payload.reason); });
    await untilHealthy(fleet, 1);
    await fleet.sim.runFor(MINUTE);
    const { all } = evictions(fleet);
    let bans = 0;
    let strikes = 0;
    let quarantined = 0;
    fleet.onEvent((_, event) => {
      if (event.topic === 'behaviour.banned') bans += 1;
      if (event.topic === 'behaviour.strike') strikes += 1;
      if (event.topic === 'pool.quarantined') quarantined += 1;
    });
    const duration = minutes === undefined ? (isQuick ? HOUR : 24 * HOUR) : minutes * MINUTE;
    const startedAt = fleet.sim.now;
    await fleet.sim.runFor(duration);
    const days = (fleet.sim.now - startedAt) / (24 * HOUR);
    const ofNodes = all.filter(({ member }) => member.spec.isNode);
    report.figure('evictions per node and day', ofNodes.length / nodes / days, '', { atMost: 1 });
    report.figure('bans', bans, '', { atMost: 0 });
    report.figure('strikes', strikes, '', { atMost: 0 });
    report.figure('false bans per node and day', (bans / nodes / days) * 100, '%', { atMost: 0.1 });
    report.figure('quarantines', quarantined, '');
    const reasons = new Map<string, number>();
    for (const { reason } of all) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    for (const [reason, times] of reasons) report.note(`${times} evictions: ${reason}`);
    report.figure('simulated', (fleet.sim.now - startedAt) / SECOND / 3_600, 'h');
    fleet.dispose();
    return report.of(fleet);
  },
};

await M07.run({seed:1,isQuick:true} as any);
