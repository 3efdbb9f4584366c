/** S8, S15 and S16: lost answers, and discovery in trouble. */

import { join } from 'node:path';
import type { FleetPlan } from '../lab/fleet.ts';
import type { NetworkFaults } from '../lab/faulty-network.ts';
import { addImage } from './cold-and-warm.ts';
import type { Laboratory } from './laboratory.ts';
import type { PullReport } from './pull-report.ts';
import { count, type Findings, type Scenario } from './scenario.ts';

const NO_FAILURE = { failed: { atMost: 0 }, wrong: { atMost: 0 } };
const PROGRAM = join(import.meta.dirname, '..', 'lab', 'faulty-agent.ts');
/** Discovery is healthy from here on (12). */
const HEALTHY = 0.7;

function faulty(faults: NetworkFaults): Partial<FleetPlan> {
  const command = [process.execPath, '--conditions=muster-source', PROGRAM, JSON.stringify(faults)];
  return { program: () => command };
}

async function pullWith(
  lab: Laboratory,
  faults: NetworkFaults,
): Promise<{ readonly report: PullReport; readonly findings: Findings }> {
  const image = await addImage(lab);
  const fleet = await lab.fleet(lab.sizes.agents, faulty(faults));
  const report = await lab.pull(image, fleet.runtimes());
  const healths = await Promise.all(
    fleet.agents.map(async (agent) => (await agent.metrics()).sum('p2p_dht_health_score')),
  );
  const health = count(Math.min(...healths), `lowest score of the agents; healthy from ${HEALTHY}`);
  const most = count(report.mostGets, `GETs of a digest: ${report.distribution}`, 'GETs');
  return { report, findings: { ...report.findings(), health, most_gets: most } };
}

const lostAnswers: Scenario = {
  id: 'S8',
  title: 'each agent loses its first answer to please_pull',
  expects: { ...NO_FAILURE, most_gets: { atMost: 1 } },
  run: async (lab) => (await pullWith(lab, { lostAnswers: 1 })).findings,
};

const blind: Scenario = {
  id: 'S15',
  title: 'lookups of providers find nobody',
  expects: { ...NO_FAILURE, copies: { atMost: 1.05 } },
  run: async (lab) => (await pullWith(lab, { findsNobody: true })).findings,
};

const slow: Scenario = {
  id: 'S16',
  title: 'lookups of providers take 3 s',
  expects: NO_FAILURE,
  run: async (lab) => (await pullWith(lab, { lookupMs: 3_000 })).findings,
};

export const NETWORK_FAULTS: readonly Scenario[] = [lostAnswers, blind, slow];
