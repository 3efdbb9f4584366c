import { expect, it } from 'vitest';
import { subnetDiversity } from '../../src/indexer/diversity.ts';
import type { RemotePeer } from '../../src/overlay/overlay.ts';
import { ipv4PrefixOf } from '../../src/wire/addresses.ts';

const connection = (peer: string, address: string): RemotePeer => ({ peer, address, direction: 'inbound' });
const diversityOf = (connections: readonly RemotePeer[]): number =>
  subnetDiversity(connections, ipv4PrefixOf);

it('is the share of distinct /24 prefixes', () => {
  expect(
    diversityOf([
      connection('a', '/ip4/192.0.2.1/tcp/4001'),
      connection('b', '/ip4/192.0.2.2/tcp/4001'),
      connection('c', '/ip4/198.51.100.1/tcp/4001'),
      connection('d', '/ip4/203.0.113.1/tcp/4001'),
    ]),
  ).toBe(0.75);
});

it('DEF-12: counts one address a peer', () => {
  const many = Array.from({ length: 8 }, (_, i) => connection('a', `/ip4/10.0.${i}.1/tcp/1`));
  expect(diversityOf([...many, connection('b', '/ip4/10.0.0.2/tcp/1')])).toBe(0.5);
});

it('is 1 without IPv4 connections', () => {
  expect(diversityOf([])).toBe(1);
  expect(diversityOf([connection('a', '/ip6/2001:db8::1/tcp/1'), connection('b', 'rubbish')])).toBe(1);
});
