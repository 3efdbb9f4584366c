import { createHash } from 'node:crypto';
import { type PeerStream, recordingLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { expect, onTestFinished, test } from 'vitest';
import { createPeerNetwork, type PeerNetwork, type PeerNetworkOptions } from '../../../src/host/index.ts';
import { eventually, PSK, SOON } from '../../support/libp2p-hosts.ts';

const P = '/test/raw/1.0.0';
const NEWER = '/test/raw/1.1.0';
const sha = (text: string): Uint8Array => createHash('sha256').update(text).digest();

async function start(options: Partial<PeerNetworkOptions> = {}): Promise<PeerNetwork> {
  const network = await createPeerNetwork({
    identity: Identity.generate(),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    allowLoopback: true,
    dhtProtocol: '/gantry/kad/1.0.0',
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger: recordingLogger(),
    ...options,
  });
  onTestFinished(() => network.stop());
  await network.start();
  return network;
}

const targetOf = ({ streams }: PeerNetwork) => ({ id: streams.self, addresses: streams.addresses() });

/** Everything until the orderly end, as text. */
async function textOf(stream: PeerStream): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(SOON); chunk !== undefined; chunk = await stream.read(SOON)) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

async function providersOf({ routing }: PeerNetwork, text: string): Promise<string[]> {
  const found = await routing.findProviders(sha(text), { ...SOON, count: 20 });
  return found.map(({ id }) => id);
}

async function echo(stream: PeerStream): Promise<void> {
  await stream.write(Buffer.from(await textOf(stream)), SOON);
  await stream.close();
}

test('bytes go both ways over an open network, with the protocol that both know', async () => {
  const [server, client] = [await start(), await start()];
  const stop = server.streams.serve(P, echo);
  const stream = await client.streams.open(targetOf(server), [NEWER, P], SOON);
  expect(stream.protocol).toBe(P);
  expect(stream.remotePeer).toBe(server.streams.self);
  await stream.write(Buffer.from('hello '), SOON);
  await stream.write(Buffer.alloc(300_000, 'x'), SOON);
  await stream.closeWrite();
  expect(await textOf(stream)).toBe(`hello ${'x'.repeat(300_000)}`);
  await stream.close();
  expect(client.streams.connectedPeers()).toEqual([server.streams.self]);
  stop();
  await expect(client.streams.open(targetOf(server), [P], SOON)).rejects.toMatchObject({
    code: 'PROTOCOL_UNSUPPORTED',
  });
});

