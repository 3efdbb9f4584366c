import type { BenchmarkContext } from '../harness/benchmark.ts';
import type { MirrorFleet } from './lab/fleet.ts';
import { MIB } from './lab/images.ts';
import { Laboratory } from './scenarios/laboratory.ts';
import { sizesOf } from './scenarios/scenario.ts';

export const STREAM_IDS = ['stream'];

const GIB = 1_024 * MIB;
const SAMPLE_MS = 200;
/** Half of it has passed: what grows from then on would grow for ever. */
const HALF = 0.5;

/** One huge blob through two agents at once: one pulls it, the other copies it from there while it comes. */
export async function measureStream(context: BenchmarkContext): Promise<void> {
  const lab = await Laboratory.open({
    id: 'stream',
    sizes: sizesOf(context),
    progress: context.progress,
  });
  try {
    const size = (context.quick ? 0.5 : 10) * GIB;
    context.progress('stream: the blob is being hashed');
    const digest = await lab.origin.addBlob('lab-stream', size);
    const fleet = await lab.fleet(2);
    const memory = new MemoryWatch(fleet);
    context.progress(`stream: ${size} bytes through two agents`);
    const path = `/v2/lab/blob/blobs/${digest}`;
    const runs = await Promise.all(fleet.agents.map(({ mirror }) => lab.driver.download(`${mirror}${path}`)));
    const { largest, growth } = memory.stop();
    const seconds = Math.max(...runs.map((run) => run.seconds));
    const { bytes } = await lab.origin.summary();
    const base = `${size} bytes by two agents at once, ${bytes} bytes from the origin`;
    context.report({
      id: 'stream.memory',
      value: largest / MIB,
      unit: 'MiB',
      note: `${base}; largest resident memory of either agent, looked at every ${SAMPLE_MS} ms`,
    });
    context.report({
      id: 'stream.growth',
      value: growth / MIB,
      unit: 'MiB',
      note: 'largest of the second half of that time less largest of the first',
    });
    context.report({
      id: 'stream.rate',
      value: size / 1e6 / seconds,
      unit: 'MB/s',
      note: `${base}; each wrote it to its store and served it meanwhile`,
    });
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

class MemoryWatch {
  readonly #samples: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(fleet: MirrorFleet) {
    this.#timer = setInterval(() => {
      this.#samples.push(Math.max(...fleet.figures().map(({ residentBytes }) => residentBytes)));
    }, SAMPLE_MS);
  }

  stop(): { readonly largest: number; readonly growth: number } {
    clearInterval(this.#timer);
    const half = Math.floor(this.#samples.length * HALF);
    const first = Math.max(0, ...this.#samples.slice(0, half));
    const second = Math.max(0, ...this.#samples.slice(half));
    return { largest: Math.max(first, second), growth: second - first };
  }
}
