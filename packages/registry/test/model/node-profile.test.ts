import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  decodeNames,
  decodeProfile,
  emptyProfile,
  encodeProfile,
  type NodeProfile,
  profileLength,
  type RareFields,
} from '../../src/model/node-profile.ts';

const text = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: 'grapheme', maxLength });
const short = text(20);
const rare = fc.record(
  {
    badge: text(300),
    badgeSig: short,
    verificationProvider: short,
    verifiedAt: short,
    recoveryCommitment: short,
    recoveryProvider: short,
    recoveryConsumedNonce: short,
    recoveryConsumedExp: fc.nat(),
    unknown: fc.constant({ later: [1, { x: null }] }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<RareFields>;

/** Profiles as validation lets them through, imported ones included. */
export const profiles: fc.Arbitrary<NodeProfile> = fc.record({
  networks: fc.array(fc.nat(65_535), { maxLength: 40 }),
  hostname: short,
  tags: fc.array(short, { maxLength: 12 }),
  realAddr: text(100),
  version: text(64),
  lanAddrs: fc.array(short, { maxLength: 16 }),
  owner: text(300),
  externalId: text(300),
  rare,
});

it('comes back as it was encoded, at any offset, and knows its length and names', () => {
  fc.assert(
    fc.property(profiles, fc.nat(50), (profile, offset) => {
      const encoded = Buffer.from(encodeProfile(profile));
      const placed = Buffer.concat([Buffer.alloc(offset, 0xee), encoded, Buffer.alloc(9, 0xee)]);
      expect(decodeProfile(placed, offset)).toEqual(profile);
      expect(profileLength(placed, offset)).toBe(encoded.length);
      expect(decodeNames(placed, offset)).toEqual({ hostname: profile.hostname, owner: profile.owner });
    }),
  );
});

it('takes a node in a thousand networks and texts at the limits of their length fields', () => {
  const profile: NodeProfile = {
    ...emptyProfile,
    networks: Array.from({ length: 1024 }, (_, i) => i),
    hostname: 'h'.repeat(255),
    realAddr: 'a'.repeat(65_535),
    owner: 'ö'.repeat(30_000),
    tags: Array.from({ length: 255 }, (_, i) => `tag-${i}`),
    rare: { badge: 'b'.repeat(100_000) },
  };
  expect(decodeProfile(Buffer.from(encodeProfile(profile)), 0)).toEqual(profile);
});

it('cuts a text that is too long for its length field at a character, and stays readable', () => {
  const profile = { ...emptyProfile, hostname: 'ä'.repeat(200), owner: 'o' };
  const decoded = decodeProfile(Buffer.from(encodeProfile(profile)), 0);
  expect(decoded).toEqual({ ...profile, hostname: 'ä'.repeat(127) });
});

it('begins with what a binary lookup reply wants', () => {
  const profile = {
    ...emptyProfile,
    networks: [0, 5],
    hostname: 'ab',
    tags: ['x', 'yz'],
    realAddr: '1.2.3.4:5',
  };
  const head = Buffer.from([0, 2, 0, 0, 0, 5, 1, 7, 2, 97, 98, 2, 1, 120, 2, 121, 122, 0, 9]);
  expect(encodeProfile(profile, Buffer.from([7])).subarray(0, head.length)).toEqual(head);
});
