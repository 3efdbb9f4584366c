import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchmarkContext } from '../harness/benchmark.ts';
import { formatValue } from '../harness/results.ts';
import { median, percentile } from '../harness/statistics.ts';
import { Fleet, type Member } from './fleet.ts';
import { now } from './now.ts';
import { firstTime, type PoolState } from './timeline.ts';

export const REPLACE_IDS = ['replace'];
export const FROZEN_IDS = ['frozen'];

/** Indexers in a pool: one seed, and one that was found and can be lost. */
const POOL = 2;

/** With `--quick`, durations of the protocols are a tenth, and what is measured is multiplied by ten. */
const QUICK_SCALE = 0.1;

interface Lab {
  readonly context: BenchmarkContext;
  readonly fleet: Fleet;
  readonly timeScale: number;
}

/** What happens to nodes whose indexer is killed, or stops without closing anything (scenarios F1, F1b). */
export async function measureFailures(context: BenchmarkContext, folder: string): Promise<void> {
  const { quick } = context;
  const timeScale = quick ? QUICK_SCALE : 1;
  const fleet = await Fleet.make({
    folder,
    indexers: quick ? 3 : 5,
    nodes: quick ? 3 : 12,
    seedIndexers: 1,
    timeScale,
    nodeFlags: { 'max-indexer': String(POOL) },
  });
  try {
    context.progress('fleet whose indexers fail');
    await fleet.start();
    const lab = { context, fleet, timeScale };
    if (!(await fleet.untilPools(({ healthy }) => healthy.length >= POOL, 180_000 * timeScale + 10_000)))
      throw new Error('pools of two indexers have not come about');
    if (context.wants(...REPLACE_IDS)) await measureReplacement(lab);
    if (context.wants(...FROZEN_IDS)) await measureFrozen(lab);
  } finally {
    await fleet.close();
  }
}

/** Indexers fill the caches from which they suggest others half a minute after their start. */
async function rest({ timeScale }: Lab): Promise<void> {
  await sleep(60_000 * timeScale);
}

async function measureReplacement(lab: Lab): Promise<void> {
  const { context } = lab;
  const rounds = context.quick ? 1 : 5;
  const seconds: number[] = [];
  let lost = 0;
  for (let round = 1; round <= rounds; round++) {
    context.progress(`an indexer is killed, ${round} of ${rounds}`);
    await rest(lab);
    const victim = await mostUsed(lab);
    const holders = await holdersOf(lab, victim);
    lost += holders.length;
    const killedAt = now();
    await victim.process.kill();
    const isReplaced = (state: PoolState): boolean =>
      !state.peers.includes(victim.peer) && state.healthy.length >= POOL;
    seconds.push(...(await timesOf(lab, holders, killedAt, isReplaced)));
    if (round < rounds) await lab.fleet.restart(victim);
  }
  if (seconds.length === 0) throw new Error('no killed indexer was replaced');
  const how = `kill -9 of an indexer that is no seed until another has its place and is healthy; ${seconds.length} of ${lost} pools of two, ${rounds} kills, slowest ${formatValue(Math.max(...seconds))} s${scaled(lab)}`;
  context.report({ id: 'replace.p50', value: median(seconds), unit: 's', note: how });
  context.report({ id: 'replace.p95', value: percentile(seconds, 0.95), unit: 's', note: how });
}

async function measureFrozen(lab: Lab): Promise<void> {
  const { context } = lab;
  const rounds = context.quick ? 1 : 3;
  const seconds: number[] = [];
  let frozen = 0;
  for (let round = 1; round <= rounds; round++) {
    context.progress(`an indexer is frozen, ${round} of ${rounds}`);
    await rest(lab);
    const victim = await mostUsed(lab);
    const holders = await holdersOf(lab, victim);
    frozen += holders.length;
    const stoppedAt = now();
    process.kill(victim.process.pid, 'SIGSTOP');
    const isGone = (state: PoolState): boolean => !state.peers.includes(victim.peer);
    seconds.push(...(await timesOf(lab, holders, stoppedAt, isGone)));
    process.kill(victim.process.pid, 'SIGCONT');
  }
  if (seconds.length === 0) throw new Error('no frozen indexer left a pool');
  context.report({
    id: 'frozen.max',
    value: Math.max(...seconds),
    unit: 's',
    note: `SIGSTOP of an indexer that is no seed until the last pool is without it; ${seconds.length} of ${frozen} pools, ${rounds} stops, median ${formatValue(median(seconds))} s${scaled(lab)}`,
  });
}

function scaled({ timeScale }: Lab): string {
  return timeScale === 1 ? '' : `; measured with TIME_SCALE=${timeScale} and multiplied by ${1 / timeScale}`;
}

/** Seconds until it was so in the pool of each of these nodes; of those where it came about. */
async function timesOf(
  { fleet, timeScale }: Lab,
  holders: readonly string[],
  since: number,
  isSo: (state: PoolState) => boolean,
): Promise<readonly number[]> {
  const isDone = (timeline: readonly PoolState[] | undefined): boolean =>
    firstTime(timeline ?? [], since, isSo) !== undefined;
  const end = now() + 180_000 * timeScale + 5000;
  let timelines = await fleet.timelines();
  while (now() < end && !holders.every((name) => isDone(timelines[name]))) {
    await sleep(200);
    timelines = await fleet.timelines();
  }
  return holders.flatMap((name) => {
    const at = firstTime(timelines[name] ?? [], since, isSo);
    return at === undefined ? [] : [(at - since) / 1000 / timeScale];
  });
}

/** The indexer that most pools hold, of those that are no seeds. */
async function mostUsed(lab: Lab): Promise<Member> {
  let best: { readonly member: Member; readonly count: number } | undefined;
  for (const member of lab.fleet.indexers.slice(1)) {
    const count = (await holdersOf(lab, member)).length;
    if (best === undefined || count > best.count) best = { member, count };
  }
  if (best === undefined || best.count === 0) throw new Error('no pool holds an indexer that is no seed');
  return best.member;
}

/** Names of the nodes in whose pool it is healthy. */
async function holdersOf({ fleet }: Lab, { peer }: Member): Promise<readonly string[]> {
  return Object.entries(await fleet.timelines()).flatMap(([name, timeline]) =>
    timeline.at(-1)?.healthy.includes(peer) === true ? [name] : [],
  );
}
