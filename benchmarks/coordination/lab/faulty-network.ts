/** A peer network that loses what it is told to lose: for scenarios about discovery in trouble and lost answers. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ContentRouting, PeerStream, PeerStreams } from '@muster/core';

export interface NetworkFaults {
  /** Lookups of providers find nobody. */
  readonly findsNobody?: boolean;
  /** Lookups of providers take this long; those with less time fail. */
  readonly lookupMs?: number;
  /** So many answers to `please_pull` are lost on their way. */
  readonly lostAnswers?: number;
}

/** Tag of the answer to `please_pull` in an envelope: field 4, with a length. */
const PLEASE_PULL_RESPONSE = 0x22;

interface Network {
  readonly streams: PeerStreams;
  readonly routing: ContentRouting;
}

/** The same network with these faults. Everything else of `network` goes through. */
export function withFaults<N extends Network>(network: N, faults: NetworkFaults): N {
  const streams =
    faults.lostAnswers === undefined ? network.streams : losing(network.streams, faults.lostAnswers);
  const routing = faultyRouting(network.routing, faults);
  return new Proxy(network, {
    get: (target, name) => {
      if (name === 'streams') return streams;
      if (name === 'routing') return routing;
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function faultyRouting(routing: ContentRouting, { findsNobody, lookupMs }: NetworkFaults): ContentRouting {
  return {
    provide: (sha256, limit) => routing.provide(sha256, limit),
    withdraw: async (sha256) => await routing.withdraw?.(sha256),
    bootstrap: (peers, limit) => routing.bootstrap(peers, limit),
    get routingTableSize() {
      return routing.routingTableSize;
    },
    findProviders: async (sha256, options) => {
      if (lookupMs !== undefined) {
        await sleep(Math.min(lookupMs, options.timeoutMs), undefined, options);
        if (options.timeoutMs <= lookupMs) throw new Error('the lookup took too long');
      }
      return findsNobody === true ? [] : await routing.findProviders(sha256, options);
    },
  };
}

function losing(streams: PeerStreams, count: number): PeerStreams {
  let left = count;
  const lossy = (stream: PeerStream): PeerStream => ({
    remotePeer: stream.remotePeer,
    protocol: stream.protocol,
    read: (limit) => stream.read(limit),
    closeWrite: () => stream.closeWrite(),
    close: () => stream.close(),
    reset: () => stream.reset(),
    write: async (data, limit) => {
      if (left > 0 && firstTag(data) === PLEASE_PULL_RESPONSE) left -= 1;
      else await stream.write(data, limit);
    },
  });
  return {
    self: streams.self,
    addresses: () => streams.addresses(),
    open: (to, protocols, limit) => streams.open(to, protocols, limit),
    connectedPeers: () => streams.connectedPeers(),
    serve: (protocol, handler, options) =>
      streams.serve(protocol, (stream) => handler(lossy(stream)), options),
  };
}

/** The first byte after the length of a frame. */
function firstTag(frame: Uint8Array): number | undefined {
  const end = frame.findIndex((byte) => byte < 0x80);
  return end < 0 ? undefined : frame[end + 1];
}
