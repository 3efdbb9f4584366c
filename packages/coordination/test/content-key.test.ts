import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cidBytesOf,
  cidTextOf,
  digestBytes,
  digestOf,
  digestOfHash,
  kadKeyOf,
  multihashOf,
  normalizePeerId,
  selfTestDigest,
} from '../src/content-key.ts';
import { parseDigest } from '../src/digest.ts';
import type { Digest } from '../src/types.ts';
import { loadVectors } from './support/vectors.ts';

interface Keys {
  readonly digest: Digest;
  readonly multihash_hex: string;
  readonly cid_hex: string;
  readonly cid_string: string;
  readonly kad_key_hex: string;
}

const vectors = loadVectors<{
  digest_to_cid: readonly Keys[];
  identities: readonly { peer_id_base58: string; peer_id_cid: string; self_test: Keys }[];
  rejected: readonly string[];
}>('cid');

const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex');

function expectKeys(keys: Keys): void {
  expect(hex(multihashOf(keys.digest))).toBe(keys.multihash_hex);
  expect(hex(cidBytesOf(keys.digest))).toBe(keys.cid_hex);
  expect(cidTextOf(keys.digest)).toBe(keys.cid_string);
  expect(hex(kadKeyOf(keys.digest))).toBe(keys.kad_key_hex);
}

describe('keys of content', () => {
  it.each(vectors.digest_to_cid)('of $digest', (keys) => expectKeys(keys));

  it.each(vectors.identities)('of the self test of $peer_id_base58', (identity) => {
    expect(selfTestDigest(identity.peer_id_base58)).toBe(identity.self_test.digest);
    expect(selfTestDigest(identity.peer_id_cid)).toBe(identity.self_test.digest);
    expectKeys(identity.self_test);
  });

  it.each(vectors.rejected)('are not made of %s', (text) => {
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }));
  });

  it('go from bytes to digest and back', () => {
    const digest = digestOf('hello');
    expect(digest).toBe('sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
    expect(digestOfHash(digestBytes(digest))).toBe(digest);
  });
});

describe('peer ids', () => {
  it.each(vectors.identities)('are read as base58 and as CID: $peer_id_base58', (identity) => {
    expect(normalizePeerId(identity.peer_id_base58)).toBe(identity.peer_id_base58);
    expect(normalizePeerId(identity.peer_id_cid)).toBe(identity.peer_id_base58);
  });

  it('may be hashes, and CIDs in base36', () => {
    const hashed = 'QmRN6wdp1S2A5EtjW9A3M1vKSBuQQGcgvuhoMUoEz4iiT5';
    expect(normalizePeerId(hashed)).toBe(hashed);
    expect(normalizePeerId('k51qzi5uqu5dhb6l8spkdx7yxafegfkee5by8h7lmjh2ehc2sgg34z7c15vzqs')).toMatch(
      /^12D3Koo/,
    );
  });

  it.each([
    '',
    'node-1',
    '1',
    'Qm',
    '12D3KooW0',
    'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
    `1${'2'.repeat(500)}`,
    'z',
    'b',
  ])('are not: %j', (text) => expect(normalizePeerId(text)).toBeUndefined());

  it('are never made of arbitrary text by a crash', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((rest) => `b${rest}`),
          fc.string().map((r) => `1${r}`),
        ),
        (text) => {
          const id = normalizePeerId(text);
          return id === undefined || normalizePeerId(id) === id;
        },
      ),
    );
  });
});
