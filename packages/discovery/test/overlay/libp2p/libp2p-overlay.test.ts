import { expect, test } from 'vitest';
import type { PeerEvent } from '../../../src/overlay/overlay.ts';
import { eventually, SOON, startHost, startHosts } from '../../support/libp2p-hosts.ts';

const ECHO = '/test/echo/1.0';

async function startEchoPair() {
  const [server, client] = await startHosts(2);
  server!.overlay.handle(ECHO, async (stream) => {
    for (;;) {
      const message = await stream.read({ ...SOON, maxBytes: 1_000 });
      if (message === undefined) return stream.close();
      await stream.write(message as object, SOON);
    }
  });
  return { server: server!, client: client! };
}

test('opens streams, answers, half-closes and ends', async () => {
  const { server, client } = await startEchoPair();
  const stream = await client.overlay.open(server.info, ECHO, SOON);
  await stream.write({ a: 1 }, SOON);
  await stream.write({ b: 'zwei' }, SOON);
  expect(await stream.read({ ...SOON, maxBytes: 100 })).toEqual({ a: 1 });
  await stream.closeWrite();
  expect(await stream.read({ ...SOON, maxBytes: 100 })).toEqual({ b: 'zwei' });
  expect(await stream.read({ ...SOON, maxBytes: 100 })).toBeUndefined();
  await stream.ended;
  expect(stream.remote).toEqual({
    peer: server.overlay.self,
    address: server.info.Addrs[0],
    direction: 'outbound',
  });
});

test('tells of peers that connect, are identified and go', async () => {
  const { server, client } = await startEchoPair();
  const events: PeerEvent[] = [];
  client.overlay.onPeer((event) => events.push(event));
  const stream = await client.overlay.open(server.info, ECHO, SOON);
  await eventually(() => client.overlay.protocols(server.overlay.self)?.includes(ECHO) === true);
  expect(events.map(({ kind }) => kind)).toEqual(['connected', 'identified']);
  await client.overlay.disconnect(server.overlay.self);
  await eventually(() => events.some(({ kind }) => kind === 'disconnected'));
  await stream.ended;
  await expect(stream.read({ ...SOON, maxBytes: 10 })).rejects.toMatchObject({ code: 'STREAM_RESET' });
  expect(client.overlay.isConnected(server.overlay.self)).toBe(false);
  expect(client.overlay.protocols(server.overlay.self)).toBeUndefined();
});

test('measures an echo', async () => {
  const { server, client } = await startEchoPair();
  expect(await client.overlay.echo(server.info, 65_536, SOON)).toBeGreaterThan(0);
});

test('another pre-shared key is recognised on both sides', async () => {
  const server = await startHost();
  const client = await startHost({ psk: new Uint8Array(32).fill(8) });
  await expect(client.overlay.open(server.info, ECHO, SOON)).rejects.toMatchObject({ code: 'PSK_MISMATCH' });
  await eventually(() => server.log.some(({ fields }) => fields['code'] === 'PSK_MISMATCH'));
});
