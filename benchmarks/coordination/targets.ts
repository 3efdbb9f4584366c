import { type Target, Targets } from '../harness/targets.ts';
import { SCENARIOS } from './scenarios.ts';

/** The numbers of peers that are measured against direct pulls. */
export const PEER_COUNTS = [1, 10, 50];

const FLEETS: readonly Target[] = PEER_COUNTS.flatMap((peers) => [
  { id: `fleet.n${peers}.origin.surplus`, atMost: 0 },
  { id: `fleet.n${peers}.origin.heads`, atMost: 0 },
  { id: `fleet.n${peers}.origin.copies`, atMost: 1.02 },
  { id: `fleet.n${peers}.warm.requests`, atMost: 0 },
  { id: `fleet.n${peers}.failed`, atMost: 0 },
]);

export const TARGETS = new Targets([
  ...FLEETS,
  { id: 'fleet.n50.last_by_median', atMost: 2 },
  { id: 'fleet.n1.p99.ratio', atMost: 1.25 },
  { id: 'fleet.n10.p99.ratio', atMost: 1 },
  { id: 'fleet.n50.p99.ratio', atMost: 1 },
  { id: 'throughput.nginx.ratio', atLeast: 0.5 },
  { id: 'stream.memory', atMost: 200 },
  { id: 'negative.known', below: 50 },
  { id: 'negative.elsewhere', below: 50 },
  { id: 'streams.beyond', atMost: 0 },
  { id: 'comparison.fleet.copies', atMost: 1.005 },
  { id: 'comparison.fleet.failed', atMost: 0 },
  ...['fleet', 'throughput', 'calls', 'stream', 'comparison', ...SCENARIOS.map(({ id }) => id)].map((id) => ({
    id: `${id}.error`,
    atMost: 0,
  })),
  ...SCENARIOS.flatMap(({ id, expects }) =>
    Object.entries(expects).map(([name, bound]) => ({ id: `${id}.${name}`, ...bound })),
  ),
]);
