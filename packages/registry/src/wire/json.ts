/**
 * JSON messages (spec sections 1.5 and 2.3): the encoder writes what the original writes, byte for byte; the decoder
 * accepts what it accepts.
 *
 * What a decoded message guarantees to the code behind it: every string is well-formed Unicode, no object has a
 * member `__proto__`, and nesting is at most {@link MAX_JSON_DEPTH}, so recursive walks are safe.
 */
import { isMessage } from './coercion.ts';
import type { Message } from './coercion.ts';
import type { Parsed } from './go-text.ts';
import { DEPTH_ERROR, explainJsonError } from './json-syntax.ts';
import { wireErrors } from './wire-errors.ts';

/**
 * Deepest nesting of arrays and objects that is accepted. The original stops at 10,000; no request of a client goes
 * past 10, and a recursive function over 10,000 levels would exhaust the call stack.
 */
export const MAX_JSON_DEPTH = 1000;

/** JSON that is already encoded; it is embedded verbatim. */
export class RawJson {
  readonly content: string | Uint8Array;

  constructor(content: string | Uint8Array) {
    this.content = content;
  }
}

/** What the encoder takes. Members that are undefined are left out; undefined array elements become `null`. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | RawJson
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** Embeddings may add some levels to a decoded value; anything deeper is a mistake of the caller. */
const MAX_ENCODED_DEPTH = MAX_JSON_DEPTH + 100;

const ESCAPED_LATER = /[<>&\u2028\u2029]/;
const ESCAPED_LATER_ALL = /[<>&\u2028\u2029]/g;
const LONE_SURROGATE = /\p{Surrogate}/u;
const LONE_SURROGATE_ALL = /\p{Surrogate}/gu;
const HIGH_CODE_UNIT = /[\ud800-\uffff]/;

/**
 * Encodes a message: members in ascending byte order of their names at every level, no white space, `<`, `>`, `&`,
 * U+2028 and U+2029 escaped, lone surrogates as `\ufffd`. Numbers that JSON can't express become `null`.
 *
 * @throws MusterError `JSON_TOO_DEEP` when the value nests deeper than any decoded message can.
 */
export function encodeMessage(message: JsonValue): Buffer {
  if (message instanceof RawJson) return rawBytes(message);
  const encoder = new Encoder();
  return encoder.finish(encoder.encode(message, 0));
}

/** Like {@link encodeMessage}, as text. */
export function encodeJsonText(value: JsonValue): string {
  return encodeMessage(value).toString('utf8');
}

function rawBytes(raw: RawJson): Buffer {
  const { content } = raw;
  if (typeof content === 'string') return Buffer.from(content, 'utf8');
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
}

class Encoder {
  /** Finished parts in front of the current text; there are some only when raw bytes were embedded. */
  readonly #parts: Buffer[] = [];

  finish(text: string): Buffer {
    const last = Buffer.from(text, 'utf8');
    return this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
  }

  encode(value: JsonValue, depth: number): string {
    return this.#append('', value, depth);
  }

  /** Returns `text` with the value behind it; raw bytes move everything up to their end into the parts. */
  #append(text: string, value: JsonValue, depth: number): string {
    switch (typeof value) {
      case 'string':
        return text + encodeText(value);
      case 'number':
        return text + (Number.isFinite(value) ? String(value) : 'null');
      case 'boolean':
        return text + (value ? 'true' : 'false');
      case 'undefined':
        return `${text}null`;
      default:
        if (value === null) return `${text}null`;
        if (value instanceof RawJson) return this.#appendRaw(text, value);
        if (depth > MAX_ENCODED_DEPTH) {
          throw wireErrors.create(
            'JSON_TOO_DEEP',
            `JSON value nests deeper than ${MAX_ENCODED_DEPTH} levels`,
          );
        }
        return isArray(value)
          ? this.#appendArray(text, value, depth + 1)
          : this.#appendObject(text, value, depth + 1);
    }
  }

  #appendRaw(text: string, raw: RawJson): string {
    if (typeof raw.content === 'string') return text + raw.content;
    this.#parts.push(Buffer.from(text, 'utf8'), rawBytes(raw));
    return '';
  }

  #appendArray(text: string, values: readonly JsonValue[], depth: number): string {
    let result = `${text}[`;
    for (let index = 0; index < values.length; index++) {
      if (index > 0) result += ',';
      result = this.#append(result, values[index], depth);
    }
    return `${result}]`;
  }

  #appendObject(text: string, members: { readonly [name: string]: JsonValue }, depth: number): string {
    const names = Object.keys(members);
    const plain = sortNames(names);
    let result = `${text}{`;
    let separator = '';
    for (const name of names) {
      const value = members[name];
      if (value === undefined) continue;
      const quoted = plain ? `"${name}"` : encodeText(name);
      result = this.#append(`${result}${separator}${quoted}:`, value, depth);
      separator = ',';
    }
    return `${result}}`;
  }
}

