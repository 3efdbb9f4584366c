import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { multiaddr } from '@multiformats/multiaddr';
import { peerIdOf } from '@muster/core/identity';
import {
  formatPeerAddress,
  ipv4PrefixOf,
  isPeerId,
  parseAddress,
  parsePeerAddress,
  regionOf,
  subnetOf,
  usableAddresses,
  usableAddrInfo,
} from '../../src/wire/addresses.ts';
import { testPeer } from '../support/identities.ts';

const A = testPeer(1);
const B = testPeer(2);
const strict = { allowLoopback: false };
const loose = { allowLoopback: true };

describe('isPeerId', () => {
  it('takes the peer id of every Ed25519 key, the first and the last one too', () => {
    for (const fill of [0, 1, 0x7f, 0xff])
      expect(isPeerId(peerIdOf(new Uint8Array(32).fill(fill)))).toBe(true);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        expect(isPeerId(peerIdOf(key))).toBe(true);
      }),
    );
  });

  it.each([
    '',
    'alpha',
    A.slice(1),
    `${A}1`,
    `${A}\n`,
    A.replace('1', '0'),
    `12D3KooW${'1'.repeat(44)}`,
    `12D3KooW${'z'.repeat(44)}`,
    'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    '__proto__',
  ])('refuses %j', (text) => {
    expect(isPeerId(text)).toBe(false);
  });
});

describe('parseAddress', () => {
  it.each([
    '/ip4/192.0.2.1/tcp/4001',
    '/ip6/2001:db8::1/tcp/1',
    '/dns/a.example/tcp/65535',
    '/dns4/a_b.example/tcp/4001',
    '/dns6/a/tcp/4001',
    `/ip4/192.0.2.1/tcp/4001/p2p/${A}`,
    `/dnsaddr/a.example/p2p/${A}`,
  ])('%s is one, for the library too', (text) => {
    const parsed = parseAddress(text);
    expect(parsed).toBeDefined();
    expect(multiaddr(text).toString()).toBe(text);
    expect(text).toBe(
      parsed?.peer === undefined ? parsed?.bare : formatPeerAddress(parsed.bare, parsed.peer),
    );
  });

  it.each([
    '',
    '/',
    '192.0.2.1:4001',
    '/ip4/192.0.2.1',
    '/ip4/192.0.2.1/tcp',
    '/ip4/192.0.2.1/tcp/0',
    '/ip4/192.0.2.1/tcp/65536',
    '/ip4/192.0.2.1/tcp/04001',
    '/ip4/192.0.2.1/tcp/4001/',
    '/ip4/192.0.2.1/tcp/4001/ws',
    '/ip4/192.0.2.1/udp/4001/quic-v1',
    '/ip4/192.0.2.256/tcp/4001',
    '/ip4/192.0.2.01/tcp/4001',
    '/ip6/fe80::1%eth0/tcp/4001',
    '/ip6/192.0.2.1/tcp/4001',
    '/dns4/-a/tcp/4001',
    '/dns4/a b/tcp/4001',
    '/dns4//tcp/4001',
    `/dns4/${'a'.repeat(254)}/tcp/4001`,
    '/ip4/192.0.2.1/tcp/4001/p2p/x',
    `/ip4/192.0.2.1/tcp/4001/p2p/${A}/p2p-circuit`,
    `/p2p/${A}`,
    '/unix/tmp/socket',
  ])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('survives any text', () => {
    const part = fc.oneof(
      fc.string(),
      fc.constantFrom('ip4', 'ip6', 'dns', 'tcp', 'p2p', '1.2.3.4', '::1', '::', '4001', A, ''),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const text = `/${parts.join('/')}`;
        const usable = usableAddresses([text], loose);
        expect(usable.length).toBeLessThanOrEqual(1);
        for (const address of usable) {
          expect(text.startsWith(address)).toBe(true);
          expect(() => multiaddr(address)).not.toThrow();
        }
        expect(typeof regionOf([text])).toBe('string');
        subnetOf([text]);
        ipv4PrefixOf(text);
      }),
    );
  });
});

describe('parsePeerAddress', () => {
  it('asks for a peer id', () => {
    expect(parsePeerAddress(` /ip4/192.0.2.1/tcp/4001/p2p/${A} `)).toEqual({
      ID: A,
      Addrs: ['/ip4/192.0.2.1/tcp/4001'],
    });
    expect(parsePeerAddress('/ip4/192.0.2.1/tcp/4001')).toBeUndefined();
  });
});

