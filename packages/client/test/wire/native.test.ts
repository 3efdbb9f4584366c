import { describe, expect, it } from 'vitest';
import { binaryFrame, OPCODE } from '../../src/wire/frames.ts';
import {
  decodeError,
  decodeHeartbeatOk,
  decodeLookupOk,
  decodeResolveOk,
  encodeHeartbeat,
  encodeLookup,
  encodeResolve,
} from '../../src/wire/native.ts';
import { vectors } from '../vectors.ts';

interface FrameVector {
  readonly name: string;
  readonly opcode: number;
  readonly fields: Record<string, unknown>;
  readonly frame_hex: string;
  readonly payload_hex: string;
}
interface DecodeVector {
  readonly name: string;
  readonly decoder: string;
  readonly payload_hex: string;
  readonly error?: string;
  readonly result?: Record<string, unknown>;
}

const { frames, payload_decode } = vectors<{
  frames: readonly FrameVector[];
  payload_decode: readonly DecodeVector[];
}>('binary_frames.json');

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const keyHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Decodes a reply to the members that the vectors name. */
const DECODERS: Readonly<Record<string, (payload: Buffer) => Record<string, unknown>>> = {
  heartbeat_resp: (payload) => {
    const reply = decodeHeartbeatOk(payload);
    return { time: reply.unixSeconds, key_expiry_warning: reply.keyExpiryWarning };
  },
  lookup_resp: (payload) => {
    const reply = decodeLookupOk(payload);
    return {
      node_id: reply.nodeId,
      public: reply.public,
      task_exec: reply.taskExec,
      networks: reply.networks,
      public_key_hex: keyHex(reply.publicKey),
      hostname: reply.hostname,
      tags: reply.tags,
      real_addr: reply.realAddress,
      external_id: reply.externalId,
    };
  },
  resolve_resp: (payload) => {
    const reply = decodeResolveOk(payload);
    return {
      node_id: reply.nodeId,
      real_addr: reply.realAddress,
      lan_addrs: reply.lanAddresses,
      key_age_days: reply.keyAgeDays ?? -1,
    };
  },
  error: (payload) => ({ error: decodeError(payload) }),
};

const BY_OPCODE: Readonly<Record<number, string>> = {
  [OPCODE.heartbeatOk]: 'heartbeat_resp',
  [OPCODE.lookupOk]: 'lookup_resp',
  [OPCODE.resolveOk]: 'resolve_resp',
  [OPCODE.error]: 'error',
};

describe('replies', () => {
  const replies = frames.filter((frame) => BY_OPCODE[frame.opcode] !== undefined);

  it.each(replies)('$name', ({ opcode, fields, payload_hex }) => {
    const decode = DECODERS[BY_OPCODE[opcode] ?? ''];
    const expected = Object.fromEntries(
      Object.entries(fields).filter(([name]) => name !== 'hostname_len_in'),
    );
    expect(decode?.(hex(payload_hex))).toMatchObject(expected);
  });

  const decoded = payload_decode.filter((one) => one.decoder in DECODERS);

  it('there are vectors for each decoder', () => {
    expect(new Set(decoded.map((one) => one.decoder))).toEqual(new Set(Object.keys(DECODERS)));
  });

  it.each(decoded)('$decoder: $name $payload_hex', ({ decoder, payload_hex, error, result }) => {
    const decode = (): unknown => DECODERS[decoder]?.(hex(payload_hex));
    if (error === undefined) expect(decode()).toEqual(result);
    else expect(decode).toThrow(expect.objectContaining({ code: 'PROTOCOL', message: error }));
  });
});

describe('requests', () => {
  const frameOf = (name: string): FrameVector => {
    const found = frames.find((frame) => frame.name === name);
    if (found === undefined) throw new Error(`no vector ${name}`);
    return found;
  };

  it('heartbeat', () => {
    const { fields, frame_hex } = frameOf('heartbeat request, node 7, key A');
    const signature = Buffer.from(String(fields['signature_b64']), 'base64');
    expect(binaryFrame(OPCODE.heartbeat, encodeHeartbeat(7, signature)).toString('hex')).toBe(frame_hex);
  });

  it('heartbeat of a large id, and with a short signature', () => {
    const large = frameOf('heartbeat request, node 0xFFFFFFFE, all-zero signature');
    expect(encodeHeartbeat(0xffff_fffe, new Uint8Array(64)).toString('hex')).toBe(large.payload_hex);
    const short = frameOf('heartbeat request, short signature is zero padded');
    expect(encodeHeartbeat(1, hex('aabb')).toString('hex')).toBe(short.payload_hex);
  });

  it('lookup', () => {
    expect(encodeLookup(0x12345).toString('hex')).toBe(frameOf('lookup request').payload_hex);
  });

  it('resolve', () => {
    const { fields, payload_hex } = frameOf('resolve request: requester 7 asks for node 9');
    const signature = Buffer.from(String(fields['signature_b64']), 'base64');
    expect(encodeResolve(9, 7, signature).toString('hex')).toBe(payload_hex);
  });
});
