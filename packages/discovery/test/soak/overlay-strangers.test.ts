import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '@muster/core';
import { startHost } from '../support/libp2p-hosts.ts';
import { collectGarbage } from '../support/memory.ts';

const MIB = 1_048_576;
const STRANGERS = 10_000;
/** An hour, in the tenth part of the time: everything that the host forgets, it forgets within a minute. */
const BACK_MS = 360_000;
const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

/**
 * M-14: ten thousand peers that come once cost one member at most 64 MiB, and when they have gone a fifth of what it had.
 * With `--reporter=verbose` it tells its figures.
 */
test('ten thousand strangers leave little memory behind', async ({ annotate }) => {
  const host = await startHost({ logger: silentLogger });
  await host.overlay.dht.start('server');
  host.overlay.gossip.subscribe('oc-search-peer', { validate: () => 'accept' });
  const script = new URL('../support/strangers.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=muster-source', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  const died = once(child, 'exit').then(() => Promise.reject(new Error('the strangers have died')));
  died.catch(() => undefined);
  const visit = async (count: number): Promise<void> => {
    const done = once(lines, 'line');
    child.stdin.write(`${JSON.stringify({ info: host.info, count })}\n`);
    await Promise.race([done, died]);
  };
  await visit(200);
  const base = await collectGarbage();
  let most = base;
  for (let round = 0; round < 20; round += 1) {
    await visit(STRANGERS / 20);
    const now = await collectGarbage();
    most = Math.max(most, now);
    await annotate(`${(round + 1) * (STRANGERS / 20)} strangers: ${mib(now - base)} more than at first`);
  }
  expect(most - base).toBeLessThan(64 * MIB);
  // What has gone is cleared away every 10 s.
  let left = most;
  await expect
    .poll(
      async () => {
        left = (await collectGarbage()) - base;
        return left;
      },
      { timeout: BACK_MS, interval: 5_000 },
    )
    .toBeLessThan(0.2 * base);
  await annotate(`${mib(base)} before, at most ${mib(most - base)} more, ${mib(left)} more afterwards`);
  expect(host.overlay.connections()).toEqual([]);
});
