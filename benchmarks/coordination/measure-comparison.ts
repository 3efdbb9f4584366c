import type { BenchmarkContext } from '../harness/benchmark.ts';
import { MEDIUM, scaled, SMALL } from './lab/images.ts';
import type { MirrorFleet } from './lab/fleet.ts';
import type { Samples } from './lab/metrics.ts';
import { Laboratory } from './scenarios/laboratory.ts';
import type { PullReport } from './scenarios/pull-report.ts';
import { sizesOf } from './scenarios/scenario.ts';

export const COMPARISON_IDS = ['comparison'];

/** What a gigabit carries: with 20 MB/s, as elsewhere, direct pulls of a gigabyte by twenty took a third of an hour. */
const ORIGIN_BYTES_PER_SECOND = 125_000_000;

/** Twenty nodes and an image of 1 GiB, directly and through their mirrors: the figures of the table of 25.5 (comparison.ts). */
export async function measureComparison(context: BenchmarkContext): Promise<void> {
  const sizes = sizesOf(context);
  const lab = await Laboratory.open({ id: 'comparison', sizes, progress: context.progress });
  try {
    const image = await lab.origin.addImage(context.quick ? scaled(SMALL, 0.25) : MEDIUM);
    await lab.origin.configure({ bytesPerSecond: ORIGIN_BYTES_PER_SECOND });
    const direct = await lab.direct(image, sizes.agents);
    const fleet = await lab.fleet(sizes.agents);
    const before = await fleet.metrics();
    const cold = await lab.pull(image, fleet.runtimes());
    const after = await fleet.metrics();
    reportPull(context, 'direct', direct);
    reportPull(context, 'fleet', cold);
    const saving = (1 - cold.origin.bytes / direct.origin.bytes) * 100;
    report(context, 'fleet.saving', saving, '%', 'of the bytes of direct pulls');
    reportPeers(context, fleet, { before, after });
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

function reportPull(context: BenchmarkContext, how: 'direct' | 'fleet', pull: PullReport): void {
  const cap = `origin capped at ${ORIGIN_BYTES_PER_SECOND / 1e6} MB/s in all`;
  const { bytes } = pull.origin;
  report(context, `${how}.image`, pull.image.bytes, 'bytes', `${pull.rows.length} runtimes pull this image`);
  report(context, `${how}.requests`, pull.origin.requests, 'requests', pull.summary);
  report(context, `${how}.bytes`, bytes, 'bytes', `${(bytes / 1e9).toFixed(3)} GB`);
  report(context, `${how}.copies`, pull.copies, 'copies', 'origin bytes for each byte of the image');
  report(context, `${how}.p50`, pull.ms(0.5) / 1_000, 's', `first request to last byte, verified; ${cap}`);
  report(context, `${how}.p95`, pull.ms(0.95) / 1_000, 's', `first request to last byte, verified; ${cap}`);
  report(context, `${how}.failed`, pull.failed + pull.wrong, 'pulls', 'without the image, and wrong bodies');
}

function reportPeers(
  context: BenchmarkContext,
  fleet: MirrorFleet,
  { before, after }: { readonly before: Samples; readonly after: Samples },
): void {
  const grown = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    after.sum(name, labels) - before.sum(name, labels);
  const attempts = grown('p2p_peer_fetch_total');
  const outcomes = Object.entries(after.by('p2p_peer_fetch_total', 'outcome'))
    .map(([outcome, count]) => [outcome, count - before.sum('p2p_peer_fetch_total', { outcome })] as const)
    .filter(([, count]) => count > 0)
    .map(([outcome, count]) => `${outcome} ${count}`);
  const calls = grown('p2p_coord_pull_intent_served_total') + grown('p2p_coord_please_pull_served_total');
  const peak = Math.max(...fleet.figures().map(({ peakBytes }) => peakBytes));
  report(context, 'fleet.peer_hits', grown('p2p_peer_fetch_total', { outcome: 'hit' }), 'copies', '');
  report(context, 'fleet.peer_attempts', attempts, 'attempts', outcomes.join(', '));
  report(context, 'fleet.calls', calls / fleet.agents.length, 'calls', 'answered, of each node');
  report(context, 'fleet.peak', peak / 1_048_576, 'MiB', 'resident, most of any agent at any time');
}

function report(context: BenchmarkContext, name: string, value: number, unit: string, note: string): void {
  const what = note === '' ? name.slice(name.indexOf('.') + 1) : note;
  context.report({ id: `comparison.${name}`, value, unit, note: what });
}
