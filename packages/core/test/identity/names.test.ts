import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase58, encodeBase58 } from '../../src/identity/base58.ts';
import {
  didOf,
  fingerprintOf,
  Identity,
  peerIdOf,
  publicKeyOfDid,
  publicKeyOfPeerId,
  shortFingerprintOf,
} from '../../src/identity/index.ts';

/** Public key, peer id and DID; made with js-libp2p and multiformats. */
const NAMES = [
  [
    '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8',
    '12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB',
    'did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd',
  ],
  [
    '29acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe12c89794bc9322966dd7',
    '12D3KooWCd3eX8r5ihRvzK7P1yPq5aakaBJhG5GNj18YTztPhoCa',
    'did:key:z6MkhFwXNFWosLeugvSf4wcL9t3uuRXueGSFTRgSvHhWj5G2',
  ],
  [
    '2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6',
    '12D3KooWCwdoLSZCfEzmdTgo4hNDvbF7NwoCW8AQ6BEsmz5T1Mjs',
    'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  ],
  [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '12D3KooW9pNAk8aiBuGVQtWRdbkLmo5qVL3e2h5UxbN2Nz9ttwiw',
    'did:key:z6MkeTG3bFFSLYVU7VqhgZxqr6YzpaGrQtFMh1uvqGy1vDnP',
  ],
  [
    '1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e',
    '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq',
    'did:key:z6MkgXZvRh65tcAdLJTKdEvyqEv7ZBhn9C5BM68jw4cESKtH',
  ],
] as const;

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

describe('derived names', () => {
  it.each(NAMES)('of %s', (key, peerId, did) => {
    expect(peerIdOf(hex(key))).toBe(peerId);
    expect(didOf(hex(key))).toBe(did);
    expect(publicKeyOfPeerId(peerId)).toEqual(hex(key));
    expect(publicKeyOfDid(did)).toEqual(hex(key));
  });

  it('fingerprint is the SHA-256 of the raw key', () => {
    const key = hex(NAMES[0][0]);
    expect(fingerprintOf(key)).toBe('56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c');
    expect(shortFingerprintOf(key)).toBe('56475aa75463474c');
  });

  it('an identity has the names of its key', () => {
    const identity = Identity.generate();
    expect(identity.did).toBe(didOf(identity.publicKey));
    expect(identity.peerId).toBe(peerIdOf(identity.publicKey));
    expect(identity.fingerprint).toBe(fingerprintOf(identity.publicKey));
    expect(identity.shortFingerprint).toBe(identity.fingerprint.slice(0, 16));
  });

  it('lead back to the key, for any key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        expect(peerIdOf(key)).toMatch(/^12D3KooW/);
        expect(didOf(key)).toMatch(/^did:key:z6Mk/);
        expect(publicKeyOfPeerId(peerIdOf(key))).toEqual(key);
        expect(publicKeyOfDid(didOf(key))).toEqual(key);
      }),
    );
  });

  it.each([
    '',
    'did:key:z',
    'did:web:example.com',
    '12D3KooW',
    '0OIl',
    NAMES[0][1] + '1',
    'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    '1'.repeat(100_000),
  ])('refuses %.60s', (text) => {
    expect(() => publicKeyOfPeerId(text)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
    expect(() => publicKeyOfDid(text)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
  });

  it('refuses a peer id where a DID is wanted, and the other way round', () => {
    expect(() => publicKeyOfDid(NAMES[0][1])).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
    expect(() => publicKeyOfPeerId(NAMES[0][2])).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
  });

  it('refuses keys of another size', () => {
    for (const nameOf of [didOf, peerIdOf, fingerprintOf]) {
      expect(() => nameOf(new Uint8Array(31))).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
    }
  });
});

describe('base58btc', () => {
  it('decodes what it encodes, leading zeros included', () => {
    fc.assert(
      fc.property(fc.nat(4), fc.uint8Array({ maxLength: 60 }), (zeros, tail) => {
        const bytes = Uint8Array.from([...new Uint8Array(zeros), ...tail]);
        expect(decodeBase58(encodeBase58(bytes))).toEqual(bytes);
      }),
    );
  });

  it('knows its alphabet', () => {
    expect(encodeBase58(Buffer.from('Hello World!'))).toBe('2NEpo7TZRRrLZSi2U');
    expect(decodeBase58('2NEpo7TZRRrLZSi2l')).toBeUndefined();
  });
});
