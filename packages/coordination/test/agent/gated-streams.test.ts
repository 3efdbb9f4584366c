import { EventBus, type PeerStream } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { ManualClock } from '@muster/core/testing';
import { expect, test } from 'vitest';
import { gatedStreams } from '../../src/agent/gated-streams.ts';
import type { CoordinationEvents } from '../../src/events.ts';
import type { ClusterNode } from '../../src/types.ts';
import { MemoryStreamNetwork } from '../support/memory-streams.ts';

const [SERVER, MEMBER, BY_ADDRESS, STRANGER] = Array.from({ length: 4 }, () => Identity.generate().peerId);
const node = (id: string, fields: Partial<ClusterNode>): ClusterNode => ({
  id,
  addr: '',
  zone: '',
  peerId: '',
  p2pAddrs: [],
  ...fields,
});

async function ask(mode: 'all' | 'observe' | 'members', members: readonly ClusterNode[], peer: string) {
  const network = new MemoryStreamNetwork(new ManualClock());
  const events = new EventBus<CoordinationEvents>({
    onListenerError: (error) => expect.unreachable(String(error)),
  });
  const reasons: string[] = [];
  events.on('coord.unauthorized', ({ payload }) => void reasons.push(payload.reason));
  const served: string[] = [];
  gatedStreams({
    streams: network.node(SERVER!),
    members: { snapshot: () => members, bootstrapSnapshot: () => [] },
    mode,
    events,
  }).serve('/p', async (stream: PeerStream) => {
    served.push(stream.remotePeer);
    await stream.close();
  });
  await network.node(peer).open({ id: SERVER!, addresses: [] }, ['/p'], { timeoutMs: 1_000 });
  return { served: served.length, reasons };
}

const MEMBERS = [
  node('a', { peerId: MEMBER! }),
  node('b', { p2pAddrs: [`/ip4/10.0.0.1/tcp/1/p2p/${BY_ADDRESS}`] }),
];

test.each<['all' | 'observe' | 'members', readonly ClusterNode[], string, number, string[]]>([
  ['all', MEMBERS, STRANGER!, 1, []],
  ['observe', MEMBERS, STRANGER!, 1, ['unrecognized']],
  ['members', MEMBERS, STRANGER!, 0, ['unrecognized']],
  ['members', MEMBERS, MEMBER!, 1, []],
  ['members', MEMBERS, BY_ADDRESS!, 1, []],
  ['members', [], MEMBER!, 0, ['unevaluable']],
  ['observe', [], MEMBER!, 1, ['unevaluable']],
])('%s, %#', async (mode, members, peer, served, reasons) => {
  expect(await ask(mode, members, peer)).toEqual({ served, reasons });
});
