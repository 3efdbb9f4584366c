/** Requests of the native binary opcodes (spec section 2.5): decoders for the server, encoders for tests and tools. */
import {
  binaryFrame,
  HEARTBEAT_REQUEST_BYTES,
  LOOKUP_REQUEST_BYTES,
  OPCODE,
  readU32At,
  RESOLVE_REQUEST_BYTES,
  writeU32,
} from './framing.ts';
import { SIGNATURE_BYTES } from './base64.ts';
import type { Parsed } from './go-text.ts';

/** Opcode 0x01. */
export interface HeartbeatRequest {
  readonly nodeId: number;
  /** 64 bytes; a view of the payload when decoded. */
  readonly signature: Uint8Array;
}

/** Opcode 0x02. */
export interface LookupRequest {
  readonly nodeId: number;
}

/** Opcode 0x03. The target comes first on the wire. */
export interface ResolveRequest {
  readonly nodeId: number;
  readonly requesterId: number;
  /** 64 bytes; a view of the payload when decoded. */
  readonly signature: Uint8Array;
}

/** Error text for a heartbeat payload below 68 bytes. */
export function heartbeatTooShortText(payloadBytes: number): string {
  return `heartbeat request too short: ${payloadBytes} bytes`;
}

/** Error text for a lookup payload below 4 bytes. */
export function lookupTooShortText(payloadBytes: number): string {
  return `lookup request too short: ${payloadBytes} bytes`;
}

/** Error text for a resolve payload below 72 bytes. */
export function resolveTooShortText(payloadBytes: number): string {
  return `resolve request too short: ${payloadBytes} bytes`;
}

/** Reads the payload of a heartbeat; extra bytes are ignored. */
export function decodeHeartbeatRequest(payload: Uint8Array): Parsed<HeartbeatRequest> {
  if (payload.length < HEARTBEAT_REQUEST_BYTES) {
    return { ok: false, error: heartbeatTooShortText(payload.length) };
  }
  const signature = payload.subarray(4, 4 + SIGNATURE_BYTES);
  return { ok: true, value: { nodeId: readU32At(payload, 0), signature } };
}

/** Reads the payload of a lookup; extra bytes are ignored. */
export function decodeLookupRequest(payload: Uint8Array): Parsed<LookupRequest> {
  if (payload.length < LOOKUP_REQUEST_BYTES) return { ok: false, error: lookupTooShortText(payload.length) };
  return { ok: true, value: { nodeId: readU32At(payload, 0) } };
}

/** Reads the payload of a resolve; extra bytes are ignored. */
export function decodeResolveRequest(payload: Uint8Array): Parsed<ResolveRequest> {
  if (payload.length < RESOLVE_REQUEST_BYTES) {
    return { ok: false, error: resolveTooShortText(payload.length) };
  }
  const signature = payload.subarray(8, 8 + SIGNATURE_BYTES);
  return {
    ok: true,
    value: { nodeId: readU32At(payload, 0), requesterId: readU32At(payload, 4), signature },
  };
}

/** A heartbeat frame. A short signature is padded with zeros on the right, a long one is cut. */
export function encodeHeartbeatRequest(request: HeartbeatRequest): Buffer {
  const payload = Buffer.alloc(HEARTBEAT_REQUEST_BYTES);
  payload.set(request.signature.subarray(0, SIGNATURE_BYTES), writeU32(payload, 0, request.nodeId));
  return binaryFrame(OPCODE.heartbeat, payload);
}

/** A lookup frame. */
export function encodeLookupRequest(request: LookupRequest): Buffer {
  const payload = Buffer.alloc(LOOKUP_REQUEST_BYTES);
  writeU32(payload, 0, request.nodeId);
  return binaryFrame(OPCODE.lookup, payload);
}

/** A resolve frame. A short signature is padded with zeros on the right, a long one is cut. */
export function encodeResolveRequest(request: ResolveRequest): Buffer {
  const payload = Buffer.alloc(RESOLVE_REQUEST_BYTES);
  const offset = writeU32(payload, writeU32(payload, 0, request.nodeId), request.requesterId);
  payload.set(request.signature.subarray(0, SIGNATURE_BYTES), offset);
  return binaryFrame(OPCODE.resolve, payload);
}
