import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeMessage,
  encodeJsonText,
  encodeMessage,
  jsonFrame,
  MAX_JSON_DEPTH,
  parseJson,
  RawJson,
} from '../../src/wire/index.ts';
import type { JsonValue } from '../../src/wire/index.ts';
import { fromHex, loadVectors } from './vectors.ts';

interface JsonVectors {
  write: { name: string; message?: { [name: string]: JsonValue }; body_utf8: string; frame_hex: string }[];
  read: { name: string; bytes_hex: string; error?: string; message?: unknown }[];
}

const vectors = loadVectors<JsonVectors>('json_framing.json');
const requests = loadVectors<{
  json: {
    client_method: string;
    message: { [name: string]: JsonValue };
    body_utf8: string;
    frame_hex: string;
  }[];
}>('client_requests.json');

/** JSON that has no lone surrogates and no `__proto__`: what a decoded message may hold. */
const wellFormed = fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.toWellFormed());
const { value: anyJson } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    wellFormed,
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      wellFormed.filter((name) => name !== '__proto__'),
      tie('value'),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ),
}));

describe('encodeMessage', () => {
  const withMessage = vectors.write.filter((vector) => vector.message !== undefined);

  it.each(withMessage)('writes: $name', ({ name, message, body_utf8, frame_hex }) => {
    // The producer encoded an invalid byte; the closest thing that a string can hold is a lone surrogate.
    const input = name === 'invalid utf-8 becomes U+FFFD' ? { ...message, v: 'a\ud800b' } : (message ?? null);
    const body = encodeMessage(input);
    expect(body.toString('utf8')).toBe(body_utf8);
    expect(jsonFrame(body).toString('hex')).toBe(frame_hex);
  });

  it('embeds encoded JSON verbatim, as text or bytes, alone or inside', () => {
    const raw = vectors.write.find((vector) => vector.name.startsWith('raw body'));
    const body = raw?.body_utf8 ?? '';
    expect(jsonFrame(encodeMessage(new RawJson(body))).toString('hex')).toBe(raw?.frame_hex);
    expect(encodeMessage(new RawJson(Buffer.from(body))).toString()).toBe(body);
    const verbatim = '{"b": 1,\n"a":"<"}';
    for (const content of [verbatim, Buffer.from(verbatim)]) {
      const value = { z: [new RawJson(content), 1], a: new RawJson(content), é: '<' };
      expect(encodeJsonText(value)).toBe(`{"a":${verbatim},"z":[${verbatim},1],"é":"\\u003c"}`);
    }
  });

  it.each(requests.json)('writes the request of $client_method', ({ message, body_utf8, frame_hex }) => {
    expect(encodeMessage(message).toString()).toBe(body_utf8);
    expect(jsonFrame(encodeMessage(message)).toString('hex')).toBe(frame_hex);
  });

  it('orders names by their bytes at every level, digits and astral characters included', () => {
    const value = { b: { '10': 1, '2': 2, '': 3 }, B: 0, '\u{1F600}': 1, '\uFB01': 2, ab: 4, a: 5 };
    expect(encodeJsonText(value)).toBe(
      '{"B":0,"a":5,"ab":4,"b":{"":3,"10":1,"2":2},"\uFB01":2,"\u{1F600}":1}',
    );
  });

  it('leaves undefined members out and writes null for what JSON can not express', () => {
    expect(encodeJsonText({ a: undefined, b: Number.NaN, c: [undefined, Infinity], d: -0 })).toBe(
      '{"b":null,"c":[null,null],"d":0}',
    );
    expect(encodeJsonText({ a: undefined })).toBe('{}');
  });

  it('escapes names like values', () => {
    expect(encodeJsonText({ '<"\ud800\u2028': true })).toBe(String.raw`{"\u003c\"\ufffd\u2028":true}`);
    // A backslash that is text must not be taken for an escape.
    expect(encodeJsonText(String.raw`\ud800`)).toBe(String.raw`"\\ud800"`);
    expect(encodeJsonText('\ufffd')).toBe('"\ufffd"');
  });

  it('refuses nesting that no decoded message can have', () => {
    let value: JsonValue = null;
    for (let level = 0; level < MAX_JSON_DEPTH * 3; level++) value = [value];
    expect(() => encodeMessage(value)).toThrow(expect.objectContaining({ code: 'JSON_TOO_DEEP' }));
  });

  it('is read back as the same value, is sorted, and holds nothing that must be escaped', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = encodeJsonText(value);
        expect(JSON.parse(text)).toEqual(value);
        expect(text).not.toMatch(/[<>&\u2028\u2029]/);
        expect(encodeJsonText(JSON.parse(text) as JsonValue)).toBe(text);
      }),
    );
  });

  it('never throws on strings of any code units and stays valid JSON', () => {
    const codeUnits = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 });
    fc.assert(
      fc.property(codeUnits, (units) => {
        const text = String.fromCharCode(...units);
        expect(JSON.parse(encodeMessage({ text }).toString())).toEqual({ text: text.toWellFormed() });
      }),
    );
  });
});

