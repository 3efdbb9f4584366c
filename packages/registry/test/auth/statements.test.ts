import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '@muster/core/testing';
import {
  checkBadgeExpiry,
  checkBadgeNode,
  checkRecoveryExpiry,
  DEFAULT_BADGE_KEY_RING,
  formatBadge,
  formatEnrollment,
  formatRecovery,
  KeyRing,
  parseBadge,
  parseEnrollment,
  parseRecovery,
  SignatureVerifier,
  verifyBadge,
  verifyEnrollment,
  verifyRecovery,
} from '../../src/auth/index.ts';
import type { VerifySignature } from '../../src/auth/index.ts';
import { keyBytes, readVectors } from './vectors.ts';

interface CredentialVectors {
  readonly badges: readonly {
    readonly canonical: string;
    readonly signature_b64: string;
    readonly node_id: number;
    readonly provider: string;
    readonly verified_at: number;
    readonly exp: number;
    readonly kid: string;
    readonly subject: string;
  }[];
  readonly enrollment: Readonly<
    Record<'canonical' | 'commitment' | 'kid' | 'provider' | 'signature_b64', string>
  > & {
    readonly node_id: number;
    readonly issued_at: number;
  };
  readonly recovery: Readonly<
    Record<'canonical' | 'commitment' | 'kid' | 'new_public_key' | 'nonce' | 'signature_b64', string>
  > & { readonly node_id: number; readonly exp: number };
  readonly keys: Readonly<Record<'C', { readonly public_key_b64: string }>>;
  readonly parse_cases: readonly {
    readonly kind: 'badge' | 'enrollment' | 'recovery';
    readonly input: string;
    readonly error?: string;
  }[];
  readonly verify_with_pinned_keys: readonly {
    readonly name: string;
    readonly badge: string;
    readonly badge_sig: string;
    readonly error: string;
  }[];
}

const vectors = readVectors<CredentialVectors>('credentials.json');
const verifier = new SignatureVerifier(seededRandom(1), { maxCachedVerifications: 64 });
const verify: VerifySignature = (key, message, signature) => verifier.verify(key, message, signature);
const keyC = keyBytes(vectors.keys.C.public_key_b64);
const ring = new KeyRing(
  new Map([
    ['bdg-v1', keyC],
    ['rec-v1', keyC],
  ]),
);
const { enrollment, recovery } = vectors;

describe('golden vectors', () => {
  const parse = { badge: parseBadge, enrollment: parseEnrollment, recovery: parseRecovery };
  const format = {
    badge: (text: string) => formatBadge(parseBadge(text)),
    enrollment: (text: string) => formatEnrollment(parseEnrollment(text)),
    recovery: (text: string) => formatRecovery(parseRecovery(text)),
  };

  it.each(vectors.parse_cases)('parses $kind $input', ({ kind, input, error }) => {
    if (error === undefined) expect(format[kind](input)).toBe(input);
    else expect(() => parse[kind](input)).toThrow(expect.objectContaining({ message: error }));
  });

  it.each(vectors.badges)('reads and verifies badge $canonical', async (badge) => {
    const read = await verifyBadge(badge.canonical, badge.signature_b64, ring, verify, badge.verified_at);
    expect(read).toEqual({
      nodeId: badge.node_id,
      provider: badge.provider,
      verifiedAt: badge.verified_at,
      exp: badge.exp,
      kid: badge.kid,
      subject: badge.subject,
    });
  });

  it('reads and verifies the enrolment', async () => {
    expect(await verifyEnrollment(enrollment.canonical, enrollment.signature_b64, ring, verify)).toEqual({
      nodeId: enrollment.node_id,
      provider: enrollment.provider,
      commitment: enrollment.commitment,
      issuedAt: enrollment.issued_at,
      kid: enrollment.kid,
    });
  });

  it('reads and verifies the recovery', async () => {
    const { canonical, signature_b64: signature, exp } = recovery;
    expect(await verifyRecovery(canonical, signature, ring, verify, exp - 60)).toEqual({
      nodeId: recovery.node_id,
      newPublicKey: recovery.new_public_key,
      commitment: recovery.commitment,
      exp,
      nonce: recovery.nonce,
      kid: recovery.kid,
    });
  });

  it.each(vectors.verify_with_pinned_keys)('refuses a badge: $name', async (c) => {
    const pinned = KeyRing.parse(DEFAULT_BADGE_KEY_RING);
    await expect(verifyBadge(c.badge, c.badge_sig, pinned, verify, 1_780_012_800)).rejects.toThrow(
      expect.objectContaining({ message: c.error }),
    );
  });
});

