import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchmarkContext } from '../harness/benchmark.ts';
import { processFigures } from '../harness/child.ts';
import { formatValue } from '../harness/results.ts';
import { median, percentile } from '../harness/statistics.ts';
import { countsOf, difference, type HostCounts, sum } from './cost.ts';
import { Fleet, type FleetPlan, type Member } from './fleet.ts';
import type { SearchRun } from './fleet-process.ts';
import { NodeProgram } from './program.ts';
import { delays, type PoolState } from './timeline.ts';

export const CONVERGENCE_IDS = ['convergence'];
export const SEARCH_IDS = ['search', 'recall', 'get', 'freshness'];
export const COST_IDS = ['bytes', 'frames', 'heartbeats', 'streams', 'dht', 'cpu', 'rss'];
export const FLEET_IDS = [...CONVERGENCE_IDS, ...SEARCH_IDS, ...COST_IDS];

const MIN_INDEXER = 1;
/** What has not come about by then is counted with this. */
const FULL_LIMIT_MS = { quick: 12_000, full: 150_000 };
const HEALTHY_LIMIT_MS = 240_000;
const MIB = 2 ** 20;
const KIB = 2 ** 10;

/** TOPO-3, each host a process of its own: convergence, searches, lookups, freshness, and what nodes cost. */
export async function measureFleet(context: BenchmarkContext, folder: string): Promise<void> {
  const { quick } = context;
  const plan: FleetPlan = { folder, indexers: quick ? 3 : 5, nodes: quick ? 4 : 20 };
  const rounds = context.wants(...CONVERGENCE_IDS) && !quick ? 3 : 1;
  const runs: Convergence[] = [];
  for (let round = 1; round <= rounds; round++) {
    context.progress(`fleet ${round} of ${rounds}: ${plan.indexers} indexers, ${plan.nodes} nodes`);
    const fleet = await Fleet.make({ ...plan, folder: `${folder}/${round}` });
    try {
      runs.push(await converge(fleet, quick));
      if (round === rounds) await measureRunning(context, fleet);
    } finally {
      await fleet.close();
    }
  }
  reportConvergence(context, plan, runs);
}

/** How the pools of one fleet came about: milliseconds of each node; the limit where it did not come about in time. */
export interface Convergence {
  readonly startSeconds: number;
  readonly healthyMs: readonly number[];
  readonly fullMs: readonly number[];
  /** Nodes that found no indexer, or not all, in time. */
  readonly lateHealthy: number;
  readonly lateFull: number;
}

/** Starts a fleet and waits for its pools. Throws when no node finds an indexer. */
export async function converge(fleet: Fleet, quick: boolean, maxIndexer = 5): Promise<Convergence> {
  const startSeconds = await fleet.start();
  const full = Math.min(maxIndexer, fleet.indexers.length);
  const isHealthy = ({ healthy }: PoolState): boolean => healthy.length >= MIN_INDEXER;
  const isFull = ({ healthy }: PoolState): boolean => healthy.length >= full;
  const fullLimitMs = quick ? FULL_LIMIT_MS.quick : FULL_LIMIT_MS.full;
  if (await fleet.untilPools(isHealthy, HEALTHY_LIMIT_MS)) await fleet.untilPools(isFull, fullLimitMs);
  const timelines = await fleet.timelines();
  const healthy = delays(timelines, fleet.startedAt, isHealthy);
  const filled = delays(timelines, fleet.startedAt, isFull);
  const late = (times: readonly unknown[]): number => times.filter((time) => time === undefined).length;
  if (late(healthy) === healthy.length) throw new Error('no node has found an indexer');
  return {
    startSeconds,
    healthyMs: healthy.map((time) => time ?? HEALTHY_LIMIT_MS),
    fullMs: filled.map((time) => time ?? fullLimitMs),
    lateHealthy: late(healthy),
    lateFull: late(filled),
  };
}

function reportConvergence(
  context: BenchmarkContext,
  { indexers, nodes }: FleetPlan,
  runs: readonly Convergence[],
): void {
  const healthy = runs.flatMap(({ healthyMs }) => healthyMs).map((ms) => ms / 1000);
  const full = runs.flatMap(({ fullMs }) => fullMs).map((ms) => ms / 1000);
  const started = formatValue(Math.max(...runs.map(({ startSeconds }) => startSeconds)));
  const how = `${indexers} indexers and ${nodes} nodes, each a process with the program loaded, told to start at once, all up after ${started} s; ${runs.length} fleets`;
  const spread = (values: readonly number[]): string =>
    `median ${formatValue(median(values))} s, slowest ${formatValue(Math.max(...values))} s of ${values.length} nodes`;
  context.report({
    id: 'convergence.healthy.p95',
    value: percentile(healthy, 0.95),
    unit: 's',
    note: `start to the first healthy indexer; ${spread(healthy)}, ${runs.reduce((sum, { lateHealthy }) => sum + lateHealthy, 0)} of them counted with the limit; ${how}`,
  });
  const missing = runs.reduce((sum, { lateFull }) => sum + lateFull, 0);
  context.report({
    id: 'convergence.full.p95',
    value: percentile(full, 0.95),
    unit: 's',
    note: `start to a pool with all ${Math.min(5, indexers)} indexers healthy; ${spread(full)}, ${missing} of them counted with the limit; ${how}`,
  });
}

