import { describe, expect, it } from 'vitest';
import { type AddressKind, addressKind, mayRedirect } from '../../src/origin/addresses.ts';

describe('kinds of addresses', () => {
  it.each<[string, AddressKind]>([
    ['8.8.8.8', 'public'],
    ['2606:4700::1111', 'public'],
    ['127.0.0.1', 'loopback'],
    ['127.255.0.3', 'loopback'],
    ['::1', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd00::1', 'private'],
    ['0.0.0.0', 'reserved'],
    ['224.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['::', 'reserved'],
    ['ff02::1', 'reserved'],
    ['2001:db8::1', 'reserved'],
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:7f00:1', 'loopback'],
    ['::ffff:8.8.8.8', 'public'],
    ['64:ff9b::a9fe:a9fe', 'link-local'],
    ['2002:7f00:1::', 'loopback'],
    ['::7f00:1', 'reserved'],
    ['no address', 'reserved'],
    ['', 'reserved'],
  ])('%s is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });

  it('a redirect leads to the Internet, or into the network that the origin is in', () => {
    const kinds: AddressKind[] = ['public', 'private', 'loopback', 'link-local', 'reserved'];
    for (const from of kinds) {
      for (const to of kinds) expect(mayRedirect(from, to)).toBe(to === 'public' || to === from);
    }
  });
});
