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
