import { spawn } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { Identity } from '@muster/core/identity';
import { expect, onTestFinished, test } from 'vitest';
import type { PeerEvent } from '../../../src/overlay/overlay.ts';
import { eventually, PSK, SOON, startHost, startHosts } from '../../support/libp2p-hosts.ts';

const P = '/test/1.0';

/** A TCP server of the test; the address of it as a multiaddr. */
async function listen(onSocket: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `/ip4/127.0.0.1/tcp/${(server.address() as { port: number }).port}`;
}

test('serves what it should and nothing else', async () => {
  const [server, client] = await startHosts(2);
  await server!.overlay.dht.start('server');
  await client!.overlay.echo(server!.info, 100, SOON);
  await eventually(() => client!.overlay.protocols(server!.overlay.self)?.includes('oc/kad/1.0.0') === true);
  const served = client!.overlay.protocols(server!.overlay.self)!;
  expect(served.filter((protocol) => !protocol.startsWith('/meshsub/')).toSorted()).toEqual([
    '/ipfs/id/1.0.0',
    '/ipfs/id/push/1.0.0',
    '/ipfs/ping/1.0.0',
    '/opencloud/probe/1.0',
    'oc/kad/1.0.0',
  ]);
});

test('forty peers behind one address connect at once, and each has its streams', async () => {
  const server = await startHost();
  server.overlay.handle(P, async (stream) => {
    await stream.write((await stream.read({ ...SOON, maxBytes: 100 })) as object, SOON);
    await stream.close();
  });
  const clients = await startHosts(40);
  await Promise.all(
    clients.map(async ({ overlay }) => {
      const stream = await overlay.open(server.info, P, { timeoutMs: 30_000 });
      await stream.write({ hello: overlay.self }, SOON);
      expect(await stream.read({ ...SOON, maxBytes: 100 })).toEqual({ hello: overlay.self });
      await stream.close();
    }),
  );
  expect(server.overlay.connections().length).toBe(40);
}, 40_000);

test('refused peers are never dialled, and cut as soon as their identity is proven', async () => {
  const [server, client] = await startHosts(2);
  server!.overlay.handle(P, (stream) => stream.close());
  const events: PeerEvent[] = [];
  server!.overlay.onPeer((event) => events.push(event));
  server!.overlay.refuse((peer) => peer === client!.overlay.self);
  await expect(server!.overlay.open(client!.info, P, SOON)).rejects.toMatchObject({ code: 'DIAL_REFUSED' });
  // The dialler may hold a connection for a moment; it never gets a stream.
  await expect(client!.overlay.open(server!.info, P, SOON)).rejects.toMatchObject({
    code: expect.stringMatching(/^(DIAL_FAILED|STREAM_RESET)$/),
  });
  await eventually(() => !client!.overlay.isConnected(server!.overlay.self));
  expect(events).toEqual([]);
});

test('a peer that is refused while connected is disconnected, and stays away though it was protected', async () => {
  const [server, client] = await startHosts(2);
  server!.overlay.handle(P, async (stream) => stream.ended);
  const stream = await client!.overlay.open(server!.info, P, SOON);
  server!.overlay.protect(client!.overlay.self, true);
  client!.overlay.protect(server!.overlay.self, true);
  server!.overlay.refuse((peer) => peer === client!.overlay.self);
  await server!.overlay.disconnect(client!.overlay.self);
  await stream.ended;
  await eventually(() => server!.overlay.connections().length === 0);
  await expect(client!.overlay.open(server!.info, P, SOON)).rejects.toThrow();
  expect(server!.overlay.isConnected(client!.overlay.self)).toBe(false);
});

test('protected peers are dialled again when the connection breaks, others are not', async () => {
  const [server, client, other] = await startHosts(3);
  for (const { overlay } of [server!, other!]) overlay.handle(P, async (stream) => stream.ended);
  await client!.overlay.open(server!.info, P, SOON);
  await client!.overlay.open(other!.info, P, SOON);
  client!.overlay.protect(server!.overlay.self, true);
  await eventually(() => client!.overlay.protocols(server!.overlay.self) !== undefined);
  const events: PeerEvent[] = [];
  client!.overlay.onPeer((event) => events.push(event));
  await server!.overlay.disconnect(client!.overlay.self);
  await other!.overlay.disconnect(client!.overlay.self);
  await eventually(() => events.some(({ kind }) => kind === 'connected'));
  expect(client!.overlay.isConnected(server!.overlay.self)).toBe(true);
  expect(client!.overlay.isConnected(other!.overlay.self)).toBe(false);
});

