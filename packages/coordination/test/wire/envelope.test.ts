import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEnvelope, encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { intentOfWire, kindOfWire, resultOfWire } from '../../src/wire/messages.ts';
import { loadVectors } from '../support/vectors.ts';
import { envelopeOfJson, type EnvelopeVectors } from '../support/wire-json.ts';

const vectors = loadVectors<EnvelopeVectors>('envelope');

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex');

describe('envelopes of the vectors', () => {
  it.each(vectors.canonical)('canonical: $name', ({ message, envelope_hex, frame_hex }) => {
    const envelope = envelopeOfJson(message);
    expect(hex(encodeEnvelope(envelope))).toBe(envelope_hex);
    expect(hex(encodeFrame(encodeEnvelope(envelope)))).toBe(frame_hex);
    expect(decodeEnvelope(bytes(envelope_hex))).toEqual(envelope);
  });

  it.each(vectors.tolerated_on_receive)('tolerated: $name', ({ envelope_hex, decodes_to }) => {
    expect(decodeEnvelope(bytes(envelope_hex))).toEqual(envelopeOfJson(decodes_to));
  });

  it.each(vectors.extension_fields)('extension: $name', ({ base_message, extension, envelope_hex }) => {
    const envelope = envelopeOfJson(base_message, extension);
    expect(hex(encodeEnvelope(envelope))).toBe(envelope_hex);
    expect(decodeEnvelope(bytes(envelope_hex))).toEqual(envelope);
  });

  it('keeps nothing of the delegated credential of 1.1.0', () => {
    const vector = vectors.tolerated_on_receive.find(({ name }) => name.includes('credential'));
    const decoded = decodeEnvelope(bytes(vector?.envelope_hex ?? ''));
    expect(JSON.stringify(decoded)).not.toMatch(/bearer|example-token/i);
  });
});

describe('what numbers mean', () => {
  const intent = (fields: Record<string, unknown>) => {
    const envelope = envelopeOfJson({ pull_intent_response: fields });
    if (envelope.type !== 'pull_intent_response') throw new Error('not an intent');
    return intentOfWire(envelope.message);
  };

  it('takes times at or before the epoch, and beyond the year 9999, for unset', () => {
    for (const seconds of [0, -1, 253_402_300_800, 2 ** 62]) {
      expect(intent({ in_flight: true, started_at: { seconds } })).not.toHaveProperty('startedAt');
    }
    expect(intent({ in_flight: true, started_at: { seconds: 1, nanos: 999_999_999 } }).startedAt).toBe(1_999);
    expect(intent({ in_flight: true, started_at: { seconds: 1, nanos: -5 } }).startedAt).toBe(1_000);
  });

  it('maps unknown enum values', () => {
    expect(intent({ recently_failed: true, failure_class: 99 }).failureClass).toBe('');
    expect(intent({ recently_failed: true, failure_class: -1 }).failureClass).toBe('');
    expect([0, 1, 2, 3, 9, -1].map(kindOfWire)).toEqual([
      'blob',
      'blob',
      'manifest',
      'config',
      'blob',
      'blob',
    ]);
    const result = { digest: `sha256:${'a'.repeat(64)}`, startedAt: undefined, cooldownUntil: undefined };
    expect(resultOfWire({ ...result, outcome: 4, failureClass: 7 })).toEqual({
      digest: result.digest,
      outcome: 'unspecified',
      failureClass: '',
    });
  });

  it('drops counts that are no safe numbers', () => {
    const envelope = decodeEnvelope(bytes('120e1001a006ffffffffffffffffff01'));
    if (envelope.type !== 'pull_intent_response') throw new Error('not an intent');
    expect(intentOfWire(envelope.message)).not.toHaveProperty('progressBytes');
  });
});

describe('whatever a stranger sends', () => {
  const outcome = (input: Uint8Array): string => {
    try {
      decodeEnvelope(input);
      return 'message';
    } catch (error) {
      const { code, details } = error as { code?: string; details?: { reason?: string } };
      return `${code} ${details?.reason}`;
    }
  };
  const allowed = ['message', 'MESSAGE_MALFORMED malformed_protobuf', 'MESSAGE_MALFORMED empty_envelope'];

  it('is a message or a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => allowed.includes(outcome(input))),
      {
        numRuns: 3_000,
      },
    );
  });

  it('is a message or a coded error when a good message is damaged', () => {
    const messages = [...vectors.canonical, ...vectors.tolerated_on_receive].map(({ envelope_hex }) =>
      bytes(envelope_hex),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...messages),
        fc.nat(),
        fc.nat({ max: 255 }),
        fc.nat(),
        (good, at, byte, cut) => {
          const damaged = good.slice(0, good.length - (cut % 3));
          if (damaged.length > 0) damaged[at % damaged.length] = byte;
          return allowed.includes(outcome(damaged));
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it('survives groups nested to the limit of a message', () => {
    expect(outcome(new Uint8Array(1_048_576).fill(0x7b))).toBe('MESSAGE_MALFORMED malformed_protobuf');
  });

  it('costs no more than its bytes when a member is repeated without end', () => {
    const once = bytes('1a020a00');
    const input = new Uint8Array(1_048_576);
    for (let at = 0; at < input.length; at += once.length) input.set(once, at);
    const envelope = decodeEnvelope(input);
    expect(envelope).toMatchObject({ message: { digests: { length: 262_144 } } });
  });

  it.each([
    ['a number of more than 64 bits', '120b20ffffffffffffffffff02', 'malformed_protobuf'],
    ['the end of another group', '1202535c', 'malformed_protobuf'],
    ['a field number beyond the largest', '808080801000', 'malformed_protobuf'],
    ['a member that is no message', '0801', 'empty_envelope'],
    ['a group instead of a member', '0b0c', 'empty_envelope'],
  ])('is refused when it has %s', (_what, input, reason) => {
    expect(outcome(bytes(input))).toBe(`MESSAGE_MALFORMED ${reason}`);
  });

  it('claims no memory for lengths that are not there', () => {
    expect(outcome(bytes('0affffffff0f'))).toBe('MESSAGE_MALFORMED malformed_protobuf');
  });
});
