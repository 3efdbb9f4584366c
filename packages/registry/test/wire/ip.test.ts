import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatIp,
  isLinkLocalAddress,
  isLoopbackAddress,
  isMulticastAddress,
  isPrivateAddress,
  isPublicAddress,
  isReservedAddress,
  isSharedAddress,
  isUnspecifiedAddress,
  parseIp,
} from '../../src/wire/index.ts';
import type { IpAddress } from '../../src/wire/index.ts';

function canonical(text: string): string | undefined {
  const address = parseIp(text);
  return address === undefined ? undefined : formatIp(address);
}

function blockList(...ranges: string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits = ''] = range.split('/');
    list.addSubnet(network, Number(bits), network.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}

const classes: readonly (readonly [
  name: string,
  classify: (address: IpAddress) => boolean,
  list: BlockList,
])[] = [
  ['unspecified', isUnspecifiedAddress, blockList('0.0.0.0/32', '::/128')],
  ['loopback', isLoopbackAddress, blockList('127.0.0.0/8', '::1/128')],
  ['private', isPrivateAddress, blockList('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7')],
  ['link-local', isLinkLocalAddress, blockList('169.254.0.0/16', 'fe80::/10')],
  ['multicast', isMulticastAddress, blockList('224.0.0.0/4', 'ff00::/8')],
  ['shared', isSharedAddress, blockList('100.64.0.0/10')],
  ['reserved', isReservedAddress, blockList('0.0.0.0/8', '240.0.0.0/4')],
];

/** Addresses at both ends of every range, where mistakes are made. */
const EDGES = [
  '9.255.255.255',
  '10.0.0.0',
  '10.255.255.255',
  '11.0.0.0',
  '172.15.255.255',
  '172.16.0.0',
  '172.31.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '192.168.0.0',
  '192.169.0.0',
  '126.255.255.255',
  '127.0.0.0',
  '128.0.0.0',
  '169.253.255.255',
  '169.254.0.0',
  '169.255.0.0',
  '100.63.255.255',
  '100.64.0.0',
  '100.127.255.255',
  '100.128.0.0',
  '0.0.0.0',
  '0.0.0.1',
  '1.0.0.0',
  '223.255.255.255',
  '224.0.0.0',
  '239.255.255.255',
  '240.0.0.0',
  '255.255.255.255',
  '::',
  '::1',
  '::2',
  '1::',
  'fbff::',
  'fc00::',
  'fdff::',
  'fe00::',
  'fe7f::',
  'fe80::',
  'febf::',
  'fec0::',
  'feff::',
  'ff00::',
  'ffff::',
  '8::1',
  '2001:db8::1',
];

describe('IP addresses', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['1:2:3:4:5:6:0:0', '1:2:3:4:5:6::'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:102:304', '1.2.3.4'],
    ['0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
  ])('reads %s as %s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  it.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4 ',
    '0x1.2.3.4',
    '1.2.3.',
    '-1.2.3.4',
    '2852039166',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '::1.2.3',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '[::1]',
    'fe80::1%',
    'fe80::1%a b',
    '::ffff:1.2.3.4%eth0',
    `${'0'.repeat(60)}::1`,
    'localhost',
  ])('refuses "%s"', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it('agrees with the runtime on what an address is', () => {
    const part = fc.constantFrom(
      '::',
      ':',
      '1',
      'ffff',
      '0',
      'a',
      '12345',
      '1.2.3.4',
      '.',
      '255',
      '256',
      '01',
      'g',
    );
    const text = fc.array(part, { maxLength: 9 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(text, fc.ipV4(), fc.ipV6()), (candidate) => {
        expect(parseIp(candidate) !== undefined).toBe(isIP(candidate) !== 0);
      }),
      { numRuns: 2000 },
    );
  });

  it('has one canonical text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const once = canonical(text) ?? '';
        expect(canonical(once)).toBe(once);
        expect(canonical(text.toUpperCase())).toBe(once);
        expect(parseIp(once)).toEqual(parseIp(text));
      }),
    );
  });

  it.each(classes)('classifies %s addresses', (_name, classify, list) => {
    const check = (text: string): void => {
      const address = parseIp(text);
      const family = address?.bytes.length === 16 ? 'ipv6' : 'ipv4';
      const plain = address === undefined ? '' : formatIp(address);
      expect([text, address !== undefined && classify(address)]).toEqual([text, list.check(plain, family)]);
    };
    EDGES.forEach(check);
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), check));
  });

  it.each(EDGES.filter((text) => !text.includes(':')))(
    'classifies %s the same way when it is mapped',
    (text) => {
      const plain = parseIp(text);
      expect(parseIp(`::ffff:${text}`)).toEqual(plain);
    },
  );

  it('calls public what is in no class and has no zone', () => {
    const isPublic = (text: string): boolean => {
      const address = parseIp(text);
      return address !== undefined && isPublicAddress(address);
    };
    expect(EDGES.filter(isPublic)).toEqual([
      '9.255.255.255',
      '11.0.0.0',
      '172.15.255.255',
      '172.32.0.0',
      '192.167.255.255',
      '192.169.0.0',
      '126.255.255.255',
      '128.0.0.0',
      '169.253.255.255',
      '169.255.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '1.0.0.0',
      '223.255.255.255',
      '::2',
      '1::',
      'fbff::',
      'fe00::',
      'fe7f::',
      'fec0::',
      'feff::',
      '8::1',
      '2001:db8::1',
    ]);
    expect(isPublic('2001:db8::1%eth0')).toBe(false);
  });
});
