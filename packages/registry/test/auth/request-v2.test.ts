import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalRequest, NonceWindow, readRequestV2, requestV2Challenge } from '../../src/auth/index.ts';

const nonce = (n: number): string => `nonce-${String(n).padStart(12, '0')}`;
const code = (value: string): unknown => expect.objectContaining({ code: value });

describe('canonicalRequest', () => {
  it('sorts by code unit, at every depth, and leaves out what cannot be signed', () => {
    const message = {
      type: 'set_tags',
      é: 1,
      Z: [{ b: 1, a: null }, 'x'],
      a: true,
      signature: 's',
      signature_v2: 't',
      admin_token: 'u',
      inner: { signature: 'kept', admin_token: 'kept' },
      '\u{1F600}': 2,
      '\uff00': 3,
    };
    expect(canonicalRequest(message)).toBe(
      '{"Z":[{"a":null,"b":1},"x"],"a":true,"inner":{"admin_token":"kept","signature":"kept"},' +
        '"type":"set_tags","é":1,"\u{1F600}":2,"\uff00":3}',
    );
  });

  it('writes numbers and strings as ECMAScript does', () => {
    const message = JSON.parse(
      '{"n":[1.0,-0,1e21,1E-7,4294967295],"s":"\\u007f\\u2028<&\\n\\ud800"}',
    ) as object;
    expect(canonicalRequest({ ...message })).toBe(
      '{"n":[1,0,1e+21,1e-7,4294967295],"s":"\u007f\u2028<&\\n\\ud800"}',
    );
  });

  it('does not depend on the order of keys, and is JSON of the same value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
        const { signature: _s, signature_v2: _v, admin_token: _a, ...signed } = fields;
        const reversed = Object.fromEntries(Object.entries(fields).toReversed());
        expect(canonicalRequest(fields)).toBe(canonicalRequest(reversed));
        expect(JSON.parse(canonicalRequest(fields))).toEqual(JSON.parse(JSON.stringify(signed)));
      }),
    );
  });
});

describe('requestV2Challenge', () => {
  it('has the form of section 4.4', () => {
    const message = {
      type: 'set_hostname',
      node_id: 7,
      hostname: 'a',
      ts: 5,
      nonce: nonce(1),
      signature_v2: 'x',
    };
    const canonical = `{"hostname":"a","node_id":7,"nonce":"${nonce(1)}","ts":5,"type":"set_hostname"}`;
    const digest = createHash('sha256').update(canonical).digest('hex');
    const challengeOf = (fields: object): string =>
      requestV2Challenge('set_hostname', 7, 5, nonce(1), { ...message, ...fields });
    expect(challengeOf({})).toBe(`pilot-reg-v2|set_hostname|7|5|${nonce(1)}|${digest}`);
    expect(challengeOf({ signature_v2: 'other', admin_token: 'adm' })).toBe(challengeOf({}));
    expect(challengeOf({ hostname: 'b' })).not.toBe(challengeOf({}));
  });
});

describe('readRequestV2', () => {
  const message = { signature_v2: 'AAAA', ts: 5, nonce: nonce(1) };

  it('reads the fields, or says that there are none', () => {
    expect(readRequestV2(message)).toEqual({ ts: 5, nonce: nonce(1), signature: new Uint8Array(3) });
    expect(readRequestV2({ ts: 5, nonce: nonce(1) })).toBeUndefined();
    expect(readRequestV2({ ...message, signature_v2: '' })).toBeUndefined();
    expect(readRequestV2({ ...message, signature_v2: 5 })).toBeUndefined();
  });

  it.each([
    [{ ts: '5' }],
    [{ ts: 5.5 }],
    [{ ts: -1 }],
    [{ ts: 1e300 }],
    [{ nonce: 'short' }],
    [{ nonce: 'x'.repeat(65) }],
    [{ nonce: `${nonce(1)}|` }],
    [{ nonce: `${nonce(1)}\n` }],
    [{ nonce: 7 }],
    [{ signature_v2: '!' }],
  ])('refuses %j', (change) => {
    expect(() => readRequestV2({ ...message, ...change })).toThrow(code('invalid_request_signature'));
  });
});

describe('NonceWindow', () => {
  const now = 1_780_000_000;

  it('takes a nonce once per node, within the window of time', () => {
    const window = new NonceWindow();
    window.accept(7, now - 60, nonce(1), now);
    window.accept(8, now + 60, nonce(1), now);
    expect(() => window.check(7, now, nonce(1), now)).toThrow(code('replayed_request'));
    expect(() => window.check(7, now - 61, nonce(2), now)).toThrow(
      'request ts is 61s from registry time (max 60s)',
    );
    expect(() => window.check(7, now + 61, nonce(2), now)).toThrow(code('stale_request'));
    expect(window.size).toBe(2);
  });

  it('checks again when it accepts', () => {
    const window = new NonceWindow();
    window.check(7, now, nonce(1), now);
    window.check(7, now, nonce(1), now);
    window.accept(7, now, nonce(1), now);
    expect(() => window.accept(7, now, nonce(1), now)).toThrow(code('replayed_request'));
  });

  it('refuses what was signed before its memory began', () => {
    const window = new NonceWindow({ startedAtSeconds: now - 10 });
    expect(() => window.check(7, now - 11, nonce(1), now)).toThrow(code('stale_request'));
    window.accept(7, now - 10, nonce(1), now);
  });

  it('is bounded per node and in total, and empties with time', () => {
    const window = new NonceWindow({ maxNonces: 5, maxNoncesPerNode: 3 });
    for (let i = 0; i < 3; i++) window.accept(7, now, nonce(i), now);
    expect(() => window.accept(7, now, nonce(3), now)).toThrow(code('nonce_memory_full'));
    for (let i = 0; i < 2; i++) window.accept(8, now, nonce(i), now);
    expect(() => window.accept(9, now, nonce(0), now)).toThrow(code('nonce_memory_full'));
    window.accept(9, now + 240, nonce(0), now + 240);
    expect(window.size).toBe(1);
  });

  it('never takes the same request twice, however the clock moves', () => {
    const step = fc.record({
      node: fc.integer({ min: 1, max: 2 }),
      nonce: fc.integer({ min: 0, max: 2 }),
      offset: fc.integer({ min: -70, max: 70 }),
      advance: fc.integer({ min: -300, max: 90 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const window = new NonceWindow();
        let time = now;
        let latest = now;
        /** When each nonce was last taken, by the furthest time that the clock had shown. */
        const taken = new Map<string, number>();
        for (const s of steps) {
          time += s.advance;
          latest = Math.max(latest, time);
          const name = `${s.node}/${s.nonce}`;
          const before = taken.get(name);
          try {
            window.accept(s.node, time + s.offset, nonce(s.nonce), time);
            if (before !== undefined) expect(latest - before).toBeGreaterThanOrEqual(180);
            taken.set(name, latest);
          } catch (error) {
            if ((error as { code?: string }).code === undefined) throw error;
          }
        }
      }),
    );
  });
});
