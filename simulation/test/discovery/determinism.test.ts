import { describe, expect, test } from 'vitest';
import { partition } from '../../network/index.ts';
import { overlays } from './two-overlays.ts';

const SOON = { timeoutMs: 10_000 };

/** Peers that greet random others on a bad network, with a partition and a death in between. */
async function run(seed: number): Promise<string> {
  const { sim, network, nodes, info } = await overlays(12, {
    seed,
    loss: 0.1,
    jitterMs: 5,
    duplication: 0.1,
  });
  for (const [index, overlay] of nodes.entries()) {
    void overlay.dht.start(index < 6 ? 'server' : 'client');
    overlay.handle('/greet', async (stream) => {
      const value = await stream.read({ timeoutMs: 5_000, maxBytes: 1_000 });
      if (value !== undefined) await stream.write({ back: value }, SOON);
      await stream.close();
    });
    overlay.process.every(1_000, () => void greet(index).catch(() => undefined));
  }
  const greet = async (index: number): Promise<void> => {
    const overlay = nodes[index];
    if (overlay === undefined) return;
    const target = overlay.process.random.integer(nodes.length);
    const stream = await overlay.open(info(target), '/greet', SOON);
    await stream.write({ from: index, at: overlay.process.now() }, SOON);
    await stream.read({ timeoutMs: 5_000, maxBytes: 1_000 });
    await overlay.dht.provide(`cid ${target}`, SOON).catch(() => undefined);
  };
  await sim.runFor(10_000);
  const cut = network.cut(
    partition(
      nodes.slice(0, 6).map(({ self }) => self),
      nodes.slice(6).map(({ self }) => self),
    ),
  );
  await sim.runFor(40_000);
  cut.heal();
  network.kill(nodes[3]?.self ?? '');
  await sim.runFor(20_000);
  return `${sim.trace.hash} ${sim.trace.entries}`;
}

describe('determinism', () => {
  test('the same seed gives the same trace', async () => {
    const first = await run(11);
    expect(await run(11)).toBe(first);
    expect(Number(first.split(' ')[1])).toBeGreaterThan(500);
  });

  test('another seed gives another', async () => {
    expect(await run(12)).not.toBe(await run(13));
  });
});