describe('time', () => {
  const badge = parseBadge('pilotbadge:v1:7:github:100:200:k:');
  const until = parseRecovery('pilotrecover:v1:7:key:commitment:10000:nonce:k');

  it('ends a badge at its expiry', () => {
    checkBadgeExpiry(badge, 199);
    checkBadgeExpiry({ ...badge, exp: 0 }, 1e12);
    expect(() => checkBadgeExpiry(badge, 200)).toThrow('badgeverify: badge expired: exp=200 now=200');
  });

  it('takes a recovery for half an hour before its expiry, and at no other time', async () => {
    checkRecoveryExpiry(until, 10_000 - 1800);
    checkRecoveryExpiry(until, 9999);
    expect(() => checkRecoveryExpiry(until, 10_000)).toThrow(
      expect.objectContaining({ code: 'statement_expired' }),
    );
    expect(() => checkRecoveryExpiry(until, 10_000 - 1801)).toThrow('recovery expiry too far in the future');
    await expect(
      verifyRecovery(recovery.canonical, recovery.signature_b64, ring, verify, recovery.exp),
    ).rejects.toThrow(expect.objectContaining({ code: 'statement_expired' }));
  });

  it('reads an expiry at the end of time and refuses one beyond', () => {
    expect(parseBadge('pilotbadge:v1:7:g:1:9223372036854775807:k:').exp).toBeGreaterThan(9e18);
    expect(() => parseBadge('pilotbadge:v1:7:g:1:9223372036854775808:k:')).toThrow(
      'exp: strconv.ParseInt: parsing "9223372036854775808": value out of range',
    );
  });
});

describe('adversaries', () => {
  it('refuses a badge of another node', () => {
    const badge = parseBadge('pilotbadge:v1:7:github:100:200:k:');
    checkBadgeNode(badge, 7);
    expect(() => checkBadgeNode(badge, 8)).toThrow(
      'badgeverify: badge node_id does not match peer: badge=7 peer=8',
    );
  });

  it('refuses every changed character of a signed statement', async () => {
    const [badge] = vectors.badges;
    const { canonical, signature_b64: signature } = badge ?? { canonical: '', signature_b64: '' };
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: canonical.length - 1 }),
        fc.constantFrom('0', '1', 'x', ':'),
        async (at, by) => {
          fc.pre(canonical[at] !== by);
          const changed = canonical.slice(0, at) + by + canonical.slice(at + 1);
          await expect(verifyBadge(changed, signature, ring, verify, 0)).rejects.toThrow('badgeverify: ');
        },
      ),
    );
  });

  it('does not take one kind of statement for another, even with the issuer’s signature', async () => {
    await expect(
      verifyRecovery(
        vectors.badges[1]?.canonical ?? '',
        vectors.badges[1]?.signature_b64 ?? '',
        ring,
        verify,
        0,
      ),
    ).rejects.toThrow('bad prefix "pilotbadge"');
  });

  it('refuses names of objects as kid', async () => {
    await expect(verifyBadge('pilotbadge:v1:7:g:1:0:__proto__:', 'AAAA', ring, verify, 0)).rejects.toThrow(
      'no pinned issuer key for badge kid: kid="__proto__"',
    );
  });
});

describe('KeyRing', () => {
  const text = vectors.keys.C.public_key_b64;

  it('reads what section 12.5 shows', async () => {
    const pair = generateKeyPairSync('ed25519');
    const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('base64');
    const own = KeyRing.parse(` a=${raw} ,\nb=${text}, `);
    expect(own.kids).toEqual(['a', 'b']);
    const badge = 'pilotbadge:v1:7:github:1:0:a:';
    const signature = sign(null, Buffer.from(badge), pair.privateKey).toString('base64');
    expect((await verifyBadge(badge, signature, own, verify, 5)).kid).toBe('a');
    expect(own.get('c')).toBeUndefined();
  });

  it.each([
    'a',
    '=',
    `=${text}`,
    `a:b=${text}`,
    'a=AAAA',
    'a=***',
    `a=${'A'.repeat(43)}=`,
    `a=AQ${'A'.repeat(41)}=`,
    `a=${text},a=${text}`,
    Array.from({ length: 65 }, (_, i) => `k${i}=${text}`).join(','),
  ])('refuses %s', (ringText) => {
    expect(() => KeyRing.parse(ringText)).toThrow(expect.objectContaining({ code: 'invalid_key_ring' }));
  });
});
