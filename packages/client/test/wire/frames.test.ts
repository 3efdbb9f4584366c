import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMessage, type Encoding, FrameReader, messageFrame } from '../../src/wire/frames.ts';
import { vectors } from '../vectors.ts';

interface Framing {
  readonly write: readonly {
    name: string;
    body_utf8: string;
    frame_hex: string;
    message?: Record<string, unknown>;
  }[];
}
interface BinaryFraming {
  readonly frame_read: readonly {
    name: string;
    bytes_hex: string;
    error?: string;
    opcode?: number;
    payload_hex?: string;
  }[];
}

const { write } = vectors<Framing>('json_framing.json');
const { frame_read } = vectors<BinaryFraming>('binary_frames.json');

type Read = readonly (readonly [number, string])[];

function readAll(encoding: Encoding, chunks: readonly Uint8Array[], maxBytes = 1 << 20): Read {
  const reader = new FrameReader(encoding, maxBytes);
  const frames: [number, string][] = [];
  for (const chunk of chunks) {
    reader.push(Buffer.from(chunk), ({ opcode, payload }) => frames.push([opcode, payload.toString('hex')]));
  }
  return frames;
}

describe('writing', () => {
  // Two rows can't come from a client in JavaScript: Go writes small exponents with two digits, and no string of ours
  // holds invalid UTF-8.
  const foreign = new Set(['numbers', 'invalid utf-8 becomes U+FFFD']);
  const comparable = write.filter(({ message, name }) => message !== undefined && !foreign.has(name));

  it.each(comparable)('$name', ({ message = {}, body_utf8, frame_hex }) => {
    expect(encodeMessage(message).toString()).toBe(body_utf8);
    expect(messageFrame('json', message).toString('hex')).toBe(frame_hex);
  });

  it('leaves out members that are undefined', () => {
    expect(encodeMessage({ b: undefined, a: 1 }).toString()).toBe('{"a":1}');
  });

  it('refuses what fits no frame', () => {
    const message = { type: 'x', v: 'y'.repeat(64 * 1024 * 1024) };
    for (const encoding of ['json', 'binary'] as const) {
      expect(() => messageFrame(encoding, message)).toThrow(
        expect.objectContaining({ code: 'REQUEST_TOO_LARGE' }),
      );
    }
  });
});

describe('reading', () => {
  it.each(frame_read)('$name', ({ bytes_hex, error, opcode, payload_hex }) => {
    const read = (): Read => readAll('binary', [Buffer.from(bytes_hex, 'hex')]);
    if (opcode !== undefined) expect(read()).toEqual([[opcode, payload_hex]]);
    else if (error === 'EOF' || error === 'unexpected EOF') expect(read()).toEqual([]);
    else expect(read).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  });

  it('gives the same frames however the bytes are cut', () => {
    const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        bodies,
        fc.array(fc.nat(20), { maxLength: 60 }),
        fc.constantFrom('json', 'binary'),
        (all, cuts, encoding) => {
          const stream = Buffer.concat(
            all.flatMap((body) => {
              const length = Buffer.alloc(4);
              length.writeUInt32BE(body.length);
              return [length, Buffer.from(body)];
            }),
          );
          const chunks: Uint8Array[] = [];
          let at = 0;
          for (const cut of cuts) {
            chunks.push(stream.subarray(at, at + cut));
            at += cut;
          }
          chunks.push(stream.subarray(at));
          expect(readAll(encoding as Encoding, chunks)).toEqual(readAll(encoding as Encoding, [stream]));
          expect(readAll(encoding as Encoding, [stream])).toHaveLength(all.length);
        },
      ),
    );
  });

  it('byte by byte', () => {
    const frame = messageFrame('binary', { type: 'lookup_ok', hostname: 'é'.repeat(300) });
    const bytes = Array.from({ length: frame.length }, (_, index) => frame.subarray(index, index + 1));
    expect(readAll('binary', bytes)).toEqual(readAll('binary', [frame]));
  });

  it('refuses a reply above the limit as soon as it is announced', () => {
    const reader = new FrameReader('json', 1024);
    expect(() => reader.push(Buffer.from('00000401', 'hex'), () => undefined)).toThrow(
      expect.objectContaining({
        code: 'REPLY_TOO_LARGE',
        details: { replyBytes: 1025, maxReplyBytes: 1024 },
      }),
    );
    expect(readAll('json', [Buffer.from('00000400', 'hex'), Buffer.alloc(1024)], 1024)).toHaveLength(1);
  });
});