describe('usableAddresses', () => {
  const loopback = [
    '/ip4/127.0.0.1/tcp/1',
    '/ip4/127.9.9.9/tcp/1',
    '/ip6/::1/tcp/1',
    '/dns4/localhost/tcp/1',
  ];

  it('drops loopback addresses unless they are allowed', () => {
    expect(usableAddresses(loopback, strict)).toEqual([]);
    expect(usableAddresses(loopback, loose)).toEqual(loopback);
    expect(usableAddresses(['/ip6/::ffff:127.0.0.1/tcp/1', '/dns/a.localhost/tcp/1'], strict)).toEqual([]);
  });

  it.each([
    '/ip4/0.0.0.0/tcp/1',
    '/ip6/::/tcp/1',
    '/ip6/::ffff:0.0.0.0/tcp/1',
    '/ip4/224.0.0.1/tcp/1',
    '/ip6/ff02::1/tcp/1',
    '/ip4/255.255.255.255/tcp/1',
  ])('always drops %s', (address) => {
    expect(usableAddresses([address], loose)).toEqual([]);
  });

  it('keeps private networks and DNS names (F:30)', () => {
    const kept = ['/ip4/10.1.2.3/tcp/1', '/ip6/fd00::1/tcp/1', '/dns4/indexer.example/tcp/1'];
    expect(usableAddresses(kept, strict)).toEqual(kept);
  });

  it('keeps each address once, without the peer id, at most eight', () => {
    expect(usableAddresses(['/ip4/192.0.2.1/tcp/1', `/ip4/192.0.2.1/tcp/1/p2p/${A}`], strict)).toEqual([
      '/ip4/192.0.2.1/tcp/1',
    ]);
    const many = Array.from({ length: 20 }, (_, index) => `/ip4/192.0.2.1/tcp/${index + 1}`);
    expect(usableAddresses(many, strict)).toEqual(many.slice(0, 8));
  });

  it('leaves out a peer of which nothing is usable, or that is none, and addresses of another', () => {
    expect(usableAddrInfo({ ID: A, Addrs: loopback }, strict)).toBeUndefined();
    expect(usableAddrInfo({ ID: 'x', Addrs: ['/ip4/192.0.2.1/tcp/1'] }, strict)).toBeUndefined();
    const Addrs = [`/ip4/192.0.2.1/tcp/1/p2p/${B}`, `/ip4/192.0.2.2/tcp/1/p2p/${A}`];
    expect(usableAddrInfo({ ID: A, Addrs }, strict)).toEqual({ ID: A, Addrs: ['/ip4/192.0.2.2/tcp/1'] });
  });
});

describe('subnets and regions', () => {
  it('are the /24 of the first IPv4 address that counts', () => {
    const addrs = ['/dns4/a/tcp/1', '/ip6/2001:db8::1/tcp/1', '/ip4/127.0.0.1/tcp/1', '/ip4/10.1.2.3/tcp/1'];
    expect(subnetOf(addrs)).toBe('10.1.2');
    expect(regionOf(addrs)).toBe('20010db80000');
    expect(regionOf([...addrs, '/ip4/198.51.100.7/tcp/1'])).toBe('198.51.100');
    expect(subnetOf(['/dns4/a/tcp/1', '/ip4/127.0.0.1/tcp/1'])).toBeUndefined();
    expect(regionOf(['/ip4/192.168.1.1/tcp/1', '/ip6/fe80::1/tcp/1'])).toBe('');
    expect(ipv4PrefixOf('/ip4/192.0.2.1/tcp/1')).toBe('192.0.2');
    expect(ipv4PrefixOf('/ip6/::1/tcp/1')).toBeUndefined();
  });

  it.each([
    ['2001:db8:1:2:3:4:5:6', '20010db80001'],
    ['2001::1', '200100000000'],
    ['64:ff9b::192.0.2.1', '0064ff9b0000'],
    ['2001:DB8:ABC::', '20010db80abc'],
    ['::1:2:3:4:5:6', '000000000001'],
  ])('the first 48 bits of %s are %s', (host, subnet) => {
    expect(subnetOf([`/ip6/${host}/tcp/1`])).toBe(subnet);
  });
});
