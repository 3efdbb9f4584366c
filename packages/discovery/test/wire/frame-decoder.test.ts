import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameDecoder } from '../../src/wire/frame-decoder.ts';

const MAX = 65_536;

/** All values that come out of chunks, taken after each chunk. */
function decodeAll(chunks: readonly Uint8Array[], maxBytes = MAX): unknown[] {
  const decoder = new FrameDecoder();
  const values: unknown[] = [];
  const take = (): void => {
    for (let next = decoder.next(maxBytes); next !== undefined; next = decoder.next(maxBytes)) {
      values.push(next.value);
    }
  };
  for (const chunk of chunks) {
    decoder.push(chunk);
    take();
  }
  decoder.end();
  take();
  expect(decoder.bufferedBytes).toBe(0);
  return values;
}

function codeOf(bytes: string | Uint8Array, maxBytes = MAX): string {
  try {
    decodeAll([typeof bytes === 'string' ? Buffer.from(bytes) : bytes], maxBytes);
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

describe('FrameDecoder', () => {
  const values = [{ a: 'é\u{1F600}\n"\\' }, { b: [1, { c: null }] }, {}];
  const glued = Buffer.concat(values.map((value) => encodeFrame(value)));

  it('reads frames split at every byte, and at every two', () => {
    for (let first = 0; first <= glued.length; first++) {
      expect(decodeAll(split(glued, [first]))).toEqual(values);
      for (let second = first; second <= glued.length; second++) {
        expect(decodeAll(split(glued, [first, second]))).toEqual(values);
      }
    }
  });

  it('reads frames that come byte by byte', () => {
    expect(decodeAll(Array.from(glued, (byte) => Uint8Array.of(byte)))).toEqual(values);
  });

  it('keeps glued frames for later reads (F:3)', () => {
    const decoder = new FrameDecoder();
    decoder.push(glued);
    expect(decoder.next(MAX)).toEqual({ value: values[0] });
    expect(decoder.bufferedBytes).toBe(encodeFrame(values[1] as object).length + 3);
    decoder.push(encodeFrame({ late: 1 }));
    expect(decoder.next(MAX)).toEqual({ value: values[1] });
    expect(decoder.next(MAX)).toEqual({ value: values[2] });
    expect(decoder.next(MAX)).toEqual({ value: { late: 1 } });
    expect(decoder.next(MAX)).toBeUndefined();
  });

  it('takes a last value without a newline, and only when nothing more comes', () => {
    const decoder = new FrameDecoder();
    decoder.push(Buffer.from('{"a":1}'));
    expect(decoder.next(MAX)).toBeUndefined();
    decoder.end();
    expect(decoder.next(MAX)).toEqual({ value: { a: 1 } });
    expect(decoder.next(MAX)).toBeUndefined();
  });

  it('never makes a value of newlines and white space (F:62)', () => {
    expect(decodeAll([Buffer.from('\n')])).toEqual([]);
    expect(decodeAll([Buffer.from('\n\r\n \t\n{"a":1}\r\n\n\n  \n{"b":2}  \n \n')])).toEqual([
      { a: 1 },
      { b: 2 },
    ]);
  });

  it('holds nothing of white space that never ends', () => {
    const decoder = new FrameDecoder();
    for (let round = 0; round < 100; round++) {
      decoder.push(Buffer.alloc(1_000, round % 2 === 0 ? ' ' : '\n'));
      expect(decoder.next(10)).toBeUndefined();
      expect(decoder.bufferedBytes).toBe(0);
    }
  });

  it('refuses frames over the limit, whether they have ended or not', () => {
    expect(codeOf('{"a":1234}\n', 10)).toBe('ok');
    expect(codeOf('{"a":12345}\n', 10)).toBe('FRAME_TOO_LARGE');
    expect(codeOf('{"a":12345}', 10)).toBe('FRAME_TOO_LARGE');
    expect(codeOf('{"a":123456', 10)).toBe('FRAME_TOO_LARGE');
    const decoder = new FrameDecoder();
    decoder.push(Buffer.from('{"a":"long enough'));
    expect(() => decoder.next(10)).toThrow(expect.objectContaining({ code: 'FRAME_TOO_LARGE' }));
  });

  it('judges each frame by the limit of its own read', () => {
    const decoder = new FrameDecoder();
    decoder.push(Buffer.from('{"a":12345}\n{"a":1}\n'));
    expect(decoder.next(11)).toEqual({ value: { a: 12_345 } });
    expect(decoder.next(7)).toEqual({ value: { a: 1 } });
  });

  it('fails for good, and keeps nothing (F:2)', () => {
    const decoder = new FrameDecoder();
    decoder.push(Buffer.from('{"a":\n{"b":2}\n'));
    for (let round = 0; round < 3; round++) {
      expect(() => decoder.next(MAX)).toThrow(expect.objectContaining({ code: 'FRAME_MALFORMED' }));
      decoder.push(Buffer.from('{"c":3}\n'));
      expect(decoder.bufferedBytes).toBe(0);
    }
  });

  it.each([
    ['text', 'hello\n'],
    ['half a value', '{"a":\n'],
    ['two values in a line', '{}{}\n'],
    ['a newline in a text', '"a\nb"\n'],
    ['a byte order mark', '\ufeff{}\n'],
    ['a NUL byte', '\0\n'],
    ['NaN', 'NaN\n'],
    ['a comment', '{} // x\n'],
    ['invalid UTF-8', Uint8Array.of(0x22, 0xff, 0x22, 0x0a)],
    ['overlong UTF-8', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22, 0x0a)],
    ['half a surrogate in UTF-8', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22, 0x0a)],
    ['deep nesting', `${'['.repeat(33)}${']'.repeat(33)}\n`],
    ['very deep nesting that never closes', `${'{"a":'.repeat(10_000)}\n`],
  ])('calls %s malformed', (_, bytes) => {
    expect(codeOf(bytes)).toBe('FRAME_MALFORMED');
  });

  it('takes what is deep enough for any message, and brackets within texts', () => {
    const nested = `${'['.repeat(32)}${']'.repeat(32)}`;
    const text = JSON.stringify({ text: `"\\${'['.repeat(100)}` });
    expect(codeOf(`${nested}\n${text}\n`)).toBe('ok');
  });

  it('leaves huge numbers to the decoders of messages', () => {
    expect(decodeAll([Buffer.from('[1e999,-1e999,123456789012345678901234567890]\n')])).toEqual([
      [Infinity, -Infinity, Number('123456789012345678901234567890')],
    ]);
  });

  it('does not mind that the caller uses a chunk again', () => {
    const decoder = new FrameDecoder();
    const chunk = Buffer.from('{"a":1}');
    decoder.push(chunk);
    chunk.fill(0);
    decoder.push(Buffer.from('\n'));
    expect(decoder.next(MAX)).toEqual({ value: { a: 1 } });
  });

  it('reads back any values, with any white space between, cut anywhere', () => {
    const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 4 });
    const frames = fc.array(fc.tuple(fc.jsonValue({ maxDepth: 4 }), space), { maxLength: 6 });
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 12 }), fc.boolean(), (parts, cuts, isCut) => {
        let text = parts.map(([value, white]) => `${JSON.stringify(value)}\n${white}`).join('');
        if (isCut) text = text.trimEnd();
        const bytes = Buffer.from(text);
        const chunks = split(
          bytes,
          cuts.map((cut) => cut % (bytes.length + 1)),
        );
        expect(decodeAll(chunks)).toEqual(
          parts.map(([value]) => JSON.parse(JSON.stringify(value)) as unknown),
        );
      }),
    );
  });

  it('does the same for the same bytes, however they are cut', () => {
    const outcome = (chunks: readonly Uint8Array[]): unknown => {
      try {
        return decodeAll(chunks, 40);
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const bytes = fc.array(fc.constantFrom(...Buffer.from('{}[]",:1a \n\\'), 0xff, 0xc3), { maxLength: 40 });
    fc.assert(
      fc.property(bytes, fc.nat(), (content, cut) => {
        const whole = Uint8Array.from(content);
        expect(outcome(split(whole, [cut % (whole.length + 1)]))).toEqual(outcome([whole]));
      }),
    );
  });
});
