import { createHash } from 'node:crypto';
import { Identity } from '@muster/core/identity';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { derivedDid } from '../../src/records/did.ts';
import { ed25519Crypto } from '../../src/records/ed25519-crypto.ts';
import { buildPeerRecord, peerRecordMessage, verifyPeerRecord } from '../../src/records/peer-record.ts';
import type { PeerRecord } from '../../src/wire/messages.ts';
import { formatTime } from '../../src/wire/time.ts';
import { peerRecordVector, VECTOR_DID, VECTOR_PEER, vectorIdentity } from './vectors.ts';

const crypto = ed25519Crypto(vectorIdentity);
const constants = discoveryConstants();
const EXPIRY = Date.parse('2030-01-01T00:00:00.000Z');
const now = EXPIRY - 60_000;
const options = { crypto, now, constants, didMode: 'derived' as const };

const fields = {
  name: 'alpha',
  did: VECTOR_DID,
  apiUrl: 'http://alpha.example',
  streamAddress: `/ip4/192.0.2.10/tcp/4001/p2p/${VECTOR_PEER}`,
  natsAddress: '',
  walletAddress: '',
  expiresAt: EXPIRY,
};

function reasonOf(value: unknown, changed: Partial<typeof options> = {}): string {
  const check = verifyPeerRecord(value, { ...options, ...changed });
  return check.ok ? 'ok' : check.reason;
}

/** A record of the vector's key with a valid signature over changed members. */
function signed(changes: Partial<PeerRecord>): PeerRecord {
  const record = { ...peerRecordVector.record, ...changes };
  return { ...record, signature: crypto.sign(peerRecordMessage(record)) };
}

describe('vector A.2', () => {
  it('is what we sign', () => {
    const message = peerRecordMessage(peerRecordVector.record);
    expect(message).toBe(peerRecordVector.message);
    expect(createHash('sha256').update(message).digest('hex')).toBe(peerRecordVector.messageSha256);
    expect(buildPeerRecord(fields, crypto)).toEqual(peerRecordVector.record);
  });

  it('verifies, with its expiry in milliseconds', () => {
    expect(verifyPeerRecord(peerRecordVector.record, options)).toEqual({
      ok: true,
      verified: { record: peerRecordVector.record, expiresAt: EXPIRY },
    });
  });
});

