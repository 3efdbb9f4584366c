import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FRAME_STEP,
  FrameAssembler,
  FrameCursor,
  jsonFrame,
  MAX_FRAME_BYTES,
  MAGIC,
} from '../../src/wire/index.ts';
import { fromHex, loadVectors, splits } from './vectors.ts';

interface ReaderVectors {
  frames: { name: string; frame_hex: string }[];
  frame_read: { name: string; bytes_hex: string; error?: string }[];
}

const binary = loadVectors<ReaderVectors>('binary_frames.json');
const requests = loadVectors<{ json: { frame_hex: string }[]; binary: { frame_hex: string }[] }>(
  'client_requests.json',
);
const jsonReads = loadVectors<{ read: { name: string; bytes_hex: string; error?: string }[] }>(
  'json_framing.json',
);
const frames = [...binary.frames, ...requests.json, ...requests.binary].map(({ frame_hex }) =>
  fromHex(frame_hex),
);

/** All bodies that the assembler can hand out now. */
function drain(assembler: FrameAssembler): Buffer[] {
  const bodies: Buffer[] = [];
  for (;;) {
    const next = assembler.next();
    if (next.kind !== 'frame') return bodies;
    bodies.push(next.body);
  }
}

function feed(chunks: Iterable<Uint8Array>, maxFrameBytes = MAX_FRAME_BYTES): Buffer[] {
  const assembler = new FrameAssembler(maxFrameBytes);
  const bodies: Buffer[] = [];
  for (const chunk of chunks) {
    // The receive buffer is reused in production; overwriting the chunk shows whether it was copied.
    const reused = Uint8Array.from(chunk);
    assembler.push(reused);
    reused.fill(0xee);
    bodies.push(...drain(assembler));
  }
  return bodies;
}

function scan(
  bytes: Buffer,
  maxFrameBytes = MAX_FRAME_BYTES,
): { bodies: Buffer[]; rest: number; step: number } {
  const cursor = new FrameCursor();
  const bodies: Buffer[] = [];
  for (;;) {
    const step = cursor.next(bytes, bytes.length, maxFrameBytes);
    if (step !== FRAME_STEP.frame) return { bodies, rest: bytes.length - cursor.offset, step };
    bodies.push(bytes.subarray(cursor.bodyStart, cursor.bodyEnd));
  }
}

