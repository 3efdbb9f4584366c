import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Destinations, MAX_ALLOWED_DESTINATIONS } from '../../src/outbound/index.ts';

describe('the public Internet', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['10.255.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.100.100.200', 'carrier-grade NAT'],
    ['169.254.169.254', 'link-local'],
    ['224.0.0.1', 'multicast'],
    ['255.255.255.255', 'reserved'],
    ['198.19.0.1', 'reserved'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['fd00:ec2::254', 'unique-local'],
    ['fec0::1', 'private'],
    ['ff02::1', 'multicast'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:a9fe:a9fe', 'link-local'],
    ['::127.0.0.1', 'reserved'],
    ['::ffff:0:127.0.0.1', 'reserved'],
    ['64:ff9b::10.0.0.1', 'private'],
    ['64:ff9b::a9fe:a9fe', 'link-local'],
    ['64:ff9b:1::1', 'reserved'],
    ['2002:7f00:1::', 'loopback'],
    ['2002:a9fe:a9fe::1', 'link-local'],
    ['2001:0:1::1', 'reserved'],
    ['2001:db8::1', 'reserved'],
    ['4000::1', 'reserved'],
    ['', 'not an address'],
    ['example.com', 'not an address'],
    ['127.1', 'not an address'],
  ])('does not hold %s: %s', (address, kind) => {
    expect(Destinations.publicOnly.denial(address)).toBe(kind);
  });

  it.each([
    '8.8.8.8',
    '100.63.255.255',
    '172.32.0.1',
    '172.15.255.255',
    '223.255.255.255',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '2002:808:808::1',
  ])('holds %s', (address) => {
    expect(Destinations.publicOnly.denial(address)).toBeUndefined();
  });
});

describe('allowed destinations', () => {
  it('are what was listed, and the public Internet', () => {
    const some = Destinations.allowing([
      ' 10.1.0.0/16',
      '::1',
      'FD00:1::/32',
      'Hooks.Internal',
      '::ffff:192.168.7.0/120',
    ]);
    for (const address of ['10.1.2.3', '::1', 'fd00:1:2::3', '8.8.8.8', '::ffff:10.1.2.3', '192.168.7.9']) {
      expect(some.denial(address)).toBeUndefined();
    }
    for (const address of ['10.2.0.1', '127.0.0.1', 'fd00:2::1', '192.168.8.1', '64:ff9b::10.1.2.3']) {
      expect(some.denial(address)).toBeDefined();
    }
    expect(some.allowsHost('hooks.INTERNAL.')).toBe(true);
    expect(some.allowsHost('x.hooks.internal')).toBe(false);
  });

  it.each([
    '',
    '10.0.0.0/33',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '1.2.3',
    'a b',
    'http://a',
    '[::1]',
    'fe80::1%eth0',
    '::ffff:1.2.3.4/8',
  ])('are not %j', (entry) => {
    expect(() => Destinations.allowing([entry])).toThrow(
      expect.objectContaining({ code: 'invalid_allow_list' }),
    );
  });

  it('are bounded in number', () => {
    const many = Array.from({ length: MAX_ALLOWED_DESTINATIONS + 1 }, (_, i) => `h${i}.internal`);
    expect(() => Destinations.allowing(many)).toThrow(
      expect.objectContaining({ code: 'invalid_allow_list' }),
    );
  });

  it('agree with the runtime about every range', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.ipV4(), (network, bits, address) => {
        const list = new BlockList();
        list.addSubnet(network, bits, 'ipv4');
        const special = Destinations.publicOnly.denial(address) !== undefined;
        const allowed = Destinations.allowing([`${network}/${bits}`]).denial(address) === undefined;
        expect(allowed).toBe(!special || list.check(address, 'ipv4'));
      }),
    );
  });
});
