import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../src/index.ts';
import { vectors } from '../vectors.ts';

interface AddressVectors {
  readonly format: readonly { network: number; node: number; text: string }[];
  readonly parse: readonly {
    text: string;
    network?: number;
    node?: number;
    canonical?: string;
    error?: string;
  }[];
}

const { format, parse } = vectors<AddressVectors>('addresses.json');

describe('addresses', () => {
  it.each(format)('writes $text', ({ network, node, text }) => {
    expect(formatAddress({ networkId: network, nodeId: node })).toBe(text);
  });

  it.each(parse)('reads $text', ({ text, network, node, canonical, error }) => {
    const address = parseAddress(text);
    if (error !== undefined) {
      expect(address).toBeUndefined();
      return;
    }
    expect(address).toEqual({ networkId: network, nodeId: node });
    expect(address === undefined ? '' : formatAddress(address)).toBe(canonical);
  });

  it('come back', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(0xffff_ffff), (networkId, nodeId) => {
        expect(parseAddress(formatAddress({ networkId, nodeId }))).toEqual({ networkId, nodeId });
      }),
    );
  });

  it('out of range are refused', () => {
    for (const address of [
      { networkId: 65_536, nodeId: 1 },
      { networkId: 1, nodeId: 2 ** 32 },
      { networkId: -1, nodeId: 1 },
    ]) {
      expect(() => formatAddress(address)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
    }
  });
});
