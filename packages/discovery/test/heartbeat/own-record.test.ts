import { describe, expect, it } from 'vitest';
import { judgeOwnRecord } from '../../src/heartbeat/own-record.ts';
import { derivedDid } from '../../src/records/did.ts';
import { ed25519Crypto } from '../../src/records/ed25519-crypto.ts';
import { buildPeerRecord } from '../../src/records/peer-record.ts';
import type { DidMode } from '../../src/settings.ts';
import { testIdentity } from '../support/identities.ts';
import { CONSTANTS } from '../support/pool-models.ts';

const NOW = 1_780_000_000_000;
const ours = ed25519Crypto(testIdentity(1));
const theirs = ed25519Crypto(testIdentity(2));
const OWN_DID = derivedDid(ours.self);

function record(crypto = ours, did = OWN_DID, expiresAt = NOW + 120_000) {
  return buildPeerRecord(
    { name: 'n', did, apiUrl: '', streamAddress: '', natsAddress: '', walletAddress: '', expiresAt },
    crypto,
  );
}

function judge(payload: unknown, didMode: DidMode = 'derived') {
  return judgeOwnRecord(payload, { ownDid: OWN_DID, crypto: ours, didMode, date: NOW, constants: CONSTANTS });
}

describe('the record that a DHT challenge brings back (11.5.7)', () => {
  it('is genuine with our signature', () => {
    expect(judge(record())).toBe('genuine');
  });

  it('is genuine for 120 s after its expiry, and no longer', () => {
    expect(judge(record(ours, OWN_DID, NOW - 119_000))).toBe('genuine');
    expect(judge(record(ours, OWN_DID, NOW - 121_000))).toBe('invalid');
  });

  it('DEF-47: is not made genuine by a boolean', () => {
    expect(judge(undefined)).toBe('invalid');
    expect(judge({})).toBe('invalid');
    expect(judge('found')).toBe('invalid');
    expect(judge(null)).toBe('invalid');
  });

  it("is no forgery, but no proof, when it is another's", () => {
    expect(judge(record(theirs, derivedDid(theirs.self)))).toBe('invalid');
  });

  it.each(['derived', 'stored'] as const)('is forged when another key signs our DID (%s)', (mode) => {
    expect(judge(record(theirs), mode)).toBe('forged');
  });

  it('is forged when our record was changed', () => {
    expect(judge({ ...record(), api_url: 'http://elsewhere.example' })).toBe('forged');
  });
});
