import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import type { PeerEvent } from '../../src/overlay/overlay.ts';
import { testPeer } from './identities.ts';
import { MemoryNetwork } from './memory-overlay.ts';

const A = testPeer(1);
const B = testPeer(2);
const PROTOCOL = '/test/1.0';
const deadline = { timeoutMs: 1_000 };
const read = { ...deadline, maxBytes: 100 };

function pair(timers?: ManualClock) {
  const network = new MemoryNetwork(timers === undefined ? {} : { timers });
  return { network, a: network.overlay(A), b: network.overlay(B) };
}

describe('the overlay in memory', () => {
  it('carries JSON both ways, and half-closes', async () => {
    const { network, a, b } = pair();
    b.handle(PROTOCOL, async (stream) => {
      expect(stream.remote).toMatchObject({ peer: A, direction: 'inbound' });
      const asked = (await stream.read(read)) as { n: number };
      expect(await stream.read(read)).toBeUndefined();
      await stream.write({ n: asked.n + 1, gone: undefined }, deadline);
      await stream.close();
    });
    const stream = await a.open(network.addrInfo(B), PROTOCOL, deadline);
    await stream.write({ n: 1 }, deadline);
    await stream.closeWrite();
    expect(await stream.read(read)).toEqual({ n: 2 });
    expect(await stream.read(read)).toBeUndefined();
    await stream.close();
    await stream.ended;
  });

  it('resets a stream whose handler fails or leaves it open, and refuses what is too long', async () => {
    const { network, a, b } = pair();
    b.handle(PROTOCOL, async (stream) => void (await stream.read(read)));
    const stream = await a.open(network.addrInfo(B), PROTOCOL, deadline);
    await stream.write({ text: 'x'.repeat(200) }, deadline);
    await expect(stream.read(read)).rejects.toMatchObject({ code: 'STREAM_RESET' });
    await stream.ended;
    await expect(stream.write({}, deadline)).rejects.toMatchObject({ code: 'STREAM_RESET' });
  });

  it('times reads out by the given timers, and leaves the stream usable', async () => {
    const clock = new ManualClock();
    const { network, a, b } = pair(clock);
    let answer: () => void = () => {};
    b.handle(PROTOCOL, async (stream) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      await stream.write({ late: true }, deadline);
      await stream.close();
    });
    const stream = await a.open(network.addrInfo(B), PROTOCOL, deadline);
    const first = expect(stream.read(read)).rejects.toMatchObject({ code: 'STREAM_TIMEOUT' });
    await Promise.resolve();
    clock.advance(1_000);
    await first;
    answer();
    expect(await stream.read(read)).toEqual({ late: true });
  });

  it('tells of connections, protocols and their end, at both ends', async () => {
    const { network, a, b } = pair();
    const events: PeerEvent[] = [];
    b.onPeer((event) => void events.push(event));
    a.handle('/a', async () => {});
    b.handle(PROTOCOL, async () => {});
    await a.open(network.addrInfo(B), PROTOCOL, deadline);
    await expect(a.open(network.addrInfo(B), '/none', deadline)).rejects.toMatchObject({
      code: 'PROTOCOL_UNSUPPORTED',
    });
    a.handle('/a2', async () => {});
    await expect.poll(() => events.length).toBe(3);
    network.isolate(A);
    expect(events).toMatchObject([
      { kind: 'connected', remote: { peer: A, direction: 'inbound' } },
      { kind: 'identified', protocols: ['/a'] },
      { kind: 'identified', protocols: ['/a', '/a2'] },
      { kind: 'disconnected', peer: A },
    ]);
    await expect(b.open(network.addrInfo(A), '/a', deadline)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    network.rejoin(A);
    a.refuse((peer) => peer === B);
    await expect(b.open(network.addrInfo(A), '/a', deadline)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    await expect(a.open(network.addrInfo(B), PROTOCOL, deadline)).rejects.toMatchObject({
      code: 'DIAL_REFUSED',
    });
  });

  it('delivers accepted messages of a topic to all others', async () => {
    const { network, a, b } = pair();
    const heard: string[] = [];
    for (const overlay of [a, b]) {
      overlay.gossip.subscribe('t', {
        validate: ({ data }) => (data.length > 3 ? 'reject' : 'accept'),
        deliver: ({ from, data }) => void heard.push(`${from === A} ${Buffer.from(data).toString()}`),
      });
    }
    await a.gossip.publish('t', Buffer.from('one'));
    await a.gossip.publish('t', Buffer.from('long'));
    expect(heard).toEqual(['true one']);
    expect(network.rejected).toMatchObject([{ by: B, verdict: 'reject' }]);
  });

  it('stores valid values and providers for all', async () => {
    const { network, a, b } = pair();
    const rules = {
      validate: (_key: string, value: Uint8Array) => value[0] !== 0,
      select: (_key: string, values: readonly Uint8Array[]) => values.length - 1,
    };
    await expect(a.dht.get('/x/1', deadline)).rejects.toMatchObject({ code: 'DHT_FAILED' });
    for (const { dht } of [a, b]) dht.namespace('x', rules);
    await a.dht.start('client');
    await expect(a.dht.get('/x/1', deadline)).rejects.toMatchObject({ code: 'DHT_FAILED' });
    await b.dht.start('server');
    await a.dht.put('/x/1', Uint8Array.of(1), deadline);
    network.store.putRaw('/x/1', Uint8Array.of(0));
    expect(await b.dht.get('/x/1', deadline)).toEqual(Uint8Array.of(1));
    await expect(a.dht.put('/x/1', Uint8Array.of(0), deadline)).rejects.toMatchObject({ code: 'DHT_FAILED' });
    await expect(a.dht.put('/y/1', Uint8Array.of(1), deadline)).rejects.toMatchObject({ code: 'DHT_FAILED' });
    await b.dht.provide('cid', deadline);
    expect(await a.dht.findProviders('cid', { ...deadline, count: 3 })).toEqual([network.addrInfo(B)]);
    expect(await b.dht.findProviders('cid', { ...deadline, count: 3 })).toEqual([]);
  });
});