describe('decodeMessage', () => {
  const complete = vectors.read.filter(
    ({ bytes_hex, error }) => bytes_hex.length >= 8 && !/large|EOF/.test(error ?? ''),
  );

  it.each(complete)('reads: $name', ({ bytes_hex, error, message }) => {
    const decoded = decodeMessage(fromHex(bytes_hex).subarray(4));
    expect(decoded).toEqual(
      error === undefined ? { ok: true, message: message ?? {} } : { ok: false, error },
    );
  });

  // Texts of the reference decoder.
  it.each([
    ['12', 'json: cannot unmarshal number into Go value of type map[string]interface {}'],
    ['true', 'json: cannot unmarshal bool into Go value of type map[string]interface {}'],
    ['not json', "invalid character 'o' in literal null (expecting 'u')"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 2}', "invalid character '2' after object key:value pair"],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    ['{"a":1.}', "invalid character '}' after decimal point in numeric literal"],
    ['{"a":1e}', "invalid character '}' in exponent of numeric literal"],
    ['{"a":-}', "invalid character '}' in numeric literal"],
    ['-', "invalid character ' ' in numeric literal"],
    ['tru', "invalid character ' ' in literal true (expecting 'e')"],
    ['{"a":"\\x"}', "invalid character 'x' in string escape code"],
    ['{"a":"\\u12g4"}', String.raw`invalid character 'g' in \u hexadecimal character escape`],
    ['"a\nb"', String.raw`invalid character '\n' in string literal`],
    ["'", String.raw`invalid character '\'' looking for beginning of value`],
    ['{"a":1}"', `invalid character '"' after top-level value`],
    ['{"a":', 'unexpected end of JSON input'],
    ['   ', 'unexpected end of JSON input'],
  ])('explains %j', (body, error) => {
    expect(decodeMessage(Buffer.from(body))).toEqual({ ok: false, error: `json decode: ${error}` });
  });

  it('drops members called __proto__, written plainly or with escapes, at any depth', () => {
    for (const name of ['__proto__', String.raw`\u005f_proto__`, String.raw`__prot\u006f__`]) {
      const body = `{"${name}":{"type":"x"},"a":[{"${name}":1,"b":2}]}`;
      const decoded = decodeMessage(Buffer.from(body));
      expect(decoded).toEqual({ ok: true, message: { a: [{ b: 2 }] } });
      expect(decoded.ok && Object.hasOwn(decoded.message, '__proto__')).toBe(false);
      expect(decoded.ok && decoded.message['type']).toBeUndefined();
    }
    expect(({} as Record<string, unknown>)['type']).toBeUndefined();
  });

  it('keeps other names of Object.prototype as plain members', () => {
    const decoded = decodeMessage(Buffer.from('{"constructor":1,"toString":"x\\n"}'));
    expect(decoded).toEqual({ ok: true, message: { constructor: 1, toString: 'x\n' } });
  });

  it('replaces lone surrogates in values and names, and keeps pairs', () => {
    const decoded = decodeMessage(Buffer.from(String.raw`{"\udc00":["\ud83d\ude00","\ud83d"],"b":"\uD800"}`));
    expect(decoded).toEqual({ ok: true, message: { '\ufffd': ['😀', '\ufffd'], b: '\ufffd' } });
  });

  it('replaces bytes that are not UTF-8', () => {
    const body = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(decodeMessage(body)).toEqual({ ok: true, message: { a: '\ufffd' } });
  });

  it('accepts nesting up to the limit and survives any beyond it', () => {
    const nested = (levels: number): Buffer => Buffer.from(`${'['.repeat(levels)}${']'.repeat(levels)}`);
    expect(parseJson(nested(MAX_JSON_DEPTH)).ok).toBe(true);
    for (const levels of [MAX_JSON_DEPTH + 1, 10_001, 1_000_000]) {
      expect(parseJson(nested(levels))).toEqual({ ok: false, error: 'exceeded max depth' });
      expect(parseJson('['.repeat(levels))).toEqual({ ok: false, error: 'exceeded max depth' });
    }
    const deepMember = `{"a":"\\n","b":${'{"c":'.repeat(MAX_JSON_DEPTH)}1${'}'.repeat(MAX_JSON_DEPTH + 1)}`;
    expect(decodeMessage(Buffer.from(deepMember))).toEqual({
      ok: false,
      error: 'json decode: exceeded max depth',
    });
  });

  it('reads a view of a larger buffer', () => {
    const buffer = new Uint8Array(Buffer.from('xx{"a":1}yy'));
    expect(decodeMessage(buffer.subarray(2, 9))).toEqual({ ok: true, message: { a: 1 } });
  });

  it('never throws on arbitrary bytes, and refuses what JSON.parse refuses', () => {
    const jsonLike = fc.string({
      unit: fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '\\',
        'u',
        'd800',
        '1',
        '-',
        '.',
        'e',
        'true',
        'null',
        ' ',
        'é',
      ),
      maxLength: 14,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          jsonLike.map((text) => Buffer.from(text)),
          fc.uint8Array({ maxLength: 20 }),
        ),
        (body) => {
          const parsed = parseJson(body);
          let expected = true;
          try {
            JSON.parse(Buffer.from(body).toString());
          } catch {
            expected = false;
          }
          expect(parsed.ok).toBe(expected);
          if (!parsed.ok) expect(parsed.error).not.toBe('');
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('returns what was encoded', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'b', 'type', 'é'), anyJson, { noNullPrototype: true }),
        (message) => {
          expect(decodeMessage(encodeMessage(message))).toEqual({ ok: true, message });
        },
      ),
    );
  });
});
