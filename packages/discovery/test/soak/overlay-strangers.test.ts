import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { startHost } from '../support/libp2p-hosts.ts';
import { collectGarbage } from '../support/memory.ts';

const MIB = 1_048_576;
const STRANGERS = 10_000;

/** M-14: ten thousand peers that come once cost one member at most 64 MiB, and when they have gone next to nothing. */
test('ten thousand strangers leave little memory behind', async () => {
  const host = await startHost();
  await host.overlay.dht.start('server');
  host.overlay.gossip.subscribe('oc-search-peer', { validate: () => 'accept' });
  const script = new URL('../support/strangers.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=muster-source', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  const visit = async (count: number): Promise<void> => {
    const done = once(lines, 'line');
    child.stdin.write(`${JSON.stringify({ info: host.info, count })}\n`);
    await done;
  };
  await visit(200);
  const base = await collectGarbage();
  let most = base;
  for (let round = 0; round < 20; round += 1) {
    await visit(STRANGERS / 20);
    most = Math.max(most, await collectGarbage());
  }
  expect(most - base).toBeLessThan(64 * MIB);
  // What has gone is cleared away every 10 s.
  await expect
    .poll(async () => (await collectGarbage()) - base, { timeout: 60_000, interval: 5_000 })
    .toBeLessThan(16 * MIB);
  expect(host.overlay.connections()).toEqual([]);
});