describe('FrameAssembler', () => {
  it('yields every frame of the vectors, cut at every byte', () => {
    for (const frame of frames) {
      for (const chunks of splits(frame)) expect(feed(chunks)).toEqual([frame.subarray(4)]);
    }
  });

  it('yields glued frames, whole and byte by byte', () => {
    const glued = Buffer.concat(frames);
    const bodies = frames.map((frame) => frame.subarray(4));
    expect(feed([glued])).toEqual(bodies);
    expect(feed(Array.from(glued, (byte) => Uint8Array.of(byte)))).toEqual(bodies);
  });

  it('equals scanning in one go for any chunks, any lengths and any rest', () => {
    const body = fc.uint8Array({ maxLength: 600 });
    fc.assert(
      fc.property(
        fc.array(body, { maxLength: 12 }),
        fc.uint8Array({ maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 8 }),
        (bodies, rest, sizes) => {
          const stream = Buffer.concat([...bodies.map(jsonFrame), rest]);
          const chunks: Buffer[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const size = sizes[turn % sizes.length] ?? 1;
            chunks.push(stream.subarray(at, at + size));
            at += size;
          }
          const expected = scan(stream, 600);
          expect(feed(chunks, 600)).toEqual(expected.bodies);
          expect(expected.bodies.slice(0, bodies.length)).toEqual(bodies.map((bytes) => Buffer.from(bytes)));
        },
      ),
    );
  });

  it('hands out frames that later bytes do not change', () => {
    const assembler = new FrameAssembler(100);
    assembler.push(Buffer.concat([jsonFrame(Buffer.from('first')), Buffer.from([0])]));
    const [first] = drain(assembler);
    assembler.push(Buffer.concat([Buffer.from([0, 0, 6]), Buffer.from('second')]));
    const [second] = drain(assembler);
    for (let turn = 0; turn < 5; turn++) assembler.push(jsonFrame(Buffer.alloc(40, 0xee)));
    expect([first?.toString(), second?.toString()]).toEqual(['first', 'second']);
  });

  it('holds memory for bytes that arrived, not for bytes that were announced', () => {
    const assembler = new FrameAssembler(MAX_FRAME_BYTES);
    assembler.push(fromHex('04000000'));
    expect(assembler.next()).toEqual({ kind: 'incomplete' });
    let arrived = 4;
    for (let turn = 0; turn < 300; turn++) {
      assembler.push(Buffer.alloc(1 + turn * 3));
      arrived += 1 + turn * 3;
      expect(assembler.next()).toEqual({ kind: 'incomplete' });
      expect(assembler.capacityBytes).toBeLessThanOrEqual(Math.max(256, 2 * arrived));
      expect(assembler.pendingBytes).toBe(arrived);
    }
  });

  it('does not grow while small frames pass through with a part of the next one behind them', () => {
    const assembler = new FrameAssembler(1000);
    const stream = Buffer.concat(Array.from({ length: 2000 }, () => jsonFrame(Buffer.alloc(20))));
    let count = 0;
    for (let at = 0; at < stream.length; at += 37) {
      assembler.push(stream.subarray(at, at + 37));
      count += drain(assembler).length;
      expect(assembler.capacityBytes).toBeLessThanOrEqual(512);
    }
    expect(count).toBe(2000);
    expect(assembler.isBetweenFrames).toBe(true);
    expect(assembler.capacityBytes).toBe(0);
  });

  it('follows a limit that changes', () => {
    const assembler = new FrameAssembler(10);
    const frame = jsonFrame(Buffer.alloc(20));
    assembler.maxFrameBytes = 20;
    assembler.push(Buffer.concat([frame, frame]));
    expect(assembler.next().kind).toBe('frame');
    assembler.maxFrameBytes = 19;
    expect(assembler.maxFrameBytes).toBe(19);
    expect(assembler.next()).toEqual({ kind: 'too-large', bytes: 20, maxBytes: 19 });
  });

  it('refuses a length above the limit at once, for good, and lets the bytes go', () => {
    const assembler = new FrameAssembler(MAX_FRAME_BYTES);
    assembler.push(Buffer.concat([jsonFrame(Buffer.from('ok')), MAGIC, Buffer.alloc(100)]));
    expect(assembler.next()).toEqual({ kind: 'frame', body: Buffer.from('ok') });
    const refused = { kind: 'too-large', bytes: 1_346_980_948, maxBytes: MAX_FRAME_BYTES };
    expect(assembler.next()).toEqual(refused);
    assembler.push(jsonFrame(Buffer.from('{}')));
    expect(assembler.next()).toEqual(refused);
    expect(assembler.capacityBytes).toBe(0);
  });

  it.each([...binary.frame_read, ...jsonReads.read])(
    'reacts to: $name ($bytes_hex)',
    ({ bytes_hex, error }) => {
      const assembler = new FrameAssembler(MAX_FRAME_BYTES);
      assembler.push(fromHex(bytes_hex));
      const next = assembler.next();
      if (error?.includes('too large') === true) {
        const bytes = Number(/(\d+) bytes/.exec(error)?.[1]);
        expect(next).toEqual({ kind: 'too-large', bytes, maxBytes: MAX_FRAME_BYTES });
      } else if (error === 'EOF' || error === 'unexpected EOF') {
        expect(next).toEqual({ kind: 'incomplete' });
        expect(assembler.isBetweenFrames).toBe(error === 'EOF');
      } else {
        const bodyBytes = fromHex(bytes_hex).readUInt32BE(0);
        expect(next).toEqual({ kind: 'frame', body: fromHex(bytes_hex).subarray(4, 4 + bodyBytes) });
      }
    },
  );
});

describe('FrameCursor', () => {
  it('looks only between its offset and the end', () => {
    const cursor = new FrameCursor();
    const buffer = fromHex('ffff00000003616263000000016400');
    cursor.offset = 2;
    expect(cursor.next(buffer, 8, 100)).toBe(FRAME_STEP.incomplete);
    expect(cursor.offset).toBe(2);
    expect(cursor.next(buffer, 14, 100)).toBe(FRAME_STEP.frame);
    expect([cursor.bodyStart, cursor.bodyEnd, cursor.offset]).toEqual([6, 9, 9]);
    expect(cursor.next(buffer, 12, 100)).toBe(FRAME_STEP.incomplete);
    expect(cursor.next(buffer, 14, 100)).toBe(FRAME_STEP.frame);
    expect(buffer.subarray(cursor.bodyStart, cursor.bodyEnd).toString()).toBe('d');
    expect(cursor.next(buffer, 14, 100)).toBe(FRAME_STEP.incomplete);
  });

  it('reports what was announced when it is too much, and stays where it is', () => {
    const cursor = new FrameCursor();
    expect(cursor.next(fromHex('ffffffff'), 4, MAX_FRAME_BYTES)).toBe(FRAME_STEP.tooLarge);
    expect([cursor.announcedBytes, cursor.offset]).toEqual([0xffffffff, 0]);
  });
});
