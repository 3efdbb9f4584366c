import { describe, expect, it } from 'vitest';
import {
  ALL_INTERFACES,
  formatAddress,
  isLoopbackHost,
  localAddress,
  parseAddress,
} from '../../src/settings/address.ts';

describe('addresses', () => {
  it.each([
    ['127.0.0.1:9000', { host: '127.0.0.1', port: 9000 }],
    [':9000', { host: ALL_INTERFACES, port: 9000 }],
    ['*:9000', { host: ALL_INTERFACES, port: 9000 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['registry.example:65535', { host: 'registry.example', port: 65_535 }],
  ])('%s is read', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  it.each(['', '9000', 'host', 'host:', 'host:65536', '::1:9000', '[1.2.3.4]:1', '[]:1', 'a:b:1', ' :1x'])(
    '%j is refused',
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );

  it('are written so that they can be read again', () => {
    for (const text of ['127.0.0.1:9000', '[::1]:7', 'a.b:1']) {
      expect(formatAddress(parseAddress(text) ?? { host: '', port: 0 })).toBe(text);
    }
  });

  it('knows what other machines can reach', () => {
    expect(['127.0.0.1', '127.8.0.1', '::1', 'localhost'].every(isLoopbackHost)).toBe(true);
    expect(['0.0.0.0', '::', '192.0.2.1', 'example.org', '128.0.0.1'].some(isLoopbackHost)).toBe(false);
  });

  it('gives programs of this machine an address to connect to', () => {
    expect(localAddress({ host: '::', port: 1 })).toBe('127.0.0.1:1');
    expect(localAddress({ host: '0.0.0.0', port: 1 })).toBe('127.0.0.1:1');
    expect(localAddress({ host: '192.0.2.1', port: 1 })).toBe('192.0.2.1:1');
  });
});
