import { Identity } from '@muster/core/identity';
import { expect, test } from 'vitest';
import { MemberIndex, resolveProvider } from '../../src/advertise/provider-address.ts';
import type { ClusterNode } from '../../src/types.ts';

const PEER = Identity.generate().peerId;
const OTHER = Identity.generate().peerId;

const node = (id: string, fields: Partial<ClusterNode>): ClusterNode => ({
  id,
  addr: '',
  zone: '',
  peerId: '',
  p2pAddrs: [],
  ...fields,
});

const resolve = (addresses: readonly string[], members: readonly ClusterNode[] = []) =>
  resolveProvider({ id: PEER, addresses }, new MemberIndex(members), 5001);

test('first the member that publishes the peer id, wherever the record points', () => {
  const members = [
    node('a', { peerId: OTHER, addr: '10.0.0.1:6001' }),
    node('b', { peerId: PEER, addr: '10.0.0.2:6002' }),
  ];
  expect(resolve(['/ip4/10.0.0.1/tcp/4001'], members)).toEqual({ nodeId: 'b', addr: '10.0.0.2:6002' });
  expect(resolve([], members)).toEqual({ nodeId: 'b', addr: '10.0.0.2:6002' });
});

test('then the only member at one of the addresses of the record', () => {
  const byAddr = node('a', { addr: '10.0.0.1:6001' });
  const byP2p = node('b', { addr: 'b.example:6002', p2pAddrs: ['/ip4/10.0.0.2/tcp/4001'] });
  expect(resolve(['/ip4/10.0.0.1/tcp/9'], [byAddr, byP2p])).toEqual({ nodeId: 'a', addr: '10.0.0.1:6001' });
  expect(resolve(['/ip4/10.0.0.2/udp/9/quic-v1'], [byAddr, byP2p])).toEqual({
    nodeId: 'b',
    addr: 'b.example:6002',
  });
});

test('several at one address are none, and so are loopback addresses', () => {
  const twins = [node('a', { addr: '10.0.0.1:6001' }), node('b', { addr: '10.0.0.1:6002' })];
  expect(resolve(['/ip4/10.0.0.1/tcp/9'], twins)).toEqual({ nodeId: PEER, addr: '10.0.0.1:5001' });
  const local = [node('a', { addr: '127.0.0.1:6001', p2pAddrs: ['/ip4/127.0.0.1/tcp/1'] })];
  expect(resolve(['/ip4/127.0.0.1/tcp/9'], local)).toBeUndefined();
});

test.each([
  [['/ip4/127.0.0.1/tcp/1', '/ip6/fd00::7/tcp/1', '/ip4/10.0.0.9/tcp/1'], '10.0.0.9:5001'],
  [['/ip4/169.254.3.4/tcp/1', '/ip6/fe80::1/tcp/1', '/ip6/fd00::7/tcp/1'], '[fd00::7]:5001'],
])('then the first usable address with our own port: %s', (addresses, addr) => {
  expect(resolve(addresses)).toEqual({ nodeId: PEER, addr });
});

test.each([
  [[]],
  [['/ip4/0.0.0.0/tcp/1', '/ip6/::/tcp/1', '/ip6/::1/tcp/1']],
  [['/dns4/somewhere/tcp/1', '/ip4/300.1.1.1/tcp/1', 'nonsense', '']],
])('%s leads nowhere', (addresses) => {
  expect(resolve(addresses)).toBeUndefined();
});
