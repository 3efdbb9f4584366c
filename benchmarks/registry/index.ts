import type { BenchmarkContext } from '../harness/benchmark.ts';
import { Fixture } from './fixture.ts';
import { FRAME_IDS, measureFrames } from './measure-frames.ts';

const NODES = 200_000;

/** The registry's figures; what the ids mean is in README.md. */
export async function benchmark(context: BenchmarkContext): Promise<void> {
  const fixture = await Fixture.create();
  try {
    context.progress(`a store of ${NODES} nodes`);
    const directory = await fixture.makeStore('200k', {
      nodes: NODES,
      tailEvents: NODES / 10,
      withList: true,
    });
    const server = await fixture.startServer(directory);
    if (context.wants(...FRAME_IDS)) await measureFrames(context, fixture, server);
    await fixture.stop(server.process);
  } finally {
    await fixture.close();
  }
}