describe('verifyPeerRecord', () => {
  it('refuses any change of a signed member, the expiry too (F:35)', () => {
    for (const name of Object.keys(peerRecordVector.record) as (keyof PeerRecord)[]) {
      if (name === 'signature' || name === 'pub_key') continue;
      const changed = name === 'expiry_date' ? formatTime(EXPIRY + 1) : `${peerRecordVector.record[name]}x`;
      expect([name, reasonOf({ ...peerRecordVector.record, [name]: changed })]).toEqual([
        name,
        'bad_signature',
      ]);
    }
  });

  it('refuses a key that is not the one of the peer id', () => {
    const other = ed25519Crypto(Identity.fromSeed(new Uint8Array(32).fill(7)));
    const record = { ...peerRecordVector.record, pub_key: other.publicKey };
    expect(reasonOf({ ...record, signature: other.sign(peerRecordMessage(record)) })).toBe('bad_signature');
    expect(reasonOf({ ...peerRecordVector.record, pub_key: 'AAAA' })).toBe('bad_signature');
  });

  it.each([
    ['just before the tolerance ends', EXPIRY + 4_999, 'ok'],
    ['when the tolerance ends', EXPIRY + 5_000, 'expired'],
    ['at the longest life', EXPIRY - 900_000, 'ok'],
    ['one millisecond further ahead', EXPIRY - 900_001, 'expired'],
  ])('expiry %s', (_, at, reason) => {
    expect(reasonOf(peerRecordVector.record, { now: at })).toBe(reason);
  });

  it('binds the DID to the peer id in derived mode only (F:39)', () => {
    const other = signed({ did: derivedDid('someone else') });
    expect(reasonOf(other)).toBe('identity');
    expect(verifyPeerRecord(other, { ...options, didMode: 'stored' }).ok).toBe(true);
    expect(verifyPeerRecord(signed({ did: 'alpha' }), { ...options, didMode: 'stored' })).toMatchObject({
      reason: 'identity',
    });
  });

  it('asks for the peer id at the end of the stream address, unless that is empty', () => {
    expect(reasonOf(signed({ stream_address: '' }))).toBe('ok');
    expect(reasonOf(signed({ stream_address: '/ip4/192.0.2.10/tcp/4001' }))).toBe('malformed');
    expect(reasonOf(signed({ stream_address: `/ip4/1.2.3.4/tcp/1/p2p/${VECTOR_PEER}x` }))).toBe('malformed');
  });

  it('holds the limits of texts, counted in characters', () => {
    expect(reasonOf(signed({ name: 'x'.repeat(128) }))).toBe('ok');
    expect(reasonOf(signed({ name: '\u{1F600}'.repeat(128) }))).toBe('ok');
    expect(reasonOf(signed({ name: 'x'.repeat(129) }))).toBe('malformed');
    expect(reasonOf(signed({ name: '\u{1F600}'.repeat(129) }))).toBe('malformed');
    expect(reasonOf(signed({ api_url: 'x'.repeat(513) }))).toBe('malformed');
    expect(reasonOf(signed({ wallet_address: 'x'.repeat(129) }))).toBe('malformed');
  });

  it.each([
    null,
    [],
    'text',
    1,
    {},
    { ...peerRecordVector.record, name: undefined },
    { ...peerRecordVector.record, name: 1 },
    { ...peerRecordVector.record, name: '\ud800' },
    { ...peerRecordVector.record, expiry_date: '' },
    { ...peerRecordVector.record, expiry_date: 'tomorrow' },
    Object.create(peerRecordVector.record) as unknown,
  ])('calls %j malformed', (value) => {
    expect(reasonOf(value)).toBe('malformed');
  });

  it('ignores unknown members up to the size of a record, and does not hand them on', () => {
    const extra = { ...peerRecordVector.record, later: 'x'.repeat(1000) };
    expect(verifyPeerRecord(extra, options)).toMatchObject({ ok: true });
    expect(verifyPeerRecord(extra, options)).toHaveProperty('verified.record', peerRecordVector.record);
    expect(reasonOf({ ...extra, later: 'x'.repeat(16_384) })).toBe('malformed');
    let deep: unknown = 0;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(reasonOf({ ...extra, later: deep })).toBe('malformed');
  });

  it('takes one spelling of a signature and of a key', () => {
    const { signature, pub_key } = peerRecordVector.record;
    expect(reasonOf({ ...peerRecordVector.record, signature: signature.replace('A==', 'B==') })).toBe(
      'bad_signature',
    );
    expect(reasonOf({ ...peerRecordVector.record, signature: `${signature}\n` })).toBe('bad_signature');
    expect(reasonOf({ ...peerRecordVector.record, pub_key: pub_key.replaceAll('+', '-') })).toBe(
      'bad_signature',
    );
  });

  it('verifies whatever was built, also after a trip through JSON', () => {
    const text = (maxLength: number) => fc.string({ maxLength, unit: 'grapheme-composite' });
    fc.assert(
      fc.property(
        text(60),
        text(200),
        text(200),
        text(60),
        fc.integer({ min: 0, max: 900_000 }),
        (...made) => {
          const [name, apiUrl, natsAddress, walletAddress, ttl] = made;
          const record = buildPeerRecord(
            { ...fields, name, apiUrl, natsAddress, walletAddress, expiresAt: now + ttl },
            crypto,
          );
          expect(verifyPeerRecord(JSON.parse(JSON.stringify(record)), options)).toEqual({
            ok: true,
            verified: { record, expiresAt: now + ttl },
          });
        },
      ),
    );
  });

  it('survives any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(reasonOf(value)).toBe('malformed');
      }),
    );
    const members = fc.record(
      Object.fromEntries(
        Object.entries(peerRecordVector.record).map(([name, value]) => [
          name,
          fc.oneof({ weight: 8, arbitrary: fc.constant<unknown>(value) }, fc.jsonValue()),
        ]),
      ),
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(members, (value) => {
        const names = Object.keys(peerRecordVector.record) as (keyof typeof peerRecordVector.record)[];
        const isWhole = names.every((name) => value[name] === peerRecordVector.record[name]);
        expect(reasonOf(value) === 'ok').toBe(isWhole);
      }),
    );
  });
});