async function measureRunning(context: BenchmarkContext, fleet: Fleet): Promise<void> {
  if (context.wants(...COST_IDS)) await measureCost(context, fleet);
  if (context.wants(...SEARCH_IDS)) {
    await measureSearches(context, fleet);
    await measureFreshness(context, fleet);
  }
}

/** What all nodes did and used in a while. */
export interface Usage {
  readonly minutes: number;
  readonly hosts: number;
  readonly counts: HostCounts;
  readonly socketBytes: number;
  readonly cpuSeconds: number;
}

/** Lets time pass and counts what these members did; processes must hold nobody else. */
export async function watch(fleet: Fleet, members: readonly Member[], seconds: number): Promise<Usage> {
  const before = await fleet.traffic(members);
  const startedAt = performance.now();
  await sleep(seconds * 1000);
  const minutes = (performance.now() - startedAt) / 60_000;
  const after = await fleet.traffic(members);
  const counts = after.flatMap(({ metrics }, process) =>
    Object.entries(metrics).map(([name, text]) =>
      difference(countsOf(before[process]?.metrics[name] ?? ''), countsOf(text)),
    ),
  );
  const total = (pick: (one: (typeof after)[number]) => number): number =>
    after.reduce((all, one) => all + pick(one), 0) - before.reduce((all, one) => all + pick(one), 0);
  return {
    minutes,
    hosts: counts.length,
    counts: sum(counts),
    socketBytes: total(({ socketBytes }) => socketBytes),
    cpuSeconds: total(({ cpuSeconds }) => cpuSeconds),
  };
}

async function measureCost(context: BenchmarkContext, fleet: Fleet): Promise<void> {
  const seconds = context.quick ? 10 : 300;
  context.progress(`cost of nodes, ${seconds} s`);
  const guest = await NodeProgram.start(fleet.guestFlags('guest'));
  try {
    // Its start, and what it brings with it, are not the idle state.
    await sleep(context.quick ? 3000 : 60_000);
    const { nodes, indexers } = fleet;
    const guestBefore = processFigures(guest.pid);
    const putsBefore = await recordPuts(fleet);
    const [nodeUsage, indexerUsage] = await Promise.all([
      watch(fleet, nodes, seconds),
      watch(fleet, indexers, seconds),
    ]);
    const guestAfter = processFigures(guest.pid);
    const puts = (await recordPuts(fleet)) - putsBefore;
    reportCost(context, nodeUsage, puts);
    reportProcesses(context, {
      rssBytes: guestAfter.residentBytes,
      guestCpu: (guestAfter.cpuSeconds - guestBefore.cpuSeconds) / seconds,
      indexerRss: median(indexers.map(({ process }) => processFigures(process.pid).residentBytes)),
      indexerCpu: indexerUsage.cpuSeconds / indexers.length / seconds,
      nodes: nodes.length,
      seconds,
    });
  } finally {
    await guest.kill();
  }
}

async function recordPuts(fleet: Fleet): Promise<number> {
  const traffic = await fleet.traffic(fleet.indexers);
  return traffic.reduce((all, { recordPuts }) => all + recordPuts, 0);
}

function reportCost(context: BenchmarkContext, usage: Usage, puts: number): void {
  const { minutes, hosts, counts, socketBytes } = usage;
  const per = (value: number): number => value / hosts / minutes;
  const how = `mean of ${hosts} nodes over ${formatValue(minutes)} minutes`;
  context.report({
    id: 'heartbeats.node-minute',
    value: per(counts.heartbeatFrames),
    unit: 'frames',
    note: `sent and received; the source rules cost 30; ${how}`,
  });
  context.report({
    id: 'frames.node-minute',
    value: per(counts.frames),
    unit: 'frames',
    note: `messages of all protocols at the port, without the hash table and gossip; ${how}`,
  });
  context.report({
    id: 'streams.node-minute',
    value: per(counts.auxiliaryStreams),
    unit: 'streams',
    note: `opened by nodes for anything but heartbeats; the source rules cost 15 probes and up to 45 for witnesses; ${how}`,
  });
  context.report({
    id: 'dht.puts.node-minute',
    // The guest's records are put, too.
    value: puts / (hosts + 1) / minutes,
    unit: 'puts',
    note: `of nodes' records, by all indexers; the source rules cost 30; ${how}`,
  });
  context.report({
    id: 'bytes.node-minute',
    value: per(socketBytes) / KIB,
    unit: 'KiB',
    note: `on TCP, both ways: with encryption, framing, gossip, hash table and bandwidth probes; ${how}`,
  });
}

