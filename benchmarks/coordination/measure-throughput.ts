import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { processFigures } from '../harness/child.ts';
import type { BenchmarkContext } from '../harness/benchmark.ts';
import { formatValue } from '../harness/results.ts';
import { median, pairedRatio, summarise } from '../harness/statistics.ts';
import { MirrorFleet } from './lab/fleet.ts';
import { MIB } from './lab/images.ts';
import { type LabObject, streamObject } from './lab/objects.ts';
import { DriverProgram } from './lab/programs.ts';
import { hasProgram, startNginx, startRegistry } from './lab/servers.ts';
import { uploadBlob } from './lab/upload.ts';

export const THROUGHPUT_IDS = ['throughput'];

const REPOSITORY = 'lab/blob';
const DATA = join(import.meta.dirname, '.data');

interface Contestant {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly megabytesPerSecond: number[];
  readonly cpuPerGigabyte: number[];
}

/** A warm blob from the mirror, from docker-registry and from nginx: the same bytes, by the same client, in turns. */
export async function measureThroughput(context: BenchmarkContext): Promise<void> {
  if (!hasProgram('docker-registry') || !hasProgram('nginx')) {
    context.progress('throughput: docker-registry or nginx is not installed; left out');
    return;
  }
  await mkdir(DATA, { recursive: true });
  const folder = await mkdtemp(join(DATA, 'throughput-'));
  try {
    await measure(context, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(context: BenchmarkContext, folder: string): Promise<void> {
  const size = (context.quick ? 128 : 1_024) * MIB;
  context.progress('throughput: the blob is being made');
  const blob = streamObject('lab-throughput', size, 'application/octet-stream');
  await using registry = await startRegistry(join(folder, 'registry'));
  await uploadBlob(registry.url, REPOSITORY, blob);
  // nginx serves the very file of the registry.
  await using nginx = await startNginx(join(folder, 'nginx'), join(folder, 'registry', 'data'));
  await using fleet = await MirrorFleet.start({
    folder: join(folder, 'fleet'),
    count: 1,
    origin: registry.url,
  });
  await using driver = DriverProgram.start();
  const agent = fleet.at(0);
  const path = `/v2/${REPOSITORY}/blobs/${blob.digest}`;
  const cold = await driver.download(`${agent.mirror}${path}`);
  const contestant = (name: string, url: string, pid: number): Contestant => ({
    name,
    url,
    pid,
    megabytesPerSecond: [],
    cpuPerGigabyte: [],
  });
  const contestants = [
    contestant('mirror', `${agent.mirror}${path}`, agent.pid),
    contestant('registry', `${registry.url}${path}`, registry.pid),
    contestant('nginx', `${nginx.url}${fileOf(blob)}`, nginx.workerPid()),
  ];
  const rounds = context.quick ? 3 : 7;
  for (let round = 0; context.another(round, rounds); round++) {
    context.progress(`throughput: round ${round + 1} of ${rounds}`);
    for (const one of contestants) await downloadOnce(driver, one);
  }
  report(context, contestants, { size, coldSeconds: cold.seconds });
}

async function downloadOnce(driver: DriverProgram, contestant: Contestant): Promise<void> {
  const before = processFigures(contestant.pid).cpuSeconds;
  const { bytes, seconds } = await driver.download(contestant.url);
  contestant.megabytesPerSecond.push(bytes / 1e6 / seconds);
  contestant.cpuPerGigabyte.push((processFigures(contestant.pid).cpuSeconds - before) / (bytes / 1e9));
}

function report(
  context: BenchmarkContext,
  contestants: readonly Contestant[],
  { size, coldSeconds }: { readonly size: number; readonly coldSeconds: number },
): void {
  const base = `one blob of ${size} bytes, one client, files in the page cache`;
  for (const { name, megabytesPerSecond, cpuPerGigabyte } of contestants) {
    const { min, max, runs } = summarise(megabytesPerSecond);
    const spread = `${runs} runs in turns, median (${formatValue(min)} to ${formatValue(max)})`;
    const cpu = `${formatValue(median(cpuPerGigabyte))} s of its processor time a GB`;
    const value = median(megabytesPerSecond);
    context.report({ id: `throughput.${name}`, value, unit: 'MB/s', note: `${base}; ${spread}; ${cpu}` });
  }
  const [mirror, registry, nginx] = contestants.map(({ megabytesPerSecond }) => megabytesPerSecond);
  if (mirror === undefined || registry === undefined || nginx === undefined) return;
  const ratio = (id: string, yardstick: readonly number[]): void =>
    context.report({
      id,
      value: pairedRatio(mirror, yardstick),
      unit: 'times',
      note: `${base}; median of the ratios of runs made one after the other`,
    });
  ratio('throughput.registry.ratio', registry);
  ratio('throughput.nginx.ratio', nginx);
  context.report({
    id: 'throughput.cold',
    value: size / 1e6 / coldSeconds,
    unit: 'MB/s',
    note: `the same blob the first time: pulled, hashed, written, served; 1 run`,
  });
}

/** Where docker-registry keeps the blob, below its data folder. */
function fileOf({ digest }: LabObject): string {
  const hex = digest.slice('sha256:'.length);
  return `/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
}
