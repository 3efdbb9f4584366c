/**
 * A process of many peers, each of which connects once and goes. It reads lines of JSON, `{ "info": …, "count": … }`,
 * and writes one line when that many have been.
 */

import { createInterface } from 'node:readline';
import { silentLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { discoveryConstants } from '../../src/constants.ts';
import { createLibp2pOverlay } from '../../src/overlay/libp2p/index.ts';
import type { AddrInfo } from '../../src/wire/messages.ts';

const AT_ONCE = 4;
/** More of them that do not get through are an error. */
const FAILED_SHARE = 0.05;

async function visit(info: AddrInfo): Promise<void> {
  const overlay = await createLibp2pOverlay({
    identity: Identity.generate(),
    psk: new Uint8Array(32).fill(7),
    listen: [],
    announce: ['/ip4/127.0.0.1/tcp/1'],
    allowLoopback: true,
    constants: discoveryConstants(),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger: silentLogger,
  });
  try {
    await overlay.start();
    await overlay.echo(info, 10, { timeoutMs: 30_000 });
  } finally {
    await overlay.stop();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { info, count } = JSON.parse(line) as { info: AddrInfo; count: number };
  let left = count;
  let failed = 0;
  const visitor = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      try {
        await visit(info);
      } catch (error) {
        // On a busy machine a dial may take too long: then another stranger comes instead.
        failed += 1;
        if (failed > count * FAILED_SHARE) throw error;
        left += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, visitor));
  process.stdout.write('done\n');
}
