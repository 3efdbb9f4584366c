export {
  ADDRESS_BYTES,
  BROADCAST_NODE,
  decodeAddress,
  encodeAddress,
  formatAddress,
  formatSocketAddress,
  isBroadcast,
  parseAddress,
  parseSocketAddress,
  writeAddress,
} from './address.ts';
export type { Address, SocketAddress } from './address.ts';
export {
  decodeEitherBase64,
  decodePublicKey,
  decodeSignature,
  decodeStandardBase64,
  encodeBase64,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
} from './base64.ts';
export type { DecodedPublicKey, DecodedSignature } from './base64.ts';
export {
  hasField,
  isMessage,
  readArray,
  readBool,
  readInteger,
  readNumber,
  readObject,
  readText,
  readTextList,
  readU16,
  readU32,
} from './coercion.ts';
export type { Message } from './coercion.ts';
export { HIDDEN_ERROR_TEXT, isVisible, toClientText } from './errors-visibility.ts';
export { formatGoDuration, parseGoDuration, quote } from './go-text.ts';
export type { Parsed } from './go-text.ts';
export {
  decodeMessage,
  encodeJsonText,
  encodeMessage,
  jsonKind,
  MAX_JSON_DEPTH,
  parseJson,
  RawJson,
} from './json.ts';
export type { DecodedMessage, JsonValue } from './json.ts';
export { formatRfc3339, parseRfc3339, readRfc3339, RFC3339_BYTES, writeRfc3339 } from './time-text.ts';
export {
  decodeErrorPayload,
  decodeHeartbeatOk,
  decodeLookupOk,
  decodeResolveOk,
  encodeLookupOk,
  encodeResolveOk,
  LOOKUP_PUBLIC_FLAG,
  LOOKUP_TASK_EXEC_FLAG,
  MAX_REPLY_LIST_ENTRIES,
  MAX_U16_TEXT_BYTES,
  MAX_U8_TEXT_BYTES,
  UNKNOWN_KEY_AGE,
} from './binary-replies.ts';
export type { HeartbeatOkFields, LookupOkFields, ResolveOkFields } from './binary-replies.ts';
export {
  decodeHeartbeatRequest,
  decodeLookupRequest,
  decodeResolveRequest,
  encodeHeartbeatRequest,
  encodeLookupRequest,
  encodeResolveRequest,
  heartbeatTooShortText,
  lookupTooShortText,
  resolveTooShortText,
} from './binary-requests.ts';
export type { HeartbeatRequest, LookupRequest, ResolveRequest } from './binary-requests.ts';
export { FRAME_STEP, FrameAssembler, FrameCursor } from './frame-reader.ts';
export type { AssembledFrame, FrameStep } from './frame-reader.ts';
export {
  BINARY_FRAME_TOO_SHORT,
  BINARY_HEADER_BYTES,
  binaryFrame,
  binaryFrameTooLargeText,
  classifyPreamble,
  errorFrame,
  errorFrameBytes,
  HEARTBEAT_OK_FRAME_BYTES,
  HEARTBEAT_REQUEST_BYTES,
  jsonFrame,
  KEY_EXPIRY_WARNING_FLAG,
  LENGTH_BYTES,
  LOOKUP_REQUEST_BYTES,
  MAGIC,
  MAX_ERROR_TEXT_BYTES,
  MAX_FRAME_BYTES,
  messageTooLargeText,
  OPCODE,
  PREAMBLE,
  PREAMBLE_BYTES,
  PREAMBLE_KIND,
  readU16At,
  readU32At,
  RESOLVE_REQUEST_BYTES,
  unknownOpcodeText,
  unsupportedVersionText,
  WIRE_VERSION,
  writeBinaryHeader,
  writeErrorFrame,
  writeHeartbeatOk,
  writeU16,
  writeU32,
} from './framing.ts';
export type { PreambleKind } from './framing.ts';
export { formatSource, joinHostPort, sanitiseEndpoint, splitHostPort } from './endpoint.ts';
export type { HostPort } from './endpoint.ts';
export {
  formatIp,
  isLinkLocalAddress,
  isLoopbackAddress,
  isMulticastAddress,
  isPrivateAddress,
  isPublicAddress,
  isReservedAddress,
  isSharedAddress,
  isUnspecifiedAddress,
  parseIp,
} from './ip.ts';
export type { IpAddress } from './ip.ts';