test('waits end with their limit, resets and refusals have codes', async () => {
  const [server, client] = [await start(), await start()];
  server.streams.serve(P, async (stream) => {
    if (Buffer.from((await stream.read(SOON)) ?? []).toString() === 'reset') stream.reset();
    else await stream.read(SOON);
  });
  const silent = await client.streams.open(targetOf(server), [P], SOON);
  await silent.write(Buffer.from('wait'), SOON);
  await expect(silent.read({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'STREAM_TIMEOUT' });
  silent.reset();
  const broken = await client.streams.open(targetOf(server), [P], SOON);
  await broken.write(Buffer.from('reset'), SOON);
  await expect(broken.read(SOON)).rejects.toMatchObject({ code: 'STREAM_RESET' });
  const nobody = { id: Identity.generate().peerId, addresses: ['/ip4/127.0.0.1/tcp/1'] };
  await expect(client.streams.open(nobody, [P], SOON)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
});

test('five hundred streams at once between two hosts', async () => {
  const [server, client] = [await start(), await start()];
  server.streams.serve(P, echo);
  const texts = await Promise.all(
    Array.from({ length: 500 }, async (_, index) => {
      const stream = await client.streams.open(targetOf(server), [P], { timeoutMs: 60_000 });
      await stream.write(Buffer.from(String(index)), SOON);
      await stream.closeWrite();
      const text = await textOf(stream);
      await stream.close();
      return text;
    }),
  );
  expect(texts).toEqual(Array.from({ length: 500 }, (_, index) => String(index)));
}, 90_000);

test('three hosts find who provides a digest, themselves included, over loopback addresses', async () => {
  const hosts = [await start(), await start(), await start()];
  const [first, ...others] = hosts;
  for (const host of others) expect(await host.routing.bootstrap([targetOf(first!)], SOON)).toBe(1);
  await eventually(() => hosts.every(({ routing }) => routing.routingTableSize >= 1));
  await hosts[1]!.routing.provide(sha('a'), SOON);
  for (const host of hosts) {
    // Peers that are told do not answer.
    await expect.poll(() => providersOf(host, 'a'), { timeout: 20_000 }).toEqual([hosts[1]!.streams.self]);
  }
  const [provider] = await hosts[2]!.routing.findProviders(sha('a'), { ...SOON, count: 20 });
  expect(provider!.addresses).toEqual(hosts[1]!.streams.addresses());
  expect(await providersOf(hosts[2]!, 'b')).toEqual([]);
});

test('a provider that was found is not held back by a peer that does not answer', async () => {
  const [provider, client, silent] = [await start(), await start(), await start({ dhtProtocol: '/other' })];
  const asked = Promise.withResolvers<void>();
  let hasEnded = false;
  silent.streams.serve('/gantry/kad/1.0.0', async (stream) => {
    asked.resolve();
    // Until whoever asks gives up.
    await stream.read({ timeoutMs: 600_000 }).catch(() => {});
    await stream.read({ timeoutMs: 600_000 }).catch(() => {});
    hasEnded = true;
  });
  await client.routing.bootstrap([targetOf(provider)], SOON);
  await eventually(() => provider.routing.routingTableSize === 1);
  await provider.routing.provide(sha('a'), SOON);
  // Peers that are told do not answer.
  await expect.poll(() => providersOf(client, 'a'), { timeout: 20_000 }).toEqual([provider.streams.self]);
  await client.routing.bootstrap([targetOf(silent)], SOON);
  await eventually(() => client.routing.routingTableSize === 2);
  const search = client.routing.findProviders(sha('a'), { timeoutMs: 600_000, count: 20 });
  await asked.promise;
  expect((await search).map(({ id }) => id)).toEqual([provider.streams.self]);
  expect(hasEnded).toBe(false);
}, 30_000);

test('what is withdrawn is forgotten here', async () => {
  const host = await start();
  await host.routing.provide(sha('a'), SOON);
  expect(await providersOf(host, 'a')).toEqual([host.streams.self]);
  await host.routing.withdraw!(sha('a'));
  expect(await providersOf(host, 'a')).toEqual([]);
});

test('one peer may provide thousands of digests', async () => {
  const [server, client] = [await start(), await start()];
  await client.routing.bootstrap([targetOf(server)], SOON);
  await eventually(() => client.routing.routingTableSize === 1);
  for (let index = 0; index < 40; index += 1) await client.routing.provide(sha(String(index)), SOON);
  await expect.poll(() => providersOf(server, '39'), { timeout: 20_000 }).toEqual([client.streams.self]);
});

test('a bootstrap counts who answered, and a search without time is an error, not a miss', async () => {
  const [server, client] = [await start(), await start()];
  const gone = { id: Identity.generate().peerId, addresses: ['/ip4/127.0.0.1/tcp/1'] };
  expect(await client.routing.bootstrap([gone, targetOf(server)], SOON)).toBe(1);
  expect(await client.routing.bootstrap([gone], SOON)).toBe(0);
  const over = AbortSignal.abort(new Error('enough'));
  await expect(client.routing.findProviders(sha('a'), { ...SOON, count: 20, signal: over })).rejects.toThrow(
    'enough',
  );
});

test('with a pre-shared key, only who has it gets in', async () => {
  const [server, member, stranger] = [await start({ psk: PSK }), await start({ psk: PSK }), await start()];
  server.streams.serve(P, echo);
  const stream = await member.streams.open(targetOf(server), [P], SOON);
  await stream.write(Buffer.from('hi'), SOON);
  await stream.closeWrite();
  expect(await textOf(stream)).toBe('hi');
  await expect(stranger.streams.open(targetOf(server), [P], { timeoutMs: 3_000 })).rejects.toThrow();
});

test('an address that is taken is an error, and a host may be stopped twice', async () => {
  const network = await start();
  await expect(start({ listen: [...network.listenAddresses()] })).rejects.toMatchObject({
    code: 'OVERLAY_START_FAILED',
  });
  await network.stop();
  await network.stop();
});
