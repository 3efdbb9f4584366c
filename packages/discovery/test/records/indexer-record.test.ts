import { createHash } from 'node:crypto';
import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { ed25519Crypto } from '../../src/records/ed25519-crypto.ts';
import {
  buildIndexerRecord,
  indexerRecordMessage,
  peerHash,
  verifyIndexerRecord,
} from '../../src/records/indexer-record.ts';
import type { IndexerRecord } from '../../src/wire/messages.ts';
import { formatTime } from '../../src/wire/time.ts';
import { indexerRecordVector, VECTOR_PEER, vectorIdentity } from './vectors.ts';

const crypto = ed25519Crypto(vectorIdentity);
const constants = discoveryConstants();
const EXPIRY = Date.parse('2030-01-01T00:03:00.000Z');
const now = EXPIRY - 180_000;
const options = { crypto, now, constants };
const vector = indexerRecordVector.record;

const fields = {
  multiaddrs: vector.multiaddrs,
  capacity: 500,
  fillRate: 0.004,
  nodes: ['node-b', 'node-a'],
  bornAt: Date.parse('2029-12-31T00:00:00.000Z'),
  expiresAt: EXPIRY,
  maxPeers: 2_000,
  random: seededRandom(1),
};
const built = buildIndexerRecord(fields, crypto);

function signed(changes: Partial<IndexerRecord> & Record<string, unknown>): IndexerRecord {
  const record = { ...built, ...changes };
  return { ...record, sig: crypto.sign(indexerRecordMessage(record)) };
}

function reasonOf(value: unknown, at = now): string {
  const check = verifyIndexerRecord(value, { ...options, now: at });
  return check.ok ? 'ok' : check.reason;
}

describe('vectors', () => {
  it('A.4 is what we sign, and is refused because its peers are fewer than counted', () => {
    const message = indexerRecordMessage(vector);
    expect(createHash('sha256').update(message).digest('hex')).toBe(indexerRecordVector.messageSha256);
    expect(crypto.sign(message)).toBe(vector.sig);
    expect(crypto.verify(vector.pub_key, message, vector.sig)).toBe(true);
    expect(verifyIndexerRecord(vector, options)).toMatchObject({
      ok: false,
      reason: 'malformed',
      message: 'peers are not as many as peer_count',
    });
  });

  it('A.1 has the hash of a peer', () => {
    expect(peerHash(VECTOR_PEER)).toBe('b1049d6b17b1dac7');
  });
});

describe('buildIndexerRecord', () => {
  it('lists the hashes of all nodes, sorted, and the region', () => {
    expect(built).toMatchObject({
      peer_id: VECTOR_PEER,
      peer_count: 2,
      region: '192.0.2',
      peers: [peerHash('node-a'), peerHash('node-b')].sort(),
    });
    expect(built).not.toHaveProperty('peers_sampled');
    expect(reasonOf(JSON.parse(JSON.stringify(built)))).toBe('ok');
  });

  it('gives a uniform sample of too many, and says so', () => {
    const nodes = Array.from({ length: 30 }, (_, index) => `node-${index}`);
    const seen = new Map<string, number>();
    for (let round = 0; round < 300; round++) {
      const record = buildIndexerRecord({ ...fields, nodes, maxPeers: 10 }, crypto);
      expect(record).toMatchObject({ peers_sampled: true, peer_count: 30 });
      expect(new Set(record.peers).size).toBe(10);
      for (const hash of record.peers) seen.set(hash, (seen.get(hash) ?? 0) + 1);
      expect(reasonOf(record)).toBe('ok');
    }
    // 100 times each on average, with a standard deviation of 8.
    for (const node of nodes) {
      expect(seen.get(peerHash(node))).toBeGreaterThan(50);
      expect(seen.get(peerHash(node))).toBeLessThan(150);
    }
  });
});

describe('verifyIndexerRecord', () => {
  it('refuses a change of any member, and unknown members that were not signed', () => {
    for (const change of [
      { capacity: 501 },
      { fill_rate: 0.5 },
      { region: '' },
      { expires_at: formatTime(EXPIRY - 1) },
      { born_at: formatTime(0) },
      { peers_sampled: true },
      { later: 1 },
    ]) {
      expect([change, reasonOf({ ...built, ...change })]).toEqual([change, 'bad_signature']);
    }
    expect(reasonOf(signed({ later: { any: 1 } }))).toBe('ok');
  });

  it.each([
    ['at the expiry', EXPIRY, 'expired'],
    ['just before', EXPIRY - 1, 'ok'],
    ['at the longest life', EXPIRY - 600_000, 'ok'],
    ['one millisecond further ahead', EXPIRY - 600_001, 'expired'],
  ])('%s', (_, at, reason) => {
    expect(reasonOf(built, at)).toBe(reason);
  });

  it.each([
    { fill_rate: 1.01 },
    { fill_rate: -0.1 },
    { fill_rate: Infinity },
    { capacity: 1 },
    { capacity: 1.5 },
    { peer_count: 3 },
    { peer_count: 1, peers_sampled: true },
    { peers: built.peers.toReversed() },
    { peers: [built.peers[0], built.peers[0]] },
    { peers: ['x', 'y'] },
    { peers: 'none' },
    { peers_sampled: 'yes' },
    { multiaddrs: ['/ip4/192.0.2.10/tcp/4001'] },
    { multiaddrs: Array(17).fill(vector.multiaddrs[0]) },
    { born_at: '' },
    { region: 1 },
    { expires_at: 'later' },
  ])('refuses %j', (change) => {
    let record: unknown;
    try {
      record = signed(change as Partial<IndexerRecord>);
    } catch {
      record = { ...built, ...change };
    }
    expect(reasonOf(record)).toBe('malformed');
  });

  it('holds the limits of size', () => {
    const peers = (count: number) =>
      Array.from({ length: count }, (_, index) => index.toString(16).padStart(16, '0'));
    const of = (count: number) => signed({ peers: peers(count), peer_count: count, capacity: 5000 });
    expect(reasonOf(of(2_000))).toBe('ok');
    expect(reasonOf(of(2_001))).toBe('malformed');
    expect(reasonOf(signed({ later: 'x'.repeat(65_536) }))).toBe('malformed');
    let deep: unknown = 0;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(reasonOf({ ...built, later: deep })).toBe('malformed');
  });

  it('survives any JSON', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void expect(reasonOf(value)).toBe('malformed')));
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(built)), fc.jsonValue(), (name, value) => {
        const record = { ...built, [name]: value };
        const isSame = JSON.stringify(record) === JSON.stringify(built);
        expect(reasonOf(record) === 'ok').toBe(isSame);
      }),
    );
  });
});
