import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeErrorPayload,
  decodeHeartbeatOk,
  decodeHeartbeatRequest,
  decodeLookupOk,
  decodeLookupRequest,
  decodeResolveOk,
  decodeResolveRequest,
  encodeHeartbeatRequest,
  encodeLookupOk,
  encodeLookupRequest,
  encodeResolveOk,
  encodeResolveRequest,
} from '../../src/wire/index.ts';
import type { LookupOkFields, Parsed, ResolveOkFields } from '../../src/wire/index.ts';
import { fromHex, loadVectors } from './vectors.ts';

interface Fields {
  node_id: number;
  requester_id?: number;
  signature_b64?: string;
  public?: boolean;
  task_exec?: boolean;
  networks?: number[];
  public_key_hex?: string;
  hostname?: string;
  tags?: string[];
  real_addr?: string;
  external_id?: string;
  lan_addrs?: string[];
  key_age_days?: number;
}

interface MessageVectors {
  frames: { name: string; opcode: number; frame_hex: string; fields: Fields }[];
  payload_decode: { decoder: string; name: string; payload_hex: string; result?: unknown; error?: string }[];
}

const vectors = loadVectors<MessageVectors>('binary_frames.json');
const clients = loadVectors<{ binary: { client_method: string; frame_hex: string }[] }>(
  'client_requests.json',
);
const framesOf = (opcode: number): MessageVectors['frames'] =>
  vectors.frames.filter((frame) => frame.opcode === opcode);

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A decoder whose result has the names of the vectors. */
function decoder<T>(decode: (payload: Buffer) => Parsed<T>, toFields: (value: T) => unknown) {
  return (payload: Buffer): unknown => {
    const decoded = decode(payload);
    return decoded.ok ? toFields(decoded.value) : decoded.error;
  };
}

const decoders: Readonly<Record<string, (payload: Buffer) => unknown>> = {
  heartbeat_req: decoder(decodeHeartbeatRequest, ({ nodeId, signature }) => ({
    node_id: nodeId,
    signature_hex: hex(signature),
  })),
  heartbeat_resp: decoder(decodeHeartbeatOk, ({ unixSeconds, keyExpiryWarning }) => ({
    time: unixSeconds,
    key_expiry_warning: keyExpiryWarning,
  })),
  lookup_req: decoder(decodeLookupRequest, ({ nodeId }) => ({ node_id: nodeId })),
  lookup_resp: decoder(decodeLookupOk, lookupFields),
  resolve_req: decoder(decodeResolveRequest, ({ nodeId, requesterId, signature }) => ({
    node_id: nodeId,
    requester_id: requesterId,
    signature_hex: hex(signature),
  })),
  resolve_resp: decoder(decodeResolveOk, ({ nodeId, realAddr, lanAddrs, keyAgeDays }) => ({
    node_id: nodeId,
    real_addr: realAddr,
    lan_addrs: lanAddrs,
    key_age_days: keyAgeDays,
  })),
  error: (payload) => ({ error: decodeErrorPayload(payload) }),
};

function lookupFields(value: LookupOkFields): unknown {
  return {
    node_id: value.nodeId,
    public: value.public,
    task_exec: value.taskExec,
    networks: value.networks,
    public_key_hex: hex(value.publicKey),
    hostname: value.hostname,
    tags: value.tags,
    real_addr: value.realAddr,
    external_id: value.externalId,
  };
}

function lookupOf(fields: Fields): LookupOkFields {
  return {
    nodeId: fields.node_id,
    public: fields.public ?? false,
    taskExec: fields.task_exec ?? false,
    networks: fields.networks ?? [],
    publicKey: fromHex(fields.public_key_hex ?? ''),
    hostname: fields.hostname ?? '',
    tags: fields.tags ?? [],
    realAddr: fields.real_addr ?? '',
    externalId: fields.external_id ?? '',
  };
}

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const wellFormed = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: 'grapheme', maxLength }).map((text) => text.toWellFormed());
const lookupOk: fc.Arbitrary<LookupOkFields> = fc.record({
  nodeId: u32,
  public: fc.boolean(),
  taskExec: fc.boolean(),
  networks: fc.array(fc.nat(0xffff), { maxLength: 20 }),
  publicKey: fc.uint8Array({ maxLength: 32 }),
  hostname: wellFormed(10),
  tags: fc.array(wellFormed(10), { maxLength: 10 }),
  realAddr: wellFormed(20),
  externalId: wellFormed(10),
});
const resolveOk: fc.Arbitrary<ResolveOkFields> = fc.record({
  nodeId: u32,
  realAddr: wellFormed(20),
  lanAddrs: fc.array(wellFormed(20), { maxLength: 20 }),
  keyAgeDays: fc.integer({ min: -1, max: 100_000 }),
});

describe('payloads of the vectors', () => {
  it.each(vectors.payload_decode)('$decoder: $name $payload_hex', (vector) => {
    const decode = decoders[vector.decoder];
    expect(decode?.(fromHex(vector.payload_hex))).toEqual(vector.error ?? vector.result);
  });
});

