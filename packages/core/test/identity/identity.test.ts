import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Identity, verificationKey, verifySignature } from '../../src/identity/index.ts';

interface SignatureVectors {
  readonly keys: Record<string, { seed_hex: string; public_key_b64: string; public_key_hex: string }>;
  readonly challenges: readonly { challenge: string; key: string; signature_b64: string }[];
  readonly verify_cases: readonly {
    name: string;
    challenge: string;
    public_key_b64: string;
    signature_b64: string;
    valid?: boolean;
  }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/registry/signatures.json', import.meta.url), 'utf8'),
) as SignatureVectors;

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

/** RFC 8032 section 7.1: seed, public key, message, signature. */
const RFC_8032 = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
] as const;

describe('Identity', () => {
  it.each(RFC_8032)('RFC 8032: seed %s', (seed, publicKey, message, signature) => {
    const identity = Identity.fromSeed(hex(seed));
    expect(Buffer.from(identity.publicKey).toString('hex')).toBe(publicKey);
    expect(identity.signBytes(hex(message)).toString('hex')).toBe(signature);
    expect(verifySignature(identity.publicKey, hex(message), hex(signature))).toBe(true);
  });

  it('signs every challenge of the reference client to the same bytes', () => {
    for (const { challenge, key, signature_b64 } of vectors.challenges) {
      const identity = Identity.fromSeed(hex(vectors.keys[key]?.seed_hex ?? ''));
      expect(identity.publicKeyBase64).toBe(vectors.keys[key]?.public_key_b64);
      expect(identity.sign(challenge)).toBe(signature_b64);
    }
  });

  // OpenSSL has changed its mind about small-order keys between releases, so no promise is made either way.
  const verifiable = vectors.verify_cases.filter(
    (one) => one.valid !== undefined && !one.name.startsWith('identity point'),
  );
  it.each(verifiable)('verifies as the reference does: $name', (one) => {
    const publicKey = Buffer.from(one.public_key_b64, 'base64');
    const signature = Buffer.from(one.signature_b64, 'base64');
    expect(verifySignature(publicKey, one.challenge, signature)).toBe(one.valid);
    expect(verifySignature(verificationKey(publicKey), one.challenge, signature)).toBe(one.valid);
  });

  it('comes back from its PEM', () => {
    const identity = Identity.generate();
    const again = Identity.fromPem(identity.toPem());
    expect(again.publicKeyBase64).toBe(identity.publicKeyBase64);
    expect(again.sign('x')).toBe(identity.sign('x'));
    expect(identity.toPem()).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  it('generates another key each time', () => {
    expect(Identity.generate().publicKeyBase64).not.toBe(Identity.generate().publicKeyBase64);
  });

  it('refuses what is not an Ed25519 key, without quoting it', () => {
    expect(() => Identity.fromSeed(new Uint8Array(31))).toThrow(
      expect.objectContaining({ code: 'KEY_INVALID' }),
    );
    expect(() => verificationKey(new Uint8Array(33))).toThrow(
      expect.objectContaining({ code: 'KEY_INVALID' }),
    );
    const secret = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n';
    let caught: unknown;
    try {
      Identity.fromPem(secret);
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ code: 'KEY_INVALID' });
    expect(inspect(caught)).not.toContain('c2VjcmV0');
  });

  it('shows no private key in a log', () => {
    const seed = hex(vectors.keys['A']?.seed_hex ?? '');
    const identity = Identity.fromSeed(seed);
    const secrets = [Buffer.from(seed).toString('hex'), Buffer.from(seed).toString('base64'), 'PRIVATE'];
    for (const shown of [JSON.stringify(identity), inspect(identity, { depth: 9, showHidden: true })]) {
      for (const secret of secrets) expect(shown).not.toContain(secret);
    }
  });

  it('hands out a copy of its public key', () => {
    const identity = Identity.generate();
    identity.publicKey.fill(0);
    expect(Buffer.from(identity.publicKey).toString('base64')).toBe(identity.publicKeyBase64);
  });

  it('verifies its own signatures and no changed ones', () => {
    const identity = Identity.generate();
    const key = verificationKey(identity.publicKey);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(63), fc.nat(7), (message, at, bit) => {
        const signature = identity.signBytes(message);
        expect(verifySignature(key, message, signature)).toBe(true);
        signature[at] = (signature[at] ?? 0) ^ (1 << bit);
        expect(verifySignature(key, message, signature)).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it('answers false for bytes that are no signature or no point', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 70 }),
        (key, signature) => {
          expect(verifySignature(key, 'heartbeat:7', signature)).toBe(false);
        },
      ),
      { numRuns: 200 },
    );
  });
});
