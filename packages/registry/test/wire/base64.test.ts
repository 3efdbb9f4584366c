import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeEitherBase64,
  decodePublicKey,
  decodeSignature,
  decodeStandardBase64,
  encodeBase64,
} from '../../src/wire/index.ts';
import { loadVectors } from './vectors.ts';

interface SignatureVectors {
  verify_cases: {
    name: string;
    public_key_b64: string;
    signature_b64: string;
    signature_decode_error?: string;
    public_key_error?: string;
  }[];
}

const { verify_cases: cases } = loadVectors<SignatureVectors>('signatures.json');
const anyBytes = fc.uint8Array({ maxLength: 100 });

function hexOf(decoded: ReturnType<typeof decodeStandardBase64>): string {
  return decoded.ok ? Buffer.from(decoded.value).toString('hex') : decoded.error;
}

describe('base64', () => {
  it.each(cases)('reads key and signature of: $name', (vector) => {
    const key = decodePublicKey(vector.public_key_b64);
    if (vector.public_key_error === undefined) expect(key).toMatchObject({ ok: true });
    else expect(key).toEqual({ ok: false, error: vector.public_key_error });
    const signature = decodeSignature(vector.signature_b64);
    if (vector.signature_decode_error === undefined) expect(signature).toMatchObject({ ok: true });
    else expect(signature).toEqual({ ok: false, error: vector.signature_decode_error });
  });

  // Results of the reference decoder for texts that others decode differently.
  it.each([
    ['', ''],
    ['\r\n', ''],
    ['QUJD', '414243'],
    ['QU\nJD\r', '414243'],
    ['QQ==', '41'],
    ['QR==', '41'],
    ['QQ=\n=\n', '41'],
    ['QUI=', '4142'],
    ['QUI', 'illegal base64 data at input byte 0'],
    ['QUJDQ', 'illegal base64 data at input byte 4'],
    ['Q===', 'illegal base64 data at input byte 1'],
    ['====', 'illegal base64 data at input byte 0'],
    ['QQ=', 'illegal base64 data at input byte 3'],
    ['QQ=Q', 'illegal base64 data at input byte 2'],
    ['QQ==QQ==', 'illegal base64 data at input byte 4'],
    ['QUI=Q', 'illegal base64 data at input byte 4'],
    ['QUJD QUJD', 'illegal base64 data at input byte 4'],
    ['QUJDé', 'illegal base64 data at input byte 4'],
    ['QU-D', 'illegal base64 data at input byte 2'],
  ])('decodes %j to %s', (text, expected) => {
    expect(hexOf(decodeStandardBase64(text))).toBe(expected);
  });

  it('returns what was encoded, with line breaks anywhere', () => {
    fc.assert(
      fc.property(anyBytes, fc.nat(140), (bytes, at) => {
        const text = encodeBase64(bytes);
        const broken = `${text.slice(0, at)}\r\n${text.slice(at)}`;
        expect(hexOf(decodeStandardBase64(text))).toBe(Buffer.from(bytes).toString('hex'));
        expect(hexOf(decodeStandardBase64(broken))).toBe(Buffer.from(bytes).toString('hex'));
      }),
    );
  });

  it('agrees with the strict decoder of the runtime on valid text, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ABz09+/=='), maxLength: 12 }), (text) => {
        const decoded = decodeStandardBase64(text);
        if (decoded.ok) expect(hexOf(decoded)).toBe(Buffer.from(text, 'base64').toString('hex'));
        else expect(Buffer.from(text, 'base64').toString('base64')).not.toBe(text);
      }),
    );
  });

  it('gives keys and signatures a buffer of their own', () => {
    const decoded = decodeStandardBase64('A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=');
    expect(decoded.ok && decoded.value.buffer.byteLength).toBe(32);
  });

  it('accepts either alphabet where both are allowed', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const hex = Buffer.from(bytes).toString('hex');
        const url = Buffer.from(bytes).toString('base64url');
        const padded = url + '='.repeat((4 - (url.length % 4)) % 4);
        expect(hexOf(decodeEitherBase64(encodeBase64(bytes)))).toBe(hex);
        expect(hexOf(decodeEitherBase64(padded))).toBe(hex);
        expect(hexOf(decodeEitherBase64(url))).toBe(hex);
      }),
    );
  });

  it('reports the error of the standard alphabet when neither fits', () => {
    expect(hexOf(decodeEitherBase64('-_!'))).toBe('illegal base64 data at input byte 0');
    expect(hexOf(decodeEitherBase64('QUJ+_A=='))).toBe('illegal base64 data at input byte 4');
    expect(hexOf(decodeEitherBase64('_'))).toBe('illegal base64 data at input byte 0');
  });

  it('reads a public key in either alphabet when told to', () => {
    const key = new Uint8Array(32).fill(0xfb);
    const url = Buffer.from(key).toString('base64url');
    expect(decodePublicKey(url)).toEqual({
      ok: false,
      error: 'decode public key: illegal base64 data at input byte 0',
    });
    const decoded = decodePublicKey(url, decodeEitherBase64);
    expect(decoded.ok && [...decoded.key]).toEqual([...key]);
    expect(decodePublicKey('')).toEqual({ ok: false, error: 'invalid public key size: 0' });
  });
});
