import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeAddress,
  encodeAddress,
  formatAddress,
  formatSocketAddress,
  isBroadcast,
  parseAddress,
  parseSocketAddress,
  writeAddress,
} from '../../src/wire/index.ts';
import { fromHex, loadVectors } from './vectors.ts';

interface AddressVectors {
  format: { bytes_hex: string; is_broadcast: boolean; network: number; node: number; text: string }[];
  parse: { text: string; canonical?: string; network?: number; node?: number; error?: string }[];
  socket: {
    text: string;
    canonical?: string;
    network?: number;
    node?: number;
    port?: number;
    error?: string;
  }[];
  unmarshal: { bytes_hex: string; network: number; node: number }[];
}

const vectors = loadVectors<AddressVectors>('addresses.json');
const network = fc.integer({ min: 0, max: 0xffff });
const node = fc.integer({ min: 0, max: 0xffffffff });

describe('address', () => {
  it.each(vectors.format)('formats $text', (vector) => {
    expect(formatAddress(vector.network, vector.node)).toBe(vector.text);
    expect(encodeAddress(vector.network, vector.node).toString('hex')).toBe(vector.bytes_hex);
    expect(isBroadcast(vector)).toBe(vector.is_broadcast);
  });

  it.each(vectors.parse)('parses "$text"', (vector) => {
    const parsed = parseAddress(vector.text);
    if (vector.error !== undefined) {
      expect(parsed).toEqual({ ok: false, error: vector.error });
      return;
    }
    expect(parsed).toEqual({ ok: true, value: { network: vector.network, node: vector.node } });
    expect(formatAddress(vector.network ?? -1, vector.node ?? -1)).toBe(vector.canonical);
  });

  it.each(vectors.socket)('parses the socket address "$text"', (vector) => {
    const parsed = parseSocketAddress(vector.text);
    if (vector.error !== undefined) {
      expect(parsed).toEqual({ ok: false, error: vector.error });
      return;
    }
    const { network, node, port } = vector;
    expect(parsed).toEqual({ ok: true, value: { network, node, port } });
    expect(formatSocketAddress(network ?? -1, node ?? -1, port ?? -1)).toBe(vector.canonical);
  });

  it.each(vectors.unmarshal)('decodes bytes "$bytes_hex"', ({ bytes_hex, network, node }) => {
    expect(decodeAddress(fromHex(bytes_hex))).toEqual({ network, node });
  });

  it('survives text and bytes unchanged', () => {
    fc.assert(
      fc.property(network, node, fc.integer({ min: 0, max: 0xffff }), (networkId, nodeId, port) => {
        const address = { network: networkId, node: nodeId };
        expect(parseAddress(formatAddress(networkId, nodeId))).toEqual({ ok: true, value: address });
        expect(parseAddress(formatAddress(networkId, nodeId).toLowerCase())).toEqual({
          ok: true,
          value: address,
        });
        expect(parseSocketAddress(formatSocketAddress(networkId, nodeId, port))).toEqual({
          ok: true,
          value: { ...address, port },
        });
        expect(decodeAddress(encodeAddress(networkId, nodeId))).toEqual(address);
      }),
    );
  });

  it('writes only its six bytes', () => {
    const target = new Uint8Array(10).fill(0xee);
    expect(writeAddress(target, 2, 0x0102, 0xf1f2f3f4)).toBe(8);
    expect(Buffer.from(target).toString('hex')).toBe('eeee0102f1f2f3f4eeee');
  });

  it('never throws, and whatever it accepts has a canonical form', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123:.AfG é'), maxLength: 20 }), (text) => {
        const parsed = parseAddress(text);
        if (!parsed.ok) return;
        const canonical = formatAddress(parsed.value.network, parsed.value.node);
        expect(parseAddress(canonical)).toEqual(parsed);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => typeof parseSocketAddress(text).ok === 'boolean'));
  });
});
