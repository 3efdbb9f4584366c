import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SseEvent, SseParser } from '../../page/model/sse-parser.ts';

function parse(pieces: readonly string[]): readonly SseEvent[] {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.feed(piece));
}

describe('SseParser', () => {
  it('reads events, ids, several lines of data, and passes over comments', () => {
    const text =
      ': heartbeat\n\nevent: snapshot\nid: 7\ndata: {"a":\ndata: 1}\n\ndata:x\n\nevent: nothing\n\n';
    expect(parse([text])).toEqual([
      { type: 'snapshot', data: '{"a":\n1}', id: '7' },
      { type: 'message', data: 'x', id: '7' },
    ]);
  });

  it('reads all three ends of lines, also across pieces', () => {
    expect(parse(['data: a\r', '\n\r\ndata: b\r\rdata: c\n\n'])).toEqual(
      ['a', 'b', 'c'].map((data) => ({ type: 'message', data, id: undefined })),
    );
  });

  it('does not mind how the stream is cut', () => {
    const text = 'event: delta\r\nid: 1\r\ndata: {"x":"ü"}\r\n\r\n:\n\ndata: two\n\ndata: three\r\r';
    const whole = parse([text]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        const pieces = at.slice(1).map((end, index) => text.slice(at[index], end));
        expect(parse(pieces)).toEqual(whole);
      }),
    );
  });

  it('refuses an event that never ends', () => {
    const line = new SseParser(1_000);
    expect(() => {
      for (let i = 0; i < 100; i++) line.feed('x'.repeat(50));
    }).toThrow(RangeError);
    const lines = new SseParser(1_000);
    expect(() => {
      for (let i = 0; i < 100; i++) lines.feed(`data: ${'x'.repeat(50)}\n`);
    }).toThrow(RangeError);
  });
});