/** `Array.isArray` does not narrow readonly arrays. */
function isArray(
  value: readonly JsonValue[] | { readonly [name: string]: JsonValue },
): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/**
 * Sorts names by their UTF-8 bytes, in place; most callers write them in that order already. True when all of them
 * are plain, so that they need no escaping.
 */
function sortNames(names: string[]): boolean {
  let sorted = true;
  let plain = true;
  let previous = '';
  for (const name of names) {
    if (name < previous) sorted = false;
    if (!isPlain(name)) plain = false;
    previous = name;
  }
  if (!sorted) names.sort();
  // Code units and bytes order alike, except that surrogate pairs sort below U+E000 to U+FFFF.
  if (!plain && names.some((name) => HIGH_CODE_UNIT.test(name))) {
    names.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  }
  return plain;
}

/** Longer texts are left to the runtime's own encoder, which is faster for them. */
const MAX_PLAIN_LENGTH = 200;

/** One for each printable ASCII character that stands for itself in a JSON string. */
const PLAIN_CHARACTERS = Uint8Array.from({ length: 128 }, (_, code) =>
  code >= 0x20 && !'"\\<>&'.includes(String.fromCharCode(code)) ? 1 : 0,
);

/** True for a short text that is its own JSON form between quotes. */
function isPlain(text: string): boolean {
  if (text.length > MAX_PLAIN_LENGTH) return false;
  for (let index = 0; index < text.length; index++) {
    if (PLAIN_CHARACTERS[text.charCodeAt(index)] !== 1) return false;
  }
  return true;
}

function encodeText(text: string): string {
  if (isPlain(text)) return `"${text}"`;
  const encoded = text.isWellFormed() ? JSON.stringify(text) : encodeIllFormedText(text);
  return ESCAPED_LATER.test(encoded) ? encoded.replace(ESCAPED_LATER_ALL, escapeCodeUnit) : encoded;
}

function encodeIllFormedText(text: string): string {
  const parts = text.split(LONE_SURROGATE).map((part) => JSON.stringify(part).slice(1, -1));
  return `"${parts.join(String.raw`\ufffd`)}"`;
}

function escapeCodeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A decoded message, or the text of the error, which begins with `json decode: `. */
export type DecodedMessage =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly error: string };

/**
 * Decodes the body of a frame. `null` reads as an empty message; other values than objects, a byte-order mark, text
 * behind the object and nesting beyond {@link MAX_JSON_DEPTH} are errors. Never throws.
 */
export function decodeMessage(body: Uint8Array): DecodedMessage {
  const parsed = parseJson(body);
  if (!parsed.ok) return { ok: false, error: `json decode: ${parsed.error}` };
  const { value } = parsed;
  if (isMessage(value)) return { ok: true, message: value };
  if (value === null) return { ok: true, message: {} };
  const error = `json decode: json: cannot unmarshal ${jsonKind(value)} into Go value of type map[string]interface {}`;
  return { ok: false, error };
}

/** The name that error texts give to a decoded JSON value: `object`, `array`, `string`, `number`, `bool`, `null`. */
export function jsonKind(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** Parses JSON text or bytes under the guarantees of this module. The error is the bare text, e.g. `unexpected end of JSON input`. */
export function parseJson(source: string | Uint8Array): Parsed<unknown> {
  const text = typeof source === 'string' ? source.toWellFormed() : toText(source);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const bytes = typeof source === 'string' ? Buffer.from(text, 'utf8') : source;
    return { ok: false, error: explainJsonError(bytes, MAX_JSON_DEPTH) };
  }
  // A level takes two characters, so short texts can't nest too deeply. Lone surrogates, and names that hide behind
  // escapes, need a backslash.
  const suspicious = text.includes('\\') || text.includes('__proto__');
  if (!suspicious && text.length <= 2 * MAX_JSON_DEPTH) return { ok: true, value };
  if (!isWithinDepth(value, MAX_JSON_DEPTH)) return { ok: false, error: DEPTH_ERROR };
  return { ok: true, value: suspicious ? cleanse(value) : value };
}

/** UTF-8 to text. Unlike TextDecoder it keeps a byte-order mark, which JSON.parse then refuses. */
function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function isWithinDepth(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) return value.every((element) => isWithinDepth(element, levels - 1));
  for (const member of Object.values(value)) {
    if (!isWithinDepth(member, levels - 1)) return false;
  }
  return true;
}

/** The value with well-formed strings and names and without members called `__proto__`. */
function cleanse(value: unknown): unknown {
  if (typeof value === 'string') return replaceLoneSurrogates(value);
  if (Array.isArray(value)) return value.map(cleanse);
  if (!isMessage(value)) return value;
  const result: Message = {};
  for (const name of Object.keys(value)) {
    if (name !== '__proto__') result[replaceLoneSurrogates(name)] = cleanse(value[name]);
  }
  return result;
}

function replaceLoneSurrogates(text: string): string {
  return text.isWellFormed() ? text : text.replace(LONE_SURROGATE_ALL, '\ufffd');
}
