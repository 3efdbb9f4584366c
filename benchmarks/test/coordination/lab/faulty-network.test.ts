import type { ContentRouting, PeerStream, PeerStreams } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { type NetworkFaults, withFaults } from '../../../coordination/lab/faulty-network.ts';

const LIMIT = { timeoutMs: 50 };
const SHA256 = new Uint8Array(32);
const PLEASE_PULL_ANSWER = Uint8Array.of(2, 0x22, 0);
const INTENT_ANSWER = Uint8Array.of(2, 0x12, 0);

/** A network that writes down what is written on streams that it accepts. */
function network() {
  const written: Uint8Array[] = [];
  let accept: (stream: PeerStream) => Promise<void> = async () => {};
  const stream: PeerStream = {
    remotePeer: 'peer',
    protocol: '/p',
    write: async (data) => void written.push(data),
    read: async () => undefined,
    closeWrite: async () => {},
    close: async () => {},
    reset: () => {},
  };
  const streams: PeerStreams = {
    self: 'self',
    addresses: () => ['/ip4/127.0.0.1/tcp/1'],
    open: async () => stream,
    serve: (_, handler) => {
      accept = handler;
      return () => {};
    },
    connectedPeers: () => [],
  };
  const routing: ContentRouting = {
    provide: async () => {},
    findProviders: async () => [{ id: 'provider', addresses: [] }],
    routingTableSize: 7,
    bootstrap: async () => 1,
  };
  return { written, streams, routing, accepted: () => accept(stream), name: 'inner', whoAmI: () => 'inner' };
}

function faulty(faults: NetworkFaults) {
  const inner = network();
  return { inner, outer: withFaults(inner, faults) };
}

describe('a network with faults', () => {
  it('goes through where it has none', async () => {
    const { outer } = faulty({});
    expect(outer.whoAmI()).toBe('inner');
    expect(outer.routing.routingTableSize).toBe(7);
    expect(await outer.routing.findProviders(SHA256, { ...LIMIT, count: 1 })).toHaveLength(1);
  });

  it('finds nobody', async () => {
    const { outer } = faulty({ findsNobody: true });
    expect(await outer.routing.findProviders(SHA256, { ...LIMIT, count: 1 })).toEqual([]);
  });

  it('is too slow for those with less time', async () => {
    const { outer } = faulty({ lookupMs: 20 });
    expect(await outer.routing.findProviders(SHA256, { timeoutMs: 10_000, count: 1 })).toHaveLength(1);
    const hurried = outer.routing.findProviders(SHA256, { timeoutMs: 5, count: 1 });
    await expect(hurried).rejects.toThrow('too long');
  });

  it('loses so many answers to please_pull, and nothing else', async () => {
    const { inner, outer } = faulty({ lostAnswers: 1 });
    outer.streams.serve('/p', async (stream) => {
      await stream.write(INTENT_ANSWER, LIMIT);
      await stream.write(PLEASE_PULL_ANSWER, LIMIT);
      await stream.write(PLEASE_PULL_ANSWER, LIMIT);
    });
    await inner.accepted();
    expect(inner.written).toEqual([INTENT_ANSWER, PLEASE_PULL_ANSWER]);
  });
});
