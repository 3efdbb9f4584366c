/** S14 and S17: agents that see different members. */

import { until } from '../lab/fleet.ts';
import { addImage } from './cold-and-warm.ts';
import { count, type Scenario } from './scenario.ts';

const NO_FAILURE = { failed: { atMost: 0 }, wrong: { atMost: 0 } };
const PATIENCE_MS = 120_000;
/** Of the coins that say who does not see whom. */
const SEED = 14;

const differing: Scenario = {
  id: 'S14',
  title: 'each agent misses a random tenth of the members',
  // Three origin pulls more than one: F1 allows three while views differ.
  expects: { ...NO_FAILURE, most_gets: { atMost: 3 } },
  run: async (lab) => {
    const image = await addImage(lab);
    const sees = (viewer: number, seen: number): boolean => coin(viewer, seen) >= 0.1;
    const fleet = await lab.fleet(lab.sizes.agents, { sees });
    const report = await lab.pull(image, fleet.runtimes());
    const note = `seed ${SEED}; GETs of a digest: ${report.distribution}`;
    return { ...report.findings(), most_gets: count(report.mostGets, note, 'GETs') };
  },
};

const partitioned: Scenario = {
  id: 'S17',
  title: 'two halves that do not see each other, joined afterwards',
  expects: { ...NO_FAILURE, copies: { atMost: 2 }, joined_origin_bytes: { atMost: 0 } },
  run: async (lab) => {
    const image = await addImage(lab);
    const agents = lab.sizes.isQuick ? 4 : lab.sizes.agents;
    const isLeft = (index: number): boolean => index < agents / 2;
    const fleet = await lab.fleet(agents, { sees: (viewer, seen) => isLeft(viewer) === isLeft(seen) });
    const report = await lab.pull(image, fleet.runtimes());
    fleet.see(() => true);
    const seesAll = async (): Promise<boolean> => {
      const members = await Promise.all(fleet.agents.map((agent) => agent.metrics()));
      return members.every((samples) => samples.sum('gantry_members', { view: 'ready' }) >= agents);
    };
    await until(seesAll, PATIENCE_MS, 'the halves do not find each other');
    const joined = await lab.pull(image, fleet.runtimes());
    return {
      ...report.findings(),
      joined_origin_bytes: count(joined.origin.bytes, joined.summary, 'bytes'),
    };
  },
};

/** 0 to 1, always the same for a pair. */
function coin(viewer: number, seen: number): number {
  let hash = (SEED * 0x9e3779b1) ^ (viewer * 0x85ebca6b) ^ (seen * 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}

export const VIEWS: readonly Scenario[] = [differing, partitioned];
