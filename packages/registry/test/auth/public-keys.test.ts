import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeAcceptablePublicKey,
  importPublicKey,
  isWeakPublicKey,
  PublicKeyCache,
  WEAK_PUBLIC_KEY_TEXT,
} from '../../src/auth/index.ts';
import { decodePublicKey } from '../../src/wire/index.ts';
import { readVectors } from './vectors.ts';
import type { SignatureVectors } from './vectors.ts';

// The curve of RFC 8032, section 5.1, in plain integers: slow, obviously right, and independent of the code under test.
const p = 2n ** 255n - 19n;
const mod = (n: bigint): bigint => ((n % p) + p) % p;
const power = (base: bigint, exponent: bigint): bigint => {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b))
    if (e & 1n) result = mod(result * b);
  return result;
};
const inverse = (n: bigint): bigint => power(n, p - 2n);
const d = mod(-121665n * inverse(121666n));

/** The x coordinates that belong to y: none when y is not on the curve. */
function xOf(y: bigint): readonly bigint[] {
  const square = mod((y * y - 1n) * inverse(d * y * y + 1n));
  let x = power(square, (p + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * power(2n, (p - 1n) / 4n));
  return mod(x * x) === square ? [x, mod(-x)] : [];
}

type Point = readonly [bigint, bigint];

function add([x1, y1]: Point, [x2, y2]: Point): Point {
  const product = mod(d * x1 * x2 * y1 * y2);
  return [mod((x1 * y2 + x2 * y1) * inverse(1n + product)), mod((y1 * y2 + x1 * x2) * inverse(1n - product))];
}

function isSmallOrder(point: Point): boolean {
  const two = add(point, point);
  const four = add(two, two);
  const [x, y] = add(four, four);
  return x === 0n && y === 1n;
}

/** Little-endian bytes of y with the sign bit. */
function encode(y: bigint, sign: number): Uint8Array {
  const bytes = Buffer.from(y.toString(16).padStart(64, '0'), 'hex').toReversed();
  bytes[31] = (bytes[31] ?? 0) | (sign << 7);
  return bytes;
}

function decodeY(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`) & ((1n << 255n) - 1n);
}

describe('isWeakPublicKey', () => {
  it('refuses the eight points of small order in every encoding', () => {
    const order8 = orderEightYs();
    expect(order8).toHaveLength(2);
    const ys = [0n, 1n, p - 1n, p, p + 1n, ...order8];
    for (const y of ys) {
      for (const x of xOf(mod(y))) expect(isSmallOrder([x, mod(y)])).toBe(true);
      expect(isWeakPublicKey(encode(y, 0))).toBe(true);
      expect(isWeakPublicKey(encode(y, 1))).toBe(true);
    }
  });

  it('takes the other non-canonical encodings for what they are', () => {
    for (let y = p + 2n; y < 2n ** 255n; y++) {
      const small = xOf(mod(y)).some((x) => isSmallOrder([x, mod(y)]));
      expect(isWeakPublicKey(encode(y, 0))).toBe(small);
      expect(isWeakPublicKey(encode(y, 1))).toBe(small);
    }
  });

  it('does not refuse the keys that people make', () => {
    for (let i = 0; i < 50; i++) {
      const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
      expect(isWeakPublicKey(Buffer.from(jwk.x ?? '', 'base64url'))).toBe(false);
    }
  });

  it('agrees with the curve about any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const y = mod(decodeY(bytes));
        const small = xOf(y).some((x) => isSmallOrder([x, y]));
        expect(isWeakPublicKey(bytes)).toBe(small);
      }),
      { numRuns: 30 },
    );
  });
});

/** Points of order 8 double to a point of order 4, which has y = 0: y² + x² = 0 there, and the curve gives y. */
function orderEightYs(): readonly bigint[] {
  // With x² = -y² the curve equation -x² + y² = 1 + d x² y² becomes d y⁴ + 2 y² - 1 = 0.
  const root = power(1n + d, (p + 3n) / 8n);
  const sqrt = mod(root * root) === mod(1n + d) ? root : mod(root * power(2n, (p - 1n) / 4n));
  const found = new Set<bigint>();
  for (const s of [sqrt, mod(-sqrt)]) {
    const ySquare = mod((s - 1n) * inverse(d));
    let y = power(ySquare, (p + 3n) / 8n);
    if (mod(y * y) !== ySquare) y = mod(y * power(2n, (p - 1n) / 4n));
    if (mod(y * y) !== ySquare) continue;
    found.add(y);
    found.add(mod(-y));
  }
  return [...found];
}

describe('decodeAcceptablePublicKey', () => {
  const { verify_cases: cases } = readVectors<SignatureVectors>('signatures.json');

  it.each(cases)('decides about the key of: $name', (c) => {
    const decoded = decodeAcceptablePublicKey(c.public_key_b64);
    if (c.public_key_error !== undefined) {
      expect(decoded).toEqual({ ok: false, error: c.public_key_error });
    } else if (/identity point|all-zero/.test(c.name)) {
      expect(decoded).toEqual({ ok: false, error: WEAK_PUBLIC_KEY_TEXT });
    } else {
      expect(decoded).toEqual(decodePublicKey(c.public_key_b64));
      expect(decoded.ok).toBe(true);
    }
  });
});

describe('importPublicKey', () => {
  it('gives the key that the DER form gives', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const der = publicKey.export({ format: 'der', type: 'spki' });
    const imported = importPublicKey(der.subarray(12));
    expect(imported.equals(createPublicKey({ key: der, format: 'der', type: 'spki' }))).toBe(true);
    const message = Buffer.from('message');
    expect(verify(null, message, imported, sign(null, message, privateKey))).toBe(true);
  });
});

describe('PublicKeyCache', () => {
  const rawKey = (): Uint8Array =>
    generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(12);

  it('gives the same object while the key is kept, and stays within its bound', () => {
    const cache = new PublicKeyCache({ maxCachedKeys: 4 });
    const often = rawKey();
    const first = cache.get(often);
    for (let i = 0; i < 20; i++) {
      cache.get(rawKey());
      expect(cache.get(often)).toBe(first);
      expect(cache.size).toBeLessThanOrEqual(4);
    }
  });

  it('has no key object for weak keys or keys of another length', () => {
    const cache = new PublicKeyCache();
    expect(cache.get(new Uint8Array(32))).toBeUndefined();
    expect(cache.get(new Uint8Array(32))).toBeUndefined();
    expect(cache.get(new Uint8Array(31))).toBeUndefined();
  });
});