describe('requests', () => {
  it.each(framesOf(0x01))('encodes: $name', ({ name, fields, frame_hex }) => {
    const signature = name.includes('short')
      ? fromHex('aabb')
      : Buffer.from(fields.signature_b64 ?? '', 'base64');
    expect(hex(encodeHeartbeatRequest({ nodeId: fields.node_id, signature }))).toBe(frame_hex);
  });

  it.each(framesOf(0x02))('encodes: $name', ({ fields, frame_hex }) => {
    expect(hex(encodeLookupRequest({ nodeId: fields.node_id }))).toBe(frame_hex);
  });

  it.each(framesOf(0x03))('encodes: $name', ({ fields, frame_hex }) => {
    const signature = Buffer.from(fields.signature_b64 ?? '', 'base64');
    const request = { nodeId: fields.node_id, requesterId: fields.requester_id ?? 0, signature };
    expect(hex(encodeResolveRequest(request))).toBe(frame_hex);
  });

  it.each(clients.binary)(
    'reads what the client sends for $client_method',
    ({ client_method, frame_hex }) => {
      const frame = fromHex(frame_hex);
      const payload = frame.subarray(5);
      const again = {
        1: () => reencode(decodeHeartbeatRequest(payload), encodeHeartbeatRequest),
        2: () => reencode(decodeLookupRequest(payload), encodeLookupRequest),
        3: () => reencode(decodeResolveRequest(payload), encodeResolveRequest),
      }[frame[4] ?? 0];
      if (again === undefined) expect(client_method).toMatch(/^SendJSON/);
      else expect(again()).toBe(frame_hex);
    },
  );

  it('cuts a signature that is too long', () => {
    const frame = encodeHeartbeatRequest({ nodeId: 1, signature: new Uint8Array(80).fill(9) });
    expect(frame).toHaveLength(73);
  });

  it('returns what was encoded', () => {
    const signature = fc.uint8Array({ minLength: 64, maxLength: 64 });
    fc.assert(
      fc.property(u32, u32, signature, (nodeId, requesterId, bytes) => {
        const request = { nodeId, requesterId, signature: Buffer.from(bytes) };
        expect(decodeResolveRequest(encodeResolveRequest(request).subarray(5))).toEqual({
          ok: true,
          value: request,
        });
        const heartbeat = { nodeId, signature: Buffer.from(bytes) };
        expect(decodeHeartbeatRequest(encodeHeartbeatRequest(heartbeat).subarray(5))).toEqual({
          ok: true,
          value: heartbeat,
        });
      }),
    );
  });
});

function reencode<T>(decoded: Parsed<T>, encode: (value: T) => Buffer): string {
  return decoded.ok ? hex(encode(decoded.value)) : decoded.error;
}

describe('replies', () => {
  it.each(framesOf(0x82))('encodes: $name', ({ fields, frame_hex }) => {
    expect(hex(encodeLookupOk(lookupOf(fields)))).toBe(frame_hex);
  });

  it.each(framesOf(0x83))('encodes: $name', ({ fields, frame_hex }) => {
    const reply = {
      nodeId: fields.node_id,
      realAddr: fields.real_addr ?? '',
      lanAddrs: fields.lan_addrs ?? [],
      keyAgeDays: fields.key_age_days ?? -1,
    };
    expect(hex(encodeResolveOk(reply))).toBe(frame_hex);
  });

  it('returns what was encoded', () => {
    fc.assert(
      fc.property(lookupOk, (fields) => {
        const decoded = decodeLookupOk(encodeLookupOk(fields).subarray(5));
        expect(decoded).toEqual({ ok: true, value: { ...fields, publicKey: Buffer.from(fields.publicKey) } });
      }),
    );
    fc.assert(
      fc.property(resolveOk, (fields) => {
        expect(decodeResolveOk(encodeResolveOk(fields).subarray(5))).toEqual({ ok: true, value: fields });
      }),
    );
  });

  it('cuts what the client would refuse or a length can not express', () => {
    const lookup = lookupOf({
      node_id: 1,
      networks: Array.from({ length: 1500 }, (_, index) => index),
      tags: Array.from({ length: 300 }, () => 't'),
      hostname: `x${'é'.repeat(200)}`,
      real_addr: 'r'.repeat(70_000),
      external_id: 'e'.repeat(256),
    });
    const decoded = decodeLookupOk(encodeLookupOk(lookup).subarray(5));
    expect(decoded).toMatchObject({ ok: true });
    if (!decoded.ok) return;
    expect(decoded.value.networks).toEqual(lookup.networks.slice(0, 1024));
    expect(decoded.value.tags).toHaveLength(255);
    expect(decoded.value.hostname).toBe(`x${'é'.repeat(127)}`);
    expect(decoded.value.realAddr).toHaveLength(65_535);
    expect(decoded.value.externalId).toHaveLength(255);
    const lanAddrs = Array.from({ length: 1030 }, () => '10.0.0.1:1');
    const resolved = decodeResolveOk(
      encodeResolveOk({ nodeId: 1, realAddr: '', lanAddrs, keyAgeDays: 0 }).subarray(5),
    );
    expect(resolved.ok && resolved.value.lanAddrs.length).toBe(1024);
  });

  it('refuses every proper prefix and never throws on arbitrary payloads', () => {
    fc.assert(
      fc.property(lookupOk, resolveOk, fc.double({ min: 0, max: 0.999 }), (lookup, resolve, share) => {
        const lookupPayload = encodeLookupOk(lookup).subarray(5);
        const resolvePayload = encodeResolveOk(resolve).subarray(5);
        expect(decodeLookupOk(lookupPayload.subarray(0, lookupPayload.length * share)).ok).toBe(false);
        expect(decodeResolveOk(resolvePayload.subarray(0, resolvePayload.length * share)).ok).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (payload) => {
        for (const decode of Object.values(decoders)) expect(decode(Buffer.from(payload))).toBeDefined();
      }),
    );
  });
});
