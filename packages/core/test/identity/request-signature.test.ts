import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalJson,
  Identity,
  isRequestNonce,
  requestSignatureText,
  signRequest,
  verifySignature,
} from '../../src/identity/index.ts';

const stamp = { unixSeconds: 1_780_000_000, nonce: 'abcdefghijklmnop' };

describe('canonicalJson', () => {
  it('sorts members by code unit at every level and leaves no space', () => {
    expect(
      canonicalJson({ b: [1, { z: null, a: true }], a: 'x', B: 1.5, é: 2, '\u{1F600}': 3, '\uffff': 4 }),
    ).toBe('{"B":1.5,"a":"x","b":[1,{"a":true,"z":null}],"é":2,"\u{1F600}":3,"\uffff":4}');
  });

  it('writes numbers and strings as ECMAScript does', () => {
    expect(canonicalJson([1e21, 1e-7, -0, 0.1, 4_294_967_295])).toBe('[1e+21,1e-7,0,0.1,4294967295]');
    expect(canonicalJson('<&>\u2028\u0001\ud800')).toBe('"<&>\u2028\\u0001\\ud800"');
  });

  it('is the same for the same value in any order, also after a trip through JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).toReversed());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
        expect(canonicalJson(JSON.parse(JSON.stringify(value)))).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it.each([Number.NaN, Infinity, 1n, undefined, () => 1])('refuses %s', (value) => {
    expect(() => canonicalJson({ value: [value] })).toThrow(
      expect.objectContaining({ code: 'REQUEST_NOT_CANONICAL' }),
    );
  });
});

describe('signRequest', () => {
  const identity = Identity.fromSeed(new Uint8Array(32).map((_, index) => index));

  it('signs the text of the specification', () => {
    const request = { type: 'set_tags', node_id: 7, tags: ['gpu'], admin_token: 'adm', signature: 'old' };
    const body = '{"node_id":7,"nonce":"abcdefghijklmnop","tags":["gpu"],"ts":1780000000,"type":"set_tags"}';
    const digest = createHash('sha256').update(body).digest('hex');
    const text = `pilot-reg-v2|set_tags|7|1780000000|abcdefghijklmnop|${digest}`;
    const signed = signRequest(identity, request, stamp);
    expect(requestSignatureText(signed)).toBe(text);
    expect(signed).toEqual({
      ...request,
      ts: 1_780_000_000,
      nonce: 'abcdefghijklmnop',
      signature_v2: identity.sign(text),
    });
  });

  it('names the acting node: the requester of a resolve, nobody for a registration', () => {
    expect(
      requestSignatureText({ type: 'resolve', node_id: 9, requester_id: 7, ts: 1, nonce: stamp.nonce }),
    ).toMatch(/^pilot-reg-v2\|resolve\|7\|1\|/);
    expect(requestSignatureText({ type: 'register', node_id: 9, ts: 1, nonce: stamp.nonce })).toMatch(
      /^pilot-reg-v2\|register\|0\|1\|/,
    );
  });

  it('covers every value that it claims to cover', () => {
    const signed = signRequest(identity, { type: 'set_visibility', node_id: 7, public: true }, stamp);
    const signature = Buffer.from(signed.signature_v2, 'base64');
    const verifies = (request: Record<string, unknown>): boolean =>
      verifySignature(identity.publicKey, requestSignatureText(request), signature);
    expect(verifies(signed)).toBe(true);
    expect(verifies({ ...signed, admin_token: 'x' })).toBe(true);
    for (const change of [
      { public: false },
      { node_id: 8 },
      { type: 'set_tags' },
      { ts: 1_780_000_001 },
      { nonce: 'abcdefghijklmnoq' },
      { extra: 0 },
    ]) {
      expect(verifies({ ...signed, ...change })).toBe(false);
    }
  });

  it('refuses a stamp that no server takes', () => {
    const code = expect.objectContaining({ code: 'REQUEST_NOT_CANONICAL' });
    expect(() => requestSignatureText({ type: 'heartbeat', node_id: 7, ts: 1, nonce: 'short' })).toThrow(
      code,
    );
    expect(() =>
      requestSignatureText({ type: 'heartbeat', node_id: 7, ts: 1.5, nonce: stamp.nonce }),
    ).toThrow(code);
    expect(() => requestSignatureText({ node_id: 7, ts: 1, nonce: stamp.nonce })).toThrow(code);
  });

  it('knows a nonce', () => {
    expect(isRequestNonce('a'.repeat(16))).toBe(true);
    expect(isRequestNonce('a'.repeat(64))).toBe(true);
    for (const text of ['a'.repeat(15), 'a'.repeat(65), `${'a'.repeat(16)}|`, `${'a'.repeat(16)}\n`]) {
      expect(isRequestNonce(text)).toBe(false);
    }
  });
});