function reportProcesses(
  context: BenchmarkContext,
  figures: {
    readonly rssBytes: number;
    readonly guestCpu: number;
    readonly indexerRss: number;
    readonly indexerCpu: number;
    readonly nodes: number;
    readonly seconds: number;
  },
): void {
  const { rssBytes, guestCpu, indexerRss, indexerCpu, nodes, seconds } = figures;
  const program = `\`muster node run\` as users run it, in the fleet, nothing asked of it; 1 process, ${seconds} s`;
  context.report({ id: 'rss.node.idle', value: rssBytes / MIB, unit: 'MiB', note: `VmRSS; ${program}` });
  context.report({ id: 'cpu.node.idle', value: guestCpu * 100, unit: '% of a core', note: program });
  const indexer = `processes of the benchmark; ${nodes} nodes with heartbeats to all of them, ${seconds} s`;
  context.report({
    id: 'rss.indexer',
    value: indexerRss / MIB,
    unit: 'MiB',
    note: `VmRSS, median of the indexers; ${indexer}`,
  });
  context.report({
    id: 'cpu.indexer',
    value: indexerCpu * 100,
    unit: '% of a core',
    note: `mean of the indexers; ${indexer}`,
  });
}

/** Searches of nodes for one another by name, and lookups by DID. */
export interface Searches {
  readonly firstHitMs: readonly number[];
  readonly searches: number;
  readonly getMs: readonly number[];
  readonly gets: number;
}

/** Each node is searched, and got, by `askers` others, one after the other. */
export async function searchAll(nodes: readonly Member[], askers: number): Promise<Searches> {
  const firstHitMs: number[] = [];
  const getMs: number[] = [];
  let searches = 0;
  for (const [index, wanted] of nodes.entries()) {
    for (let step = 1; step <= Math.min(askers, nodes.length - 1); step++) {
      const asker = nodes[(index + step) % nodes.length] as Member;
      const input = { from: asker.name, name: wanted.name };
      const found = await asker.process.run<SearchRun>('search', input);
      const got = await asker.process.run<number | undefined>('get', { from: asker.name, did: wanted.did });
      searches += 1;
      if (found.firstHitMs !== undefined) firstHitMs.push(found.firstHitMs);
      if (got !== undefined) getMs.push(got);
    }
  }
  return { firstHitMs, searches, getMs, gets: searches };
}

async function measureSearches(context: BenchmarkContext, fleet: Fleet): Promise<void> {
  const { nodes } = fleet;
  // Nodes are to be online for a minute.
  if (!context.quick) await sleep(60_000);
  context.progress('searches');
  const { firstHitMs, searches, getMs } = await searchAll(nodes, context.quick ? 2 : 5);
  const how = `${searches} searches, one at a time, among ${nodes.length} nodes on ${fleet.indexers.length} indexers`;
  context.report({
    id: 'recall',
    value: (firstHitMs.length / searches) * 100,
    unit: '%',
    note: `searches by name that found the node; ${how}`,
  });
  for (const [id, share] of [
    ['p50', 0.5],
    ['p95', 0.95],
  ] as const) {
    if (firstHitMs.length === 0) break;
    context.report({
      id: `search.first-hit.${id}`,
      value: percentile(firstHitMs, share),
      unit: 'ms',
      note: `from the node's question to the hit with the name; ${how}`,
    });
  }
  if (getMs.length === 0) return;
  context.report({
    id: 'get.p95',
    value: percentile(getMs, 0.95),
    unit: 'ms',
    note: `lookup by DID, ${getMs.length} of ${searches} found, median ${formatValue(median(getMs))} ms`,
  });
}

async function measureFreshness(context: BenchmarkContext, fleet: Fleet): Promise<void> {
  const samples = context.quick ? 1 : 18;
  const dids = fleet.nodes.map(({ did }) => did);
  let fresh = 0;
  for (let sample = 0; sample < samples; sample++) {
    context.progress(`freshness of records, sample ${sample + 1} of ${samples}`);
    if (sample > 0) await sleep(10_000);
    const asker = fleet.indexers[sample % fleet.indexers.length] as Member;
    fresh += await asker.process.run<number>('freshRecords', { from: asker.name, dids });
  }
  context.report({
    id: 'freshness',
    value: (fresh / samples / dids.length) * 100,
    unit: '%',
    note: `records of ${dids.length} nodes that the hash table gave to an indexer, not expired; ${samples} samples, 10 s apart`,
  });
}
