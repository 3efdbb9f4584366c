import { Identity } from '@muster/core/identity';
import { ManualClock, seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { derivedDid } from '../../src/records/did.ts';
import { dhtRules } from '../../src/records/dht-rules.ts';
import { ed25519Crypto } from '../../src/records/ed25519-crypto.ts';
import { buildIndexerRecord } from '../../src/records/indexer-record.ts';
import { buildPeerRecord } from '../../src/records/peer-record.ts';
import type { RecordCrypto } from '../../src/records/record-crypto.ts';
import type { DidMode } from '../../src/settings.ts';
import { testIdentity } from '../support/identities.ts';
import { peerRecordVector, VECTOR_DID, VECTOR_PEER } from './vectors.ts';

const constants = discoveryConstants();
const alpha = ed25519Crypto(testIdentity(1));
const beta = ed25519Crypto(testIdentity(2));

function setUp(didMode: DidMode = 'derived') {
  const clock = new ManualClock();
  return { clock, rules: dhtRules({ crypto: alpha, clock, constants, didMode }) };
}

function bytes(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function record(
  crypto: RecordCrypto,
  expiresAt: number,
  did = derivedDid(crypto.self),
  name = 'n',
): Uint8Array {
  const fields = { name, did, apiUrl: '', streamAddress: '', natsAddress: '', walletAddress: '' };
  return bytes(buildPeerRecord({ ...fields, expiresAt }, crypto));
}

describe('/node/ and /pid/', () => {
  it('take a valid record under its own key only', () => {
    const { clock, rules } = setUp();
    const value = record(alpha, clock.now() + 60_000);
    const did = derivedDid(alpha.self);
    expect(rules.node.validate(`/node/${did}`, value)).toBe(true);
    expect(rules.pid.validate(`/pid/${alpha.self}`, value)).toBe(true);
    expect(rules.node.validate(`/node/${derivedDid(beta.self)}`, value)).toBe(false);
    expect(rules.pid.validate(`/pid/${beta.self}`, value)).toBe(false);
    expect(rules.node.validate(`/pid/${did}`, value)).toBe(false);
    expect(rules.node.validate(did, value)).toBe(false);
    expect(rules.pid.validate(`/pid/${alpha.self}/`, value)).toBe(false);
  });

  it('refuse a record of another peer for the same DID (F:39)', () => {
    const { clock, rules } = setUp();
    const did = derivedDid(alpha.self);
    expect(rules.node.validate(`/node/${did}`, record(beta, clock.now() + 60_000, did))).toBe(false);
  });

  it('refuse what has expired, or claims to live for too long', () => {
    const { clock, rules } = setUp();
    const key = `/pid/${alpha.self}`;
    const value = record(alpha, clock.now() + 900_000);
    expect(rules.pid.validate(key, value)).toBe(true);
    expect(rules.pid.validate(key, record(alpha, clock.now() + 900_001))).toBe(false);
    clock.advance(904_999);
    expect(rules.pid.validate(key, value)).toBe(true);
    clock.advance(1);
    expect(rules.pid.validate(key, value)).toBe(false);
  });

  it('take vector A.2 at its time', () => {
    const clock = new ManualClock(Date.parse('2029-12-31T23:59:00.000Z'));
    const rules = dhtRules({ crypto: alpha, clock, constants, didMode: 'derived' });
    const value = bytes(peerRecordVector.record);
    expect(rules.node.validate(`/node/${VECTOR_DID}`, value)).toBe(true);
    expect(rules.pid.validate(`/pid/${VECTOR_PEER}`, value)).toBe(true);
  });

  it('refuse more than 16 KiB', () => {
    const { clock, rules } = setUp();
    const value = Buffer.concat([record(alpha, clock.now() + 60_000), Buffer.alloc(16_384, ' ')]);
    expect(rules.pid.validate(`/pid/${alpha.self}`, value.subarray(0, 16_384))).toBe(true);
    expect(rules.pid.validate(`/pid/${alpha.self}`, value)).toBe(false);
  });
});

describe('selection', () => {
  it('takes the latest expiry of the valid ones, wherever it stands', () => {
    const { clock, rules } = setUp();
    const key = `/pid/${alpha.self}`;
    const [early, late] = [record(alpha, clock.now() + 1_000), record(alpha, clock.now() + 2_000)];
    const forged = record(beta, clock.now() + 3_000);
    const tooLong = record(alpha, clock.now() + 1_000_000);
    const junk = Buffer.from('junk');
    expect(rules.pid.select(key, [early, late])).toBe(1);
    expect(rules.pid.select(key, [late, early])).toBe(0);
    expect(rules.pid.select(key, [junk, forged, early, tooLong, late, junk])).toBe(4);
    expect(rules.pid.select(key, [junk, forged])).toBe(-1);
    expect(rules.pid.select(key, [])).toBe(-1);
  });

  it('takes the smallest signature among equals', () => {
    const { clock, rules } = setUp();
    const key = `/pid/${alpha.self}`;
    const values = ['a', 'b', 'c', 'd'].map((name) => record(alpha, clock.now() + 1_000, undefined, name));
    const signatures = values.map((value) => (JSON.parse(String(value)) as { signature: string }).signature);
    const smallest = signatures.indexOf([...signatures].sort()[0] as string);
    expect(rules.pid.select(key, values)).toBe(smallest);
    expect(rules.pid.select(key, values.toReversed())).toBe(values.length - 1 - smallest);
  });
});

describe('in stored mode', () => {
  const did = derivedDid('some name');
  const key = `/node/${did}`;

  it('the first key seen with a DID keeps it while it is seen, and 30 days', () => {
    const { clock, rules } = setUp('stored');
    const by = (crypto: RecordCrypto): boolean =>
      rules.node.validate(key, record(crypto, clock.now() + 1_000, did));
    expect([by(alpha), by(beta), by(alpha)]).toEqual([true, false, true]);
    clock.advance(20 * 86_400_000);
    expect([by(beta), by(alpha)]).toEqual([false, true]);
    clock.advance(20 * 86_400_000);
    expect(by(beta)).toBe(false);
    clock.advance(10 * 86_400_000 + 1);
    expect([by(beta), by(alpha)]).toEqual([true, false]);
  });

  it('what does not verify pins nothing', () => {
    const { clock, rules } = setUp('stored');
    const forged = JSON.parse(String(record(beta, clock.now() + 1_000, did))) as object;
    expect(rules.node.validate(key, bytes({ ...forged, name: 'changed' }))).toBe(false);
    expect(rules.node.validate(key, record(beta, clock.now() - 10_000, did))).toBe(false);
    expect(rules.node.validate('/node/other', record(beta, clock.now() + 1_000, did))).toBe(false);
    expect(rules.node.validate(key, record(alpha, clock.now() + 1_000, did))).toBe(true);
  });

  it('selection holds to the pin too', () => {
    const { clock, rules } = setUp('stored');
    const mine = record(alpha, clock.now() + 1_000, did);
    const later = record(beta, clock.now() + 2_000, did);
    expect(rules.node.select(key, [mine, later])).toBe(0);
    expect(rules.node.select(key, [later, mine])).toBe(1);
  });
});

describe('/name/ and /indexer/', () => {
  it('nothing is valid under a name (F:40)', () => {
    const { clock, rules } = setUp();
    expect(rules.name.validate('/name/n', record(alpha, clock.now() + 1_000))).toBe(false);
    expect(rules.name.select('/name/n', [record(alpha, clock.now() + 1_000)])).toBe(-1);
  });

  it('takes an indexer record under the peer id of its signer', () => {
    const { clock, rules } = setUp();
    const of = (ttlMs: number): Uint8Array =>
      bytes(
        buildIndexerRecord(
          {
            multiaddrs: [],
            capacity: 10,
            fillRate: 0,
            nodes: [],
            bornAt: clock.now(),
            expiresAt: clock.now() + ttlMs,
            maxPeers: 10,
            random: seededRandom(1),
          },
          alpha,
        ),
      );
    const key = `/indexer/${alpha.self}`;
    expect(rules.indexer.validate(key, of(180_000))).toBe(true);
    expect(rules.indexer.validate(key, of(600_001))).toBe(false);
    expect(rules.indexer.validate(key, of(0))).toBe(false);
    expect(rules.indexer.validate(`/indexer/${beta.self}`, of(180_000))).toBe(false);
    expect(rules.indexer.select(key, [of(1), of(3), of(2)])).toBe(1);
    expect(rules.indexer.validate(key, record(alpha, clock.now() + 1_000))).toBe(false);
  });
});

describe('any bytes', () => {
  it('are judged without an error', () => {
    const { clock, rules } = setUp('stored');
    const valid = record(alpha, clock.now() + 1_000);
    const value = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.jsonValue().map((json) => Buffer.from(JSON.stringify(json))),
      fc.tuple(fc.nat({ max: valid.length - 1 }), fc.integer({ min: 0, max: 255 })).map(([at, byte]) => {
        const changed = Buffer.from(valid);
        changed[at] = byte;
        return changed;
      }),
    );
    const name = fc.constantFrom('node', 'pid', 'name', 'indexer');
    fc.assert(
      fc.property(name, fc.string(), fc.array(value, { maxLength: 3 }), (space, suffix, values) => {
        const key = `/${space}/${suffix}`;
        expect(rules[space as 'node'].select(key, values)).toBe(-1);
        for (const each of values) expect(rules[space as 'node'].validate(key, each)).toBe(false);
      }),
    );
  });

  it('include texts nested without end', () => {
    const { rules } = setUp();
    for (const space of ['node', 'pid', 'indexer'] as const) {
      const value = Buffer.from('['.repeat(8_000) + ']'.repeat(8_000));
      expect(rules[space].validate(`/${space}/x`, value)).toBe(false);
    }
  });
});

describe('ed25519Crypto', () => {
  it('remembers only successes, and a bounded number of them', () => {
    const signer = Identity.generate();
    const crypto = ed25519Crypto(signer, { cachedVerifications: 2 });
    const signatures = ['a', 'b', 'c', 'd'].map((message) => [message, crypto.sign(message)] as const);
    for (let round = 0; round < 3; round++) {
      for (const [message, signature] of signatures) {
        expect(crypto.verify(crypto.publicKey, message, signature)).toBe(true);
        expect(crypto.verify(crypto.publicKey, `${message}x`, signature)).toBe(false);
        expect(crypto.verify(beta.publicKey, message, signature)).toBe(false);
      }
    }
  });

  it('knows the peer id of a key, and of nothing else', () => {
    expect(alpha.peerIdOf(beta.publicKey)).toBe(beta.self);
    for (const text of ['', 'AAAA', beta.publicKey.replace('CAES', 'CAIS'), `${beta.publicKey} `]) {
      expect(alpha.peerIdOf(text)).toBeUndefined();
      expect(alpha.verify(text, 'm', beta.sign('m'))).toBe(false);
    }
  });

  it('never throws, whatever the texts', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (key, message, signature) => {
        expect(alpha.verify(key, message, signature)).toBe(false);
        expect(alpha.verify(alpha.publicKey, message, signature)).toBe(false);
      }),
    );
  });
});
