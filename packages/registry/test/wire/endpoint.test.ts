import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatIp,
  formatSource,
  joinHostPort,
  parseIp,
  sanitiseEndpoint,
  splitHostPort,
} from '../../src/wire/index.ts';
import { loadVectors } from './vectors.ts';

interface LegacyRow {
  listen_addr: string;
  stored: string;
  tcp_source: string;
}

const { listen_addr_legacy: legacy } = loadVectors<{ listen_addr_legacy: LegacyRow[] }>('validation.json');

/** Where no packet could be sent to what the legacy server stored; here they count as no claim. */
const WITHOUT_USABLE_PORT = new Set(['1.2.3.4:', ':0', ':99999']);

const source = { address: '198.51.100.66', port: 41234 };

describe('sanitiseEndpoint', () => {
  it.each(legacy)('stores an unsigned "$listen_addr" like the legacy server or better', (row) => {
    const { host, port } = splitHostPort(row.tcp_source) ?? { host: '', port: 0 };
    const stored = sanitiseEndpoint(row.listen_addr, { address: host, port }, false);
    expect(stored).toBe(WITHOUT_USABLE_PORT.has(row.listen_addr) ? row.tcp_source : row.stored);
  });

  it.each([
    // Claimed, stored when unsigned, stored when signed by the key.
    ['203.0.113.10:4000', '198.51.100.66:4000', '203.0.113.10:4000'],
    ['198.51.100.66:4000', '198.51.100.66:4000', '198.51.100.66:4000'],
    ['[2001:DB8:0:0::1]:4000', '198.51.100.66:4000', '[2001:db8::1]:4000'],
    ['[::ffff:203.0.113.10]:4000', '198.51.100.66:4000', '203.0.113.10:4000'],
    ['host.example:4000', '198.51.100.66:4000', '198.51.100.66:4000'],
    ['1.2.3:4000', '198.51.100.66:4000', '198.51.100.66:4000'],
    ['0x7f000001:4000', '198.51.100.66:4000', '198.51.100.66:4000'],
    ['[::ffff:127.0.0.1]:4000', '198.51.100.66:4000', '198.51.100.66:4000'],
    ['[fe80::1%eth0]:4000', '198.51.100.66:4000', '198.51.100.66:4000'],
    ['[2001:db8::1%eth0]:4000', '198.51.100.66:4000', '198.51.100.66:4000'],
    ['2001:db8::1:4000', '198.51.100.66:41234', '198.51.100.66:41234'],
    ['[2001:db8::1]', '198.51.100.66:41234', '198.51.100.66:41234'],
    ['[2001:db8::1]4000', '198.51.100.66:41234', '198.51.100.66:41234'],
    ['203.0.113.10', '198.51.100.66:41234', '198.51.100.66:41234'],
    ['203.0.113.10:', '198.51.100.66:41234', '198.51.100.66:41234'],
    ['203.0.113.10:0', '198.51.100.66:41234', '198.51.100.66:41234'],
    ['203.0.113.10:65536', '198.51.100.66:41234', '198.51.100.66:41234'],
    ['203.0.113.10:-1', '198.51.100.66:41234', '198.51.100.66:41234'],
    ['203.0.113.10:http', '198.51.100.66:41234', '198.51.100.66:41234'],
    [':4000', '198.51.100.66:4000', '198.51.100.66:4000'],
    ['[]:4000', '198.51.100.66:4000', '198.51.100.66:4000'],
    ['', '198.51.100.66:41234', '198.51.100.66:41234'],
  ])('stores "%s" as %s unsigned and %s signed', (claimed, unsigned, signed) => {
    expect(sanitiseEndpoint(claimed, source, false)).toBe(unsigned);
    expect(sanitiseEndpoint(claimed, source, true)).toBe(signed);
  });

  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '127.0.0.1',
    '169.254.169.254',
  ])('replaces %s even when signed', (host) => {
    expect(sanitiseEndpoint(`${host}:4000`, source, true)).toBe('198.51.100.66:4000');
  });

  it.each(['::', '::1', 'fc00::1', 'fd12::1', 'fe80::1', 'febf::1', 'ff02::1'])(
    'replaces [%s] even when signed',
    (host) => {
      expect(sanitiseEndpoint(`[${host}]:4000`, source, true)).toBe('198.51.100.66:4000');
    },
  );

  it.each([
    '100.64.0.1',
    '100.127.255.255',
    '224.0.0.1',
    '239.1.1.1',
    '240.0.0.1',
    '255.255.255.255',
    '0.1.2.3',
  ])('replaces %s, where no peer can be, even when signed', (host) => {
    expect(sanitiseEndpoint(`${host}:4000`, source, true)).toBe('198.51.100.66:4000');
  });

  it('writes IPv6 sources with brackets and mapped ones as IPv4', () => {
    expect(sanitiseEndpoint('', { address: '2001:db8::7', port: 9 }, false)).toBe('[2001:db8::7]:9');
    expect(sanitiseEndpoint(':4000', { address: '::ffff:198.51.100.66', port: 9 }, false)).toBe(
      '198.51.100.66:4000',
    );
    expect(formatSource({ address: '::ffff:127.0.0.1', port: 9 })).toBe('127.0.0.1:9');
  });

  it('stores only the source host when nobody signed, and a usable port, whatever is claimed', () => {
    const part = fc.constantFrom(
      '1.2.3.4',
      '[',
      ']',
      ':',
      '::',
      'a',
      '80',
      '0',
      '65535',
      '99999',
      '%',
      ' ',
      'é',
    );
    const claim = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(claim, fc.boolean(), (claimed, signed) => {
        const stored = splitHostPort(sanitiseEndpoint(claimed, source, signed));
        expect(stored?.port).toBeGreaterThanOrEqual(1);
        if (!signed) expect(stored?.host).toBe(source.address);
        expect(parseIp(stored?.host ?? '')).toBeDefined();
      }),
    );
  });

  it('joins what it split', () => {
    const ip = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(ip, fc.integer({ min: 1, max: 65535 }), (host, port) => {
        const address = parseIp(host);
        const canonical = address === undefined ? '' : formatIp(address);
        expect(splitHostPort(joinHostPort(canonical, port))).toEqual({ host: canonical, port });
      }),
    );
  });
});
