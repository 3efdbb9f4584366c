import type { BenchmarkContext } from '../harness/benchmark.ts';
import { FLEET, type ImageFacts, scaled, SMALL } from './lab/images.ts';
import type { MirrorFleet } from './lab/fleet.ts';
import { ORIGIN_BYTES_PER_SECOND } from './scenarios/cold-and-warm.ts';
import { Laboratory } from './scenarios/laboratory.ts';
import { type PullReport, tally } from './scenarios/pull-report.ts';
import { sizesOf } from './scenarios/scenario.ts';
import { PEER_COUNTS } from './targets.ts';

export const FLEET_IDS = ['fleet'];

const MIB = 1_048_576;
const QUICK_COUNTS = [1, 10];
const MOST_PROCESSES = 10;
const SHARED_PROCESSES = 5;

/** One image pulled by 1, 10 and 50 peers, directly and through their mirrors, one after the other in the same run. */
export async function measureFleets(context: BenchmarkContext): Promise<void> {
  const lab = await Laboratory.open({
    id: 'fleet',
    sizes: sizesOf(context),
    progress: context.progress,
  });
  try {
    const image = await lab.origin.addImage(context.quick ? scaled(SMALL, 0.5) : FLEET);
    await lab.origin.configure({ bytesPerSecond: ORIGIN_BYTES_PER_SECOND });
    for (const peers of context.quick ? QUICK_COUNTS : PEER_COUNTS) {
      if (context.wants(`fleet.n${peers}`)) await measureFleet(context, lab, image, peers);
    }
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

async function measureFleet(
  context: BenchmarkContext,
  lab: Laboratory,
  image: ImageFacts,
  peers: number,
): Promise<void> {
  const direct = await lab.direct(image, peers);
  const fleet = await lab.fleet(peers, { perProcess: agentsPerProcess(peers) });
  try {
    const idle = memoryOf(fleet, peers);
    const cpuBefore = cpuOf(fleet);
    const callsBefore = await callsOf(fleet);
    const cold = await lab.pull(image, fleet.runtimes());
    const cpuSeconds = cpuOf(fleet) - cpuBefore;
    const calls = (await callsOf(fleet)) - callsBefore;
    const warm = await lab.pull(image, fleet.runtimes());
    reportOrigin(context, peers, { direct, cold, warm });
    reportTimes(context, peers, { direct, cold, warm });
    reportCost(context, peers, { image, cpuSeconds, calls, idle, used: memoryOf(fleet, peers) });
  } finally {
    await fleet[Symbol.asyncDispose]();
  }
}

interface Pulls {
  readonly direct: PullReport;
  readonly cold: PullReport;
  readonly warm: PullReport;
}

function reportOrigin(context: BenchmarkContext, peers: number, { direct, cold, warm }: Pulls): void {
  const report = reporter(context, peers);
  const saved = (1 - cold.origin.bytes / direct.origin.bytes) * 100;
  report(
    'direct.requests',
    direct.origin.requests,
    'requests',
    `every peer pulls directly; ${direct.summary}`,
  );
  report('direct.bytes', direct.origin.bytes, 'bytes', gigabytes(direct.origin.bytes));
  report('origin.requests', cold.origin.requests, 'requests', `cold; ${cold.summary}`);
  report('origin.bytes', cold.origin.bytes, 'bytes', gigabytes(cold.origin.bytes));
  report('origin.surplus', cold.surplusGets, 'GETs', 'cold; GETs beyond one for each distinct digest');
  report('origin.heads', cold.heads, 'HEADs', 'cold');
  report('origin.copies', cold.copies, 'copies', 'cold; origin bytes for each byte of the image');
  report('origin.saving', saved, '%', 'of the bytes of direct pulls');
  report('warm.requests', warm.origin.requests, 'requests', 'runtimes empty, mirrors not');
  const failed = cold.failed + warm.failed + cold.wrong + warm.wrong;
  report('failed', failed, 'pulls', `attempts that failed: ${tally([...cold.failures, ...warm.failures])}`);
}

function reportTimes(context: BenchmarkContext, peers: number, { direct, cold, warm }: Pulls): void {
  const report = reporter(context, peers);
  const times = { direct, cold, warm };
  for (const [name, pull] of Object.entries(times)) {
    const cap = `origin capped at ${ORIGIN_BYTES_PER_SECOND / 1e6} MB/s in all`;
    report(`${name}.p50`, pull.ms(0.5) / 1_000, 's', `first request to last byte, verified; ${cap}`);
    report(
      `${name}.p99`,
      pull.ms(0.99) / 1_000,
      's',
      `until all have it: ${(pull.lastMs / 1_000).toFixed(2)} s`,
    );
  }
  report('p99.ratio', cold.ms(0.99) / direct.ms(0.99), 'times', 'cold p99 of direct p99');
  report('last_by_median', cold.lastMs / cold.ms(0.5), 'times', 'cold: last of the peers by the median');
}

interface Cost {
  readonly image: ImageFacts;
  readonly cpuSeconds: number;
  readonly calls: number;
  readonly idle: number;
  readonly used: number;
}

function reportCost(context: BenchmarkContext, peers: number, cost: Cost): void {
  const report = reporter(context, peers);
  const { image, cpuSeconds, calls, idle, used } = cost;
  const perPull = (cpuSeconds * 1_000) / peers;
  const perGigabyte = cpuSeconds / ((image.bytes * peers) / 1e9);
  report(
    'cpu',
    perPull,
    'ms',
    `processor time of an agent for its cold pull; ${perGigabyte.toFixed(2)} s a GB`,
  );
  report('calls', calls / peers, 'calls', 'coordination calls an agent answered during the cold pull');
  report(
    'memory.idle',
    idle / MIB,
    'MiB',
    "resident, largest of the agents' processes by agent, before the pulls",
  );
  report(
    'memory.used',
    used / MIB,
    'MiB',
    "resident, largest of the agents' processes by agent, after the pulls",
  );
}

function reporter(context: BenchmarkContext, peers: number) {
  return (name: string, value: number, unit: string, note: string): void =>
    context.report({ id: `fleet.n${peers}.${name}`, value, unit, note: `${placeOf(peers)}; ${note}` });
}

function placeOf(peers: number): string {
  const each = agentsPerProcess(peers);
  return each === 1 ? `${peers} peers` : `${peers} peers, ${each} in a process`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(3)} GB`;
}

function cpuOf(fleet: MirrorFleet): number {
  return fleet.figures().reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

/** Of the largest process, by agent. */
function memoryOf(fleet: MirrorFleet, peers: number): number {
  const largest = Math.max(...fleet.figures().map(({ residentBytes }) => residentBytes));
  return largest / agentsPerProcess(peers);
}

/** Each has a process of its own up to ten on two cores; beyond that five processes share them. */
function agentsPerProcess(peers: number): number {
  return peers <= MOST_PROCESSES ? 1 : Math.ceil(peers / SHARED_PROCESSES);
}

async function callsOf(fleet: MirrorFleet): Promise<number> {
  const metrics = await fleet.metrics();
  return (
    metrics.sum('p2p_coord_pull_intent_served_total') + metrics.sum('p2p_coord_please_pull_served_total')
  );
}
