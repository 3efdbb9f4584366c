import { Identity } from '@muster/core/identity';
import { describe, expect, it, test } from 'vitest';
import { encodeIdentityFile, parseIdentityFile } from '../../src/identity/identity-file.ts';
import { normalizePeerId, selfTestDigest } from '../../src/content-key.ts';
import { loadVectors } from '../support/vectors.ts';

interface Vectors {
  readonly identities: readonly {
    readonly seed_hex: string;
    readonly identity_file_hex: string;
    readonly peer_id_base58: string;
    readonly peer_id_cid: string;
    readonly self_test: { readonly digest: string };
  }[];
}

describe('the vectors of identities', () => {
  it.each(loadVectors<Vectors>('cid').identities)('$peer_id_base58', (vector) => {
    const identity = Identity.fromSeed(Buffer.from(vector.seed_hex, 'hex'));
    expect(Buffer.from(encodeIdentityFile(identity)).toString('hex')).toBe(vector.identity_file_hex);
    const parsed = parseIdentityFile(Buffer.from(vector.identity_file_hex, 'hex'));
    expect(parsed.peerId).toBe(vector.peer_id_base58);
    expect(normalizePeerId(vector.peer_id_cid)).toBe(parsed.peerId);
    expect(selfTestDigest(parsed.peerId)).toBe(vector.self_test.digest);
  });
});

test('the longer form of older libraries is read, too', () => {
  const identity = Identity.generate();
  const file = encodeIdentityFile(identity);
  const long = Buffer.concat([Buffer.from([8, 1, 0x12, 0x60]), file.subarray(4), identity.publicKey]);
  expect(parseIdentityFile(long).peerId).toBe(identity.peerId);
});

test('the key of a node of a registry is the same peer', () => {
  const identity = Identity.generate();
  expect(parseIdentityFile(Buffer.from(identity.toPem())).peerId).toBe(identity.peerId);
});

const valid = Buffer.from(encodeIdentityFile(Identity.generate()));
test.each([
  ['nothing', Buffer.alloc(0)],
  ['a byte too few', valid.subarray(0, -1)],
  ['a byte too many', Buffer.concat([valid, Buffer.from([0])])],
  ['another kind of key', Buffer.concat([Buffer.from([8, 0]), valid.subarray(2)])],
  ['the public key of somebody else', Buffer.concat([valid.subarray(0, 36), Identity.generate().publicKey])],
  ['broken PEM', Buffer.from('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')],
])('%s is refused, and nothing of it is in the error', (_, bytes) => {
  expect(() => parseIdentityFile(bytes)).toThrow(expect.objectContaining({ code: 'IDENTITY_INVALID' }));
});
