import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  normaliseMemberTags,
  normaliseTags,
  validateExternalId,
  validateHostname,
  validateJustification,
  validateLanAddrs,
  validateListenAddr,
  validateNetworkName,
  validateOwner,
  validateToken,
  validateVersion,
} from '../../src/validation/index.ts';
import { loadVectors } from '../wire/vectors.ts';

interface NameVectors {
  hostnames: { input: string; ok: boolean; error?: string }[];
  network_names: { input: string; ok: boolean; error?: string }[];
  tags: { input_after_stripping_one_leading_hash: string; pattern_match: boolean }[];
}

const vectors = loadVectors<NameVectors>('validation.json');

describe('names', () => {
  it.each(vectors.hostnames)('checks the hostname $input', ({ input, error }) => {
    expect(validateHostname(input)).toBe(error);
  });

  it.each(vectors.network_names)('checks the network name $input', ({ input, error }) => {
    expect(validateNetworkName(input)).toBe(error);
  });

  it('counts bytes, and looks at the length before the characters', () => {
    expect(validateHostname('é'.repeat(32))).toBe('hostname too long (max 63 chars)');
    expect(validateHostname('é'.repeat(31))).toMatch(/^hostname must be/);
    expect(validateNetworkName('é'.repeat(32))).toBe('network name too long (max 63 chars)');
  });

  it('accepts exactly what the pattern describes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'z', '0', '9', '-', 'A', '_'), maxLength: 6 }),
        (name) => {
          const fits = /^[a-z0-9]+(-+[a-z0-9]+)*$/.test(name);
          expect(validateHostname(name) === undefined).toBe(fits || name === '');
          expect(validateNetworkName(name) === undefined).toBe(fits);
        },
      ),
    );
  });
});

describe('tags', () => {
  it.each(vectors.tags)('checks the tag "$input_after_stripping_one_leading_hash"', (vector) => {
    const tag = vector.input_after_stripping_one_leading_hash;
    expect(normaliseTags([tag]).ok).toBe(vector.pattern_match);
    expect(normaliseTags([`#${tag}`]).ok).toBe(vector.pattern_match);
    expect(normaliseMemberTags([tag]).ok).toBe(vector.pattern_match);
    expect(normaliseMemberTags([`#${tag}`]).ok).toBe(false);
  });

  it('strips one #, drops duplicates and keeps the order', () => {
    expect(normaliseTags(['#gpu', 'eu', 'gpu', '#eu', 'a'])).toEqual({ ok: true, value: ['gpu', 'eu', 'a'] });
    expect(normaliseMemberTags(['b', 'a', 'b'])).toEqual({ ok: true, value: ['b', 'a'] });
    expect(normaliseTags([])).toEqual({ ok: true, value: [] });
  });

  it.each([
    [Array.from({ length: 11 }, () => 'a'), 'too many tags (max 10)'],
    [['ok', ''], 'empty tag not allowed'],
    [['#'], 'empty tag not allowed'],
    [['##a'], 'tag "#a" must be lowercase alphanumeric with hyphens'],
    [['t'.repeat(33)], `tag "${'t'.repeat(33)}" too long (max 32 chars)`],
    [['é'.repeat(17)], `tag "${'é'.repeat(17)}" too long (max 32 chars)`],
    [['GPU'], 'tag "GPU" must be lowercase alphanumeric with hyphens'],
    [['a\n'], 'tag "a\\n" must be lowercase alphanumeric with hyphens'],
    [['BAD', ''], 'tag "BAD" must be lowercase alphanumeric with hyphens'],
  ])('refuses the tags %j', (tags, error) => {
    expect(normaliseTags(tags)).toEqual({ ok: false, error });
  });

  it.each([
    [Array.from({ length: 11 }, () => 'a'), 'too many member tags (max 10)'],
    [[''], 'empty tag not allowed'],
    [['#a'], 'tag "#a" must be lowercase alphanumeric with hyphens'],
    [['t'.repeat(33)], `tag "${'t'.repeat(33)}" must be lowercase alphanumeric with hyphens`],
  ])('refuses the member tags %j', (tags, error) => {
    expect(normaliseMemberTags(tags)).toEqual({ ok: false, error });
  });

  it('is stable: normalised tags are their own normal form', () => {
    const tag = fc.string({ unit: fc.constantFrom('a', '1', '-', '#', 'B'), maxLength: 4 });
    fc.assert(
      fc.property(fc.array(tag, { maxLength: 12 }), (tags) => {
        const once = normaliseTags(tags);
        if (!once.ok) return;
        expect(normaliseTags(once.value)).toEqual(once);
        expect(normaliseMemberTags(once.value)).toEqual(once);
      }),
    );
  });
});

describe('limits', () => {
  it.each([
    ['owner', validateOwner, 256],
    ['version', validateVersion, 64],
    ['external_id', validateExternalId, 256],
    ['listen_addr', validateListenAddr, 256],
    ['token', validateToken, 256],
    ['network_admin_token', (text: string) => validateToken(text, 'network_admin_token'), 256],
  ])('holds %s', (field, validate, max) => {
    expect(validate('')).toBeUndefined();
    expect(validate('x'.repeat(max))).toBeUndefined();
    expect(validate('é'.repeat(max / 2))).toBeUndefined();
    expect(validate('x'.repeat(max + 1))).toBe(`${field} too long (max ${max})`);
    expect(validate(`${'é'.repeat(max / 2)}x`)).toBe(`${field} too long (max ${max})`);
  });

  it('holds the justification', () => {
    expect(validateJustification('x'.repeat(1024))).toBeUndefined();
    expect(validateJustification('é'.repeat(513))).toBe('justification too large: 1026 bytes (max 1024)');
  });

  it('accepts LAN addresses with a literal IP', () => {
    expect(validateLanAddrs([])).toBeUndefined();
    expect(
      validateLanAddrs(['192.168.1.5:4000', '[fe80::1]:4000', '[fe80::1%eth0]:1', '10.0.0.1:65535']),
    ).toBeUndefined();
    expect(validateLanAddrs(Array.from({ length: 16 }, () => '10.0.0.1:1'))).toBeUndefined();
  });

  it.each([
    [Array.from({ length: 17 }, () => '10.0.0.1:1'), 'lan_addrs too long (max 16)'],
    [['1'.repeat(65)], 'lan_addrs entry too long (max 64)'],
    [['host:1'], 'invalid lan_addrs entry: "host:1"'],
    [['10.0.0.1'], 'invalid lan_addrs entry: "10.0.0.1"'],
    [['10.0.0.1:0'], 'invalid lan_addrs entry: "10.0.0.1:0"'],
    [['fe80::1:4000'], 'invalid lan_addrs entry: "fe80::1:4000"'],
    [['10.0.0.1:1', ''], 'invalid lan_addrs entry: ""'],
  ])('refuses the LAN addresses %j', (lanAddrs, error) => {
    expect(validateLanAddrs(lanAddrs)).toBe(error);
  });
});
