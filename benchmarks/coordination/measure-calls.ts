import type { BenchmarkContext } from '../harness/benchmark.ts';
import { percentile, summarise } from '../harness/statistics.ts';
import { PeersProgram } from './lab/programs.ts';
import { Laboratory } from './scenarios/laboratory.ts';
import { targetOf } from './scenarios/protocol.ts';
import { sizesOf } from './scenarios/scenario.ts';

export const CALL_IDS = ['rpc', 'negative', 'streams'];

const HELD_MAX = 512;
/** One stream more than are held, over peers that hold fewer than one may. */
const PEERS = 9;
const STREAMS = HELD_MAX + 1;

/** The coordination protocol of one agent, and how fast a fleet says no. */
export async function measureCalls(context: BenchmarkContext): Promise<void> {
  const lab = await Laboratory.open({
    id: 'calls',
    sizes: sizesOf(context),
    progress: context.progress,
  });
  try {
    if (context.wants('rpc', 'streams')) await measureStreams(context, lab);
    if (context.wants('negative')) await measureNegative(context, lab);
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

async function measureStreams(context: BenchmarkContext, lab: Laboratory): Promise<void> {
  const fleet = await lab.fleet(1);
  const agent = fleet.at(0);
  const target = targetOf(agent);
  const peers = await PeersProgram.start(PEERS);
  try {
    for (const parallel of [1, 64]) {
      context.progress(`rpc: ${parallel} calls at a time`);
      const before = agent.figures().cpuSeconds;
      const run = await peers.calls(target, parallel, context.quick ? 1_000 : 10_000);
      const cpu = (agent.figures().cpuSeconds - before) / run.seconds;
      context.report({
        id: `rpc.parallel${parallel}`,
        value: run.calls / run.seconds,
        unit: 'calls/s',
        note:
          `pull_intent, a stream each, one connection, ${parallel} at a time; p50 ${run.p50Ms.toFixed(2)} ms, ` +
          `p99 ${run.p99Ms.toFixed(2)} ms; ${run.errors} errors; the agent used ${cpu.toFixed(2)} cores`,
      });
    }
    context.progress('streams: 513 are opened');
    const run = await peers.flood(target, STREAMS);
    const note = `${STREAMS} opened by ${PEERS} peers, ${run.refused} refused`;
    context.report({ id: 'streams.held', value: run.served, unit: 'streams', note });
    const beyond = Math.abs(run.served - HELD_MAX) + Math.abs(run.refused - 1);
    context.report({
      id: 'streams.beyond',
      value: beyond,
      unit: 'streams',
      note: `off from ${HELD_MAX} held and 1 refused`,
    });
  } finally {
    await peers[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
  }
}

async function measureNegative(context: BenchmarkContext, lab: Laboratory): Promise<void> {
  const fleet = await lab.fleet(3);
  try {
    const samples = context.quick ? 5 : 25;
    const first: number[] = [];
    const known: number[] = [];
    const elsewhere: number[] = [];
    context.progress('negative answers');
    for (let sample = 0; sample < samples; sample++) {
      const digest = `sha256:${sample.toString(16).padStart(64, 'e')}`;
      first.push(await answerMs(fleet.at(0).mirror, digest));
      known.push(await answerMs(fleet.at(0).mirror, digest));
      elsewhere.push(await answerMs(fleet.at(1).mirror, digest));
    }
    const report = (name: string, values: readonly number[], what: string): void => {
      const { median, max } = summarise(values);
      const note = `${what}; p99 of ${values.length}, median ${median.toFixed(1)} ms, worst ${max.toFixed(1)} ms`;
      context.report({ id: `negative.${name}`, value: percentile(values, 0.99), unit: 'ms', note });
    };
    report('first', first, 'GET of a digest that the origin answers 404, 3 agents, nobody has asked before');
    report('known', known, 'the same again at the same mirror');
    report('elsewhere', elsewhere, 'the same at the mirror of another agent');
  } finally {
    await fleet[Symbol.asyncDispose]();
  }
}

async function answerMs(mirror: string, digest: string): Promise<number> {
  const startedAt = performance.now();
  const answer = await fetch(`${mirror}/v2/lab/none/blobs/${digest}`);
  await answer.arrayBuffer();
  if (answer.ok) throw new Error('a digest that does not exist was served');
  return performance.now() - startedAt;
}
