import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  binaryFrame,
  binaryFrameTooLargeText,
  classifyPreamble,
  decodeErrorPayload,
  errorFrame,
  errorFrameBytes,
  HEARTBEAT_OK_FRAME_BYTES,
  jsonFrame,
  KEY_EXPIRY_WARNING_FLAG,
  MAX_ERROR_TEXT_BYTES,
  MAX_FRAME_BYTES,
  messageTooLargeText,
  OPCODE,
  PREAMBLE,
  PREAMBLE_KIND,
  readU16At,
  readU32At,
  unknownOpcodeText,
  unsupportedVersionText,
  writeErrorFrame,
  writeHeartbeatOk,
  writeU16,
  writeU32,
} from '../../src/wire/index.ts';
import { fromHex, loadVectors } from './vectors.ts';

interface FrameVectors {
  preamble_hex: string;
  max_message: number;
  error_cut: { input_len: number; decoded_len: number; payload_len: number; first_two_bytes_hex: string };
  frames: {
    name: string;
    opcode: number;
    payload_hex: string;
    frame_hex: string;
    fields: { time?: number; key_expiry_warning?: boolean; error?: string; json?: string };
  }[];
}

const vectors = loadVectors<FrameVectors>('binary_frames.json');
const CANARY = 0xee;

describe('frames', () => {
  it.each(vectors.frames)('wraps the payload of: $name', ({ opcode, payload_hex, frame_hex }) => {
    expect(binaryFrame(opcode, fromHex(payload_hex)).toString('hex')).toBe(frame_hex);
  });

  it.each(vectors.frames.filter((frame) => frame.opcode === OPCODE.heartbeatOk))(
    'writes in place: $name',
    ({ fields, frame_hex }) => {
      const target = new Uint8Array(HEARTBEAT_OK_FRAME_BYTES + 4).fill(CANARY);
      const flags = fields.key_expiry_warning === true ? KEY_EXPIRY_WARNING_FLAG : 0;
      expect(writeHeartbeatOk(target, 2, fields.time ?? 0, flags)).toBe(2 + HEARTBEAT_OK_FRAME_BYTES);
      expect(Buffer.from(target).toString('hex')).toBe(`eeee${frame_hex}eeee`);
    },
  );

  it.each(vectors.frames.filter((frame) => frame.opcode === OPCODE.error))(
    'writes in place: $name',
    ({ fields, frame_hex }) => {
      const text = fields.error ?? '';
      const target = Buffer.alloc(errorFrameBytes(text) + 4, CANARY);
      expect(writeErrorFrame(target, 2, text)).toBe(target.length - 2);
      expect(target.toString('hex')).toBe(`eeee${frame_hex}eeee`);
      expect(errorFrame(text).toString('hex')).toBe(frame_hex);
    },
  );

  it.each(vectors.frames.filter((frame) => frame.opcode === OPCODE.jsonPassthrough))(
    'passes JSON through: $name',
    ({ fields, frame_hex }) => {
      expect(binaryFrame(OPCODE.jsonPassthrough, Buffer.from(fields.json ?? '')).toString('hex')).toBe(
        frame_hex,
      );
    },
  );

  it('cuts error texts as the vectors say', () => {
    const cut = vectors.error_cut;
    const frame = errorFrame('e'.repeat(cut.input_len));
    expect(frame.length - 5).toBe(cut.payload_len);
    expect(frame.subarray(5, 7).toString('hex')).toBe(cut.first_two_bytes_hex);
    expect(decodeErrorPayload(frame.subarray(5))).toHaveLength(cut.decoded_len);
  });

  it('cuts error texts at bytes, even inside a character, and writes nothing behind them', () => {
    for (const text of [
      'é'.repeat(40_000),
      `a${'é'.repeat(40_000)}`,
      '😀'.repeat(20_000),
      'é'.repeat(30_000),
    ]) {
      const whole = Buffer.from(text);
      const bytes = Math.min(whole.length, MAX_ERROR_TEXT_BYTES);
      const target = Buffer.alloc(errorFrameBytes(text) + 2, CANARY);
      expect(errorFrameBytes(text)).toBe(bytes + 7);
      expect(writeErrorFrame(target, 0, text)).toBe(bytes + 7);
      expect(target.subarray(7, -2).equals(whole.subarray(0, bytes))).toBe(true);
      expect(target.subarray(-2).toString('hex')).toBe('eeee');
      expect(target.readUInt32BE(0)).toBe(bytes + 3);
      expect(target.readUInt16BE(5)).toBe(bytes);
    }
  });

  it('writes what the runtime writes for any number', () => {
    fc.assert(
      fc.property(
        fc.nat(0xffffffff),
        fc.nat(0xffff),
        fc.integer({ min: 0, max: 2 ** 53 - 1 }),
        (u32, u16, time) => {
          const target = Buffer.alloc(24, CANARY);
          expect(writeU16(target, writeU32(target, 0, u32), u16)).toBe(6);
          expect([target.readUInt32BE(0), target.readUInt16BE(4)]).toEqual([u32, u16]);
          expect([readU32At(target, 0), readU16At(target, 4)]).toEqual([u32, u16]);
          writeHeartbeatOk(target, 6, time, 1);
          expect(target.readBigUInt64BE(11)).toBe(BigInt(time));
        },
      ),
    );
  });

  it('prefixes JSON bodies with their length', () => {
    expect(jsonFrame(Buffer.alloc(0)).toString('hex')).toBe('00000000');
    expect(jsonFrame(Buffer.from('{}')).toString('hex')).toBe('000000027b7d');
  });

  it('has the texts of the protocol', () => {
    expect(MAX_FRAME_BYTES).toBe(vectors.max_message);
    expect(unsupportedVersionText(2)).toBe('unsupported wire version 2');
    expect(unknownOpcodeText(0x05)).toBe('unknown message type 0x05');
    expect(unknownOpcodeText(0xab)).toBe('unknown message type 0xab');
    expect(messageTooLargeText(67_108_865)).toBe('message too large: 67108865 bytes (max 67108864)');
    expect(binaryFrameTooLargeText(67_108_865)).toBe('binary frame too large: 67108865 bytes (max 67108864)');
  });
});

describe('preamble', () => {
  const classify = (hex: string): number => classifyPreamble(fromHex(hex), 0, hex.length / 2);

  it('recognises the preamble of the vectors only when it is complete', () => {
    expect(PREAMBLE.toString('hex')).toBe(vectors.preamble_hex);
    for (let length = 0; length < 5; length++) {
      expect(classify(vectors.preamble_hex.slice(0, length * 2))).toBe(PREAMBLE_KIND.incomplete);
    }
    expect(classify(vectors.preamble_hex)).toBe(PREAMBLE_KIND.binary);
    expect(classify(`${vectors.preamble_hex}00`)).toBe(PREAMBLE_KIND.binary);
  });

  it('tells other versions and JSON apart, and looks between its bounds only', () => {
    expect(classify('50494c5402')).toBe(PREAMBLE_KIND.unsupportedVersion);
    expect(classify('50494c5400')).toBe(PREAMBLE_KIND.unsupportedVersion);
    expect(classify('50494c55')).toBe(PREAMBLE_KIND.json);
    expect(classify('00000002')).toBe(PREAMBLE_KIND.json);
    expect(classify('000000')).toBe(PREAMBLE_KIND.incomplete);
    const shifted = fromHex(`ff${vectors.preamble_hex}`);
    expect(classifyPreamble(shifted, 1, 6)).toBe(PREAMBLE_KIND.binary);
    expect(classifyPreamble(shifted, 1, 5)).toBe(PREAMBLE_KIND.incomplete);
  });
});
