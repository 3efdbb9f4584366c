import { createHash } from 'node:crypto';
import { Identity } from '@muster/core/identity';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ed25519Crypto } from '../../src/records/ed25519-crypto.ts';
import { decodeEvent, type Event, eventMessage, signEvent, verifyEvent } from '../../src/wire/event.ts';
import { VECTOR_PEER, vectorIdentity } from '../records/vectors.ts';

const crypto = ed25519Crypto(vectorIdentity);

/** A.3. */
const vector: Event = {
  type: '/opencloud/resource/search/1.0',
  from: VECTOR_PEER,
  to: VECTOR_PEER,
  User: 'u1:q1',
  Groups: ['*'],
  datatype: -1,
  ts: 1_893_456_000,
  payload: Buffer.from('{"search":"gpu"}').toString('base64'),
  nonce: 'AAECAwQFBgcICQoL',
  sig: '7Trp/2uKXbTvqkP/foBNpnEYbVm1mX1TGvU1WewGnlgDrQjlQ8fEvxwZ/OMx/innBclbLL0vmg40ObbfS8tUCw==',
};

describe('vector A.3', () => {
  it('signs the text of the specification', () => {
    expect(eventMessage(vector)).toBe(
      `opencloud/event/1\n{"datatype":-1,"from":"${VECTOR_PEER}","groups":["*"],"nonce":"AAECAwQFBgcICQoL","payload_sha256":"7274d2fd9f0d8307d4b45fad459bdc7c42d15d65c0293268b91cca1458f27950","to":"${VECTOR_PEER}","ts":1893456000,"type":"/opencloud/resource/search/1.0","user":"u1:q1"}`,
    );
    expect(createHash('sha256').update(eventMessage(vector)).digest('hex')).toBe(
      '46e1b6d444919221657346fc7c39298c497e3709dd901cf7b4feb6eb15802153',
    );
  });

  it('gives and takes its signature', () => {
    const { sig, ...unsigned } = vector;
    expect(signEvent(unsigned, crypto).sig).toBe(sig);
    expect(verifyEvent(vector, crypto)).toBe(true);
  });
});

describe('the signature of an event', () => {
  it('covers every member', () => {
    const changes: Partial<Event>[] = [
      { type: 'search' },
      { from: Identity.generate().peerId },
      { to: Identity.generate().peerId },
      { User: 'u2' },
      { Groups: [] },
      { datatype: 0 },
      { ts: vector.ts + 1 },
      { payload: '' },
      { nonce: Buffer.alloc(12).toString('base64') },
    ];
    for (const change of changes) expect(verifyEvent({ ...vector, ...change }, crypto)).toBe(false);
  });

  it('leaves out an absent addressee, and reads absent groups as none', () => {
    const { to: _to, Groups: _groups, ...open } = vector;
    expect(eventMessage(open)).not.toContain('"to"');
    expect(eventMessage(open)).toBe(eventMessage({ ...open, Groups: [] }));
  });

  it('is false, and no error, for senders that are no Ed25519 peer id', () => {
    for (const from of [
      '',
      'x',
      '12D3KooW',
      'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
      '1'.repeat(500),
    ]) {
      expect(verifyEvent({ ...vector, from }, crypto)).toBe(false);
    }
    expect(verifyEvent({ ...vector, sig: '' }, crypto)).toBe(false);
  });
});

describe('decodeEvent', () => {
  it('reads back what JSON carries, without what it does not know', () => {
    expect(decodeEvent(JSON.parse(JSON.stringify({ ...vector, extra: 1 })))).toEqual(vector);
    const { to: _to, Groups: _groups, ...open } = vector;
    expect(decodeEvent({ ...open, to: null, Groups: null })).toEqual(open);
  });

  it.each([
    ['no object', 7],
    ['an array', []],
    ['nothing', null],
    ['a missing type', { ...vector, type: undefined }],
    ['an empty sender', { ...vector, from: '' }],
    ['a number as user', { ...vector, User: 1 }],
    ['a text as groups', { ...vector, Groups: '*' }],
    ['a number among the groups', { ...vector, Groups: [1] }],
    ['too many groups', { ...vector, Groups: Array.from({ length: 257 }, () => 'g') }],
    ['a fraction as time', { ...vector, ts: 1.5 }],
    ['a text as datatype', { ...vector, datatype: '1' }],
    ['a payload that is no base64', { ...vector, payload: '{"a":1}' }],
    ['a payload in another spelling', { ...vector, payload: 'e30' }],
    ['a nonce of 11 bytes', { ...vector, nonce: Buffer.alloc(11).toString('base64') }],
    ['a huge type', { ...vector, type: 'x'.repeat(513) }],
  ])('refuses %s', (_what, value) => {
    expect(() => decodeEvent(value)).toThrow(expect.objectContaining({ code: 'FRAME_MALFORMED' }));
  });

  it('throws nothing else, whatever comes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.record({ ...vectorArbitraries() })), (value) => {
        try {
          decodeEvent(value);
        } catch (error) {
          expect(error).toMatchObject({ code: 'FRAME_MALFORMED' });
        }
      }),
    );
  });
});

function vectorArbitraries(): Record<string, fc.Arbitrary<unknown>> {
  return Object.fromEntries(
    Object.entries(vector).map(([name, value]) => [name, fc.oneof(fc.constant(value), fc.jsonValue())]),
  );
}