test('a new protocol is told to those who are connected', async () => {
  const [server, client] = await startHosts(2);
  await client!.overlay.echo(server!.info, 10, SOON);
  await eventually(() => client!.overlay.protocols(server!.overlay.self) !== undefined);
  expect(client!.overlay.protocols(server!.overlay.self)).not.toContain(P);
  server!.overlay.handle(P, (stream) => stream.close());
  await eventually(() => client!.overlay.protocols(server!.overlay.self)?.includes(P) === true);
});

test('addresses: announced ones first, loopback only when allowed', async () => {
  const announce = ['/dns4/node.example/tcp/4001'];
  const [open] = await startHosts(1, { announce });
  expect(open!.overlay.addresses()[0]).toBe(announce[0]);
  expect(open!.overlay.addresses()[1]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/);
  const [closed] = await startHosts(1, { announce, allowLoopback: false });
  expect(closed!.overlay.addresses()).toEqual(announce);
});

test('dials that cannot work say why', async () => {
  const { overlay } = await startHost();
  const ID = Identity.generate().peerId;
  const nobody = await listen((socket) => socket.destroy());
  await expect(overlay.open({ ID, Addrs: [nobody] }, P, SOON)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
  await expect(overlay.open({ ID, Addrs: [] }, P, SOON)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
  await expect(overlay.open({ ID, Addrs: ['no address'] }, P, SOON)).rejects.toMatchObject({
    code: 'DIAL_FAILED',
  });
  await expect(overlay.open({ ID: 'nobody', Addrs: [nobody] }, P, SOON)).rejects.toMatchObject({
    code: 'DIAL_FAILED',
  });
  expect(overlay.isConnected('nobody')).toBe(false);
  await overlay.disconnect('nobody');
  overlay.protect('nobody', true);
  const silent = await listen(() => undefined);
  await expect(overlay.open({ ID, Addrs: [silent] }, P, { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'STREAM_TIMEOUT',
  });
});

test('a peer that is not who it was said to be is not connected', async () => {
  const [server, client] = await startHosts(2);
  const ID = Identity.generate().peerId;
  await expect(
    client!.overlay.open({ ID, Addrs: server!.info.Addrs }, '/opencloud/probe/1.0', SOON),
  ).rejects.toMatchObject({ code: 'DIAL_FAILED' });
  expect(client!.overlay.isConnected(ID)).toBe(false);
});

test('a peer without the pre-shared key learns nothing, and is logged once', async () => {
  const server = await startHost();
  const { overlay } = await startHost();
  const plain = await listen((socket) => void socket.write('\x13/multistream/1.0.0\n\x07/noise\n'));
  await expect(
    overlay.open({ ID: Identity.generate().peerId, Addrs: [plain] }, P, SOON),
  ).rejects.toMatchObject({ code: 'PSK_MISMATCH' });

  const strangers = await startHosts(5, { psk: PSK.map((byte) => byte + 1) });
  await Promise.all(
    strangers.map(async (stranger) => {
      await expect(stranger.overlay.open(server.info, P, SOON)).rejects.toMatchObject({
        code: 'PSK_MISMATCH',
      });
    }),
  );
  const lines = server.log.filter(({ fields }) => fields['code'] === 'PSK_MISMATCH');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ level: 'warn', fields: { direction: 'inbound', occurrences: 1 } });
  expect(server.overlay.connections()).toEqual([]);
});

test('a peer of another implementation that ends the connection at once is suspected of another key', async () => {
  const { overlay } = await startHost();
  const terse = await listen((socket) => {
    socket.write(Buffer.alloc(24, 1));
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (received > 24) socket.resetAndDestroy();
    });
  });
  const opening = overlay.open({ ID: Identity.generate().peerId, Addrs: [terse] }, P, SOON);
  await expect(opening).rejects.toMatchObject({
    code: 'DIAL_FAILED',
    message: expect.stringContaining('pre-shared keys differ'),
  });
});

test('an address that is taken is an error at the start', async () => {
  const taken = await listen(() => undefined);
  await expect(startHost({ listen: [taken] })).rejects.toMatchObject({ code: 'OVERLAY_START_FAILED' });
  await expect(startHost({ listen: ['not an address'] })).rejects.toMatchObject({
    code: 'OVERLAY_START_FAILED',
  });
});

test('an overlay may be stopped twice, and opens nothing then', async () => {
  const { overlay } = await startHost();
  await overlay.stop();
  await overlay.stop();
  await expect(overlay.open({ ID: Identity.generate().peerId, Addrs: [] }, P, SOON)).rejects.toMatchObject({
    code: 'DIAL_FAILED',
  });
});

test('a process whose overlay was stopped ends by itself', async () => {
  const script = new URL('../../support/start-and-stop.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=muster-source', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once('exit', resolve));
  expect({ code, output }).toEqual({ code: 0, output: 'connected\nstopped\n' });
}, 30_000);
