import { loadConfig } from '@muster/core';
import { expect, test } from 'vitest';
import { OwnEntry } from '../../src/agent/own-entry.ts';
import { coordinationConfigOf, coordinationSettings } from '../../src/config/index.ts';

const REGISTRY = 'upstream_registries: [{ name: a, endpoint: http://a }]\n';

function entryOf(text: string, listening: readonly string[] = [], usable: readonly string[] = listening) {
  const file = { path: 'gantry.yaml', text: REGISTRY + text };
  const { node } = coordinationConfigOf(loadConfig(coordinationSettings, { file }));
  const streams = { self: 'PEER', addresses: () => usable } as never;
  return new OwnEntry(node, { streams, listenAddresses: () => listening }, 'n1');
}

test('a pod publishes its address where listeners are bound to all', () => {
  const text = 'pod_ip: 10.0.0.7\nlibp2p_listen: [/ip4/0.0.0.0/tcp/4001, /ip6/::/tcp/4001]\nzone: z1\n';
  const own = entryOf(text);
  own.bound(5001);
  expect(own.node()).toEqual({
    id: 'n1',
    addr: '10.0.0.7:5001',
    zone: 'z1',
    peerId: 'PEER',
    p2pAddrs: ['/ip4/10.0.0.7/tcp/4001/p2p/PEER'],
  });
  expect(own.isFamilyMismatch).toBe(false);
});

test('port 0 is published as the port that was got', () => {
  const own = entryOf('pod_ip: 10.0.0.7\n', ['/ip6/fd00::1/tcp/2', '/ip4/10.0.0.7/tcp/33001']);
  expect(own.p2pAddresses()).toEqual(['/ip4/10.0.0.7/tcp/33001/p2p/PEER']);
});

test('a pod of the other family publishes nothing, and says so', () => {
  const own = entryOf('pod_ip: "fd00::7"\nlibp2p_listen: [/ip4/0.0.0.0/tcp/4001]\n');
  expect(own.node()).toMatchObject({ addr: '', p2pAddrs: [] });
  expect(own.isFamilyMismatch).toBe(true);
});

test('a machine without an address of its own gives those of its interfaces, and announced ones first', () => {
  const own = entryOf('libp2p_announce: [/dns4/n1.example/tcp/4001]\nmembers_announce_dir: /m\n', [
    '/ip4/192.0.2.9/tcp/4001',
  ]);
  expect(own.node()).toMatchObject({
    addr: '192.0.2.9:5001',
    p2pAddrs: ['/dns4/n1.example/tcp/4001/p2p/PEER', '/ip4/192.0.2.9/tcp/4001/p2p/PEER'],
  });
});
