import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeFrame, FrameReader, MAX_MESSAGE_BYTES } from '../../src/wire/frame.ts';
import { loadVectors } from '../support/vectors.ts';
import type { EnvelopeVectors } from '../support/wire-json.ts';

const vectors = loadVectors<EnvelopeVectors>('envelope');
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

function reasonOf(input: Uint8Array): string | undefined {
  try {
    new FrameReader().push(input);
    return undefined;
  } catch (error) {
    return (error as { details: { reason: string } }).details.reason;
  }
}

describe('frames', () => {
  it.each(vectors.canonical)('reads $name, split and glued at every byte', ({ frame_hex, envelope_hex }) => {
    const frame = bytes(frame_hex);
    const glued = Buffer.concat([frame, frame]);
    for (let at = 0; at <= Math.min(frame.length, 600); at += 1) {
      const reader = new FrameReader();
      const first = reader.push(frame.subarray(0, at));
      const payload = first ?? reader.push(glued.subarray(at));
      expect(Buffer.from(payload ?? []).toString('hex')).toBe(envelope_hex);
    }
  });

  it('reads byte by byte', () => {
    const payload = new Uint8Array(20_000).map((_, index) => index & 0xff);
    const frame = encodeFrame(payload);
    const reader = new FrameReader();
    let result: Uint8Array | undefined;
    for (let at = 0; at < frame.length; at += 1) result = reader.push(frame.subarray(at, at + 1));
    expect(result).toEqual(payload);
  });

  it('knows prefixes of every length and refuses what is too long for the protocol', () => {
    fc.assert(
      fc.property(fc.nat({ max: MAX_MESSAGE_BYTES }), (length) => {
        const frame = encodeFrame(new Uint8Array(length));
        return new FrameReader().push(frame)?.length === length;
      }),
      { numRuns: 50 },
    );
    expect(() => encodeFrame(new Uint8Array(MAX_MESSAGE_BYTES + 1))).toThrow(RangeError);
  });

  it.each([
    ['8000', 'bad_frame_prefix'],
    ['83000a0100', 'bad_frame_prefix'],
    ['80808080808000', 'bad_frame_prefix'],
    ['ffffffffffffffffff01', 'bad_frame_prefix'],
    ['ffffffffffffffff80', 'bad_frame_prefix'],
    ['818040', 'too_large'],
    ['808080808080808040', 'too_large'],
    ['808040', undefined],
    ['80', undefined],
  ])('says of the prefix %s: %s', (prefix, reason) => {
    expect(reasonOf(bytes(prefix))).toBe(reason);
  });

  it.each(vectors.size_boundary)('is at the boundary: $envelope_length', (vector) => {
    const envelope = encodeEnvelope({
      type: 'please_pull_request',
      message: {
        digests: [],
        upstreamRegistry: 'a'.repeat(vector.envelope_length - 11),
        repository: 'r',
        kind: 0,
      },
    });
    expect(envelope.length).toBe(vector.envelope_length);
    const frame = Buffer.concat([bytes(vector.prefix_hex), envelope]);
    expect(createHash('sha256').update(frame).digest('hex')).toBe(vector.frame_sha256);
    expect(reasonOf(frame)).toBe(vector.accepted ? undefined : 'too_large');
    if (vector.accepted) expect(Buffer.from(encodeFrame(envelope)).equals(frame)).toBe(true);
  });

  it('takes any bytes for a frame, for a part of one, or for a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat({ max: 64 }), (input, at) => {
        const whole = reasonOf(input);
        let split: string | undefined;
        try {
          const reader = new FrameReader();
          if (reader.push(input.subarray(0, at)) === undefined) reader.push(input.subarray(at));
        } catch (error) {
          split = (error as { details: { reason: string } }).details.reason;
        }
        return whole === split;
      }),
      { numRuns: 2_000 },
    );
  });
});
