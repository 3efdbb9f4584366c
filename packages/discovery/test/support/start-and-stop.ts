/** Starts two overlays, connects them, uses every part, and stops them. Nothing may keep the process alive then. */

import { silentLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { discoveryConstants } from '../../src/constants.ts';
import { createLibp2pOverlay } from '../../src/overlay/libp2p/index.ts';
import type { Overlay } from '../../src/overlay/overlay.ts';

const SOON = { timeoutMs: 10_000 };

async function start(): Promise<Overlay> {
  const overlay = await createLibp2pOverlay({
    identity: Identity.generate(),
    psk: new Uint8Array(32),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    allowLoopback: true,
    constants: discoveryConstants(),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger: silentLogger,
  });
  await overlay.start();
  await overlay.dht.start('server');
  overlay.gossip.subscribe('oc-search-peer', { validate: () => 'accept' });
  return overlay;
}

const [server, client] = await Promise.all([start(), start()]);
server.handle('/test/1.0', (stream) => stream.ended);
const info = { ID: server.self, Addrs: server.addresses() };
await client.open(info, '/test/1.0', SOON);
await client.echo(info, 1_000, SOON);
await client.dht.bootstrap([info], SOON);
client.protect(server.self, true);
await client.gossip.publish('oc-search-peer', Buffer.from('{}'));
process.stdout.write('connected\n');
await Promise.all([client.stop(), server.stop()]);
process.stdout.write('stopped\n');
