import { originalErrors } from './errors.ts';
import { encodeJson, quoteText } from './json-text.ts';
import type { JsonStyle } from './json-text.ts';
import { decodeOriginalKey, encodeOriginalKey, sameKey } from './keys.ts';
import { isWholeUtcSecond, rfc3339ToUnixMs, unixMsToRfc3339, zeroTimeText } from './rfc3339.ts';
import type { JsonValue, Kept } from './types.ts';
import type { OriginalWarnings } from './warnings.ts';

/*
 * One table per object of the format says its members in the order in which the original writes them, their types and
 * when they are left out. Reading and writing both follow the table, so they can't drift apart.
 */

/** What a reader of a member needs: where it is, and where to put warnings. */
export interface ReadContext {
  readonly warnings: OriginalWarnings;
  /** Names of unknown members that were already reported, as a pattern such as `nodes.*.polo_score`. */
  readonly reportedUnknown: Set<string>;
}

/** What a writer of a member needs. */
export interface WriteContext {
  readonly style: JsonStyle;
  /** Told of everything that is not written. */
  leftOut(pattern: string, example: string, reason: 'unknown-member' | 'unrepresentable'): void;
}

/** One member of an object of the format. */
export interface Field<T> {
  readonly json: string;
  /** Takes the value (never null) into the target; throws ORIGINAL_SNAPSHOT_SHAPE. */
  read(target: T, value: JsonValue, path: string, context: ReadContext): void;
  /** The member's value as JSON text; `undefined` = the member is omitted. */
  write(source: T, path: string, context: WriteContext): string | undefined;
}

/** An object of the format. */
export interface Codec<T extends Kept> {
  readonly create: () => T;
  readonly fields: readonly Field<T>[];
  readonly byName: ReadonlyMap<string, Field<T>>;
}

/** Makes a codec from its table. */
export function codec<T extends Kept>(create: () => T, fields: readonly Field<T>[]): Codec<T> {
  return { create, fields, byName: new Map(fields.map((field) => [field.json, field])) };
}

/** `always`: written even when empty; `omit`: left out when zero, false or empty. */
export type Presence = 'always' | 'omit';

/** The members of T whose type is exactly V. */
export type MembersOf<T, V> = {
  [K in keyof T]-?: [T[K]] extends [V] ? ([V] extends [T[K]] ? K : never) : never;
}[keyof T];

/** Reads a member by name. */
export function get<T, V>(source: T, member: MembersOf<T, V>): V {
  return source[member] as V;
}

/** Sets a member by name. */
export function set<T, V>(target: T, member: MembersOf<T, V>, value: V): void {
  target[member] = value as T[MembersOf<T, V>];
}

/** The path of a member. */
export function at(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** Refuses a value: its type or range can't be. */
export function shapeError(path: string, expected: string): never {
  throw originalErrors.create('ORIGINAL_SNAPSHOT_SHAPE', `snapshot: ${path} must be ${expected}`, {
    details: { path, expected },
  });
}

/*
 * As in the original, null reads as the zero value of whatever is expected.
 */

/** A JSON object as a list of its own members. */
export function membersOf(value: JsonValue, path: string): [string, JsonValue][] {
  if (value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) return shapeError(path, 'an object');
  return Object.entries(value);
}

/** A JSON array. */
export function itemsOf(value: JsonValue, path: string): readonly JsonValue[] {
  if (value === null) return [];
  return Array.isArray(value) ? value : shapeError(path, 'an array');
}

/** A whole number from 0, or from `-max` when negative ones are allowed, to `max`. */
export function integerOf(value: JsonValue, path: string, max: number, min = 0): number {
  if (value === null) return 0;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    return shapeError(path, `a whole number from ${min} to ${max}`);
  }
  // A minus sign on zero would be written back as "0" by one path and as "-0" by another.
  return value === 0 ? 0 : value;
}

export function textOf(value: JsonValue, path: string): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : shapeError(path, 'text');
}

/** Reads one object; unknown members are kept and reported once per place and name. */
export function readObject<T extends Kept>(
  codec: Codec<T>,
  value: JsonValue,
  path: string,
  context: ReadContext,
): T {
  const target = codec.create();
  for (const [name, member] of membersOf(value, path)) readMember(codec, target, name, member, path, context);
  return target;
}

/** Reads one member of an object into it. */
export function readMember<T extends Kept>(
  codec: Codec<T>,
  target: T,
  name: string,
  value: JsonValue,
  path: string,
  context: ReadContext,
): void {
  const field = codec.byName.get(name);
  if (field === undefined) return keepUnknown(target, name, value, path, context);
  // As in the original, null leaves the member at its zero value; a list that is always written stays null.
  if (value === null) keepAsWritten(target, name, null);
  else field.read(target, value, path, context);
}

function keepUnknown(target: Kept, name: string, value: JsonValue, path: string, context: ReadContext): void {
  target.unknown ??= new Map();
  target.unknown.set(name, value);
  const pattern = patternOf(at(path, name));
  if (context.reportedUnknown.has(pattern)) return;
  context.reportedUnknown.add(pattern);
  context.warnings.add(
    'UNKNOWN_MEMBER',
    pattern,
    `${pattern} is not a member that the format knows; it is kept`,
  );
}

/** Remembers the literal form of a member. */
export function keepAsWritten(target: Kept, name: string, value: JsonValue): void {
  target.asWritten ??= {};
  target.asWritten[name] = value;
}

/** A path with its ids and indexes replaced by `*`. */
export function patternOf(path: string): string {
  return path.replace(/\.\d+(?=\.|$)/g, '.*');
}

/** Writes one object; its unknown members are reported as left out. */
export function writeObject<T extends Kept>(
  codec: Codec<T>,
  source: T,
  path: string,
  context: WriteContext,
): string {
  let text = '';
  for (const field of codec.fields) {
    const value = field.write(source, path, context);
    if (value !== undefined) text += `${text === '' ? '{' : ','}"${field.json}":${value}`;
  }
  reportUnknown(source, path, context);
  return text === '' ? '{}' : `${text}}`;
}

/** Reports the unknown members of an object as left out. */
export function reportUnknown(source: Kept, path: string, context: WriteContext): void {
  if (source.unknown === undefined) return;
  for (const name of source.unknown.keys()) {
    const full = at(path, name);
    context.leftOut(patternOf(full), full, 'unknown-member');
  }
}

/** A text member. */
export function text<T extends Kept>(
  json: string,
  member: MembersOf<T, string>,
  presence: Presence,
): Field<T> {
  return {
    json,
    read: (target, value, path) => set<T, string>(target, member, textOf(value, at(path, json))),
    write: (source, _path, { style }) => {
      const value = get<T, string>(source, member);
      return value === '' && presence === 'omit' ? undefined : quoteText(value, style);
    },
  };
}

/** A boolean member. */
export function flag<T extends Kept>(
  json: string,
  member: MembersOf<T, boolean>,
  presence: Presence,
): Field<T> {
  return {
    json,
    read: (target, value, path) => {
      if (typeof value !== 'boolean') shapeError(at(path, json), 'true or false');
      set<T, boolean>(target, member, value);
    },
    write: (source) => {
      const value = get<T, boolean>(source, member);
      return !value && presence === 'omit' ? undefined : String(value);
    },
  };
}

/** A whole number. */
export function integer<T extends Kept>(
  json: string,
  member: MembersOf<T, number>,
  presence: Presence,
  range: { readonly min?: number; readonly max?: number } = {},
): Field<T> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = range;
  return {
    json,
    read: (target, value, path) => set<T, number>(target, member, integerOf(value, at(path, json), max, min)),
    write: (source, path, context) => {
      const value = get<T, number>(source, member);
      if (!Number.isSafeInteger(value) || value < min || value > max) {
        const full = at(path, json);
        context.leftOut(patternOf(full), full, 'unrepresentable');
        return presence === 'omit' ? undefined : '0';
      }
      return value === 0 && presence === 'omit' ? undefined : String(value);
    },
  };
}

/**
 * A time as RFC 3339 text. `text`: the original keeps it as text, so unreadable text survives. `instant`: the original
 * parses it and has a fraction of a second.
 */
export function time<T extends Kept>(
  json: string,
  member: MembersOf<T, number | undefined>,
  presence: Presence,
  kind: 'text' | 'instant' = 'text',
): Field<T> {
  const precision = kind === 'text' ? 'seconds' : 'instant';
  return {
    json,
    read: (target, value, path, context) => {
      const written = textOf(value, at(path, json));
      if (written === '' && presence === 'omit') return;
      const unixMs = rfc3339ToUnixMs(written);
      set<T, number | undefined>(target, member, unixMs);
      const isUsual =
        unixMs !== undefined && (isWholeUtcSecond(written) || unixMsToRfc3339(unixMs, precision) === written);
      if (!isUsual) keepAsWritten(target, json, written);
      if (unixMs !== undefined || written === zeroTimeText) return;
      context.warnings.add('TIME_INVALID', at(path, json), `${at(path, json)} is not an RFC 3339 time`);
    },
    write: (source, path, context) => {
      const unixMs = get<T, number | undefined>(source, member);
      const written = source.asWritten?.[json];
      if (typeof written === 'string' && rfc3339ToUnixMs(written) === unixMs) {
        if (unixMs !== undefined || kind === 'text') return quoteText(written, context.style);
      }
      const value = unixMs === undefined ? undefined : unixMsToRfc3339(unixMs, precision);
      if (value !== undefined) return `"${value}"`;
      const full = at(path, json);
      if (unixMs !== undefined) context.leftOut(patternOf(full), full, 'unrepresentable');
      return presence === 'omit' ? undefined : `"${zeroTimeText}"`;
    },
  };
}

/** A time as whole unix milliseconds, omitted when unknown. */
export function unixMs<T extends Kept>(json: string, member: MembersOf<T, number | undefined>): Field<T> {
  return {
    json,
    read: (target, value, path) => {
      const read = integerOf(value, at(path, json), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER);
      set<T, number | undefined>(target, member, read === 0 ? undefined : read);
    },
    write: (source, path, context) => {
      const value = get<T, number | undefined>(source, member);
      if (value === undefined || value === 0) return undefined;
      if (Number.isSafeInteger(value)) return String(value);
      context.leftOut(patternOf(at(path, json)), at(path, json), 'unrepresentable');
      return undefined;
    },
  };
}

/** A time as whole unix seconds, omitted when unknown; RFC 3339 text and digits in quotes are read too. */
export function unixSeconds<T extends Kept>(
  json: string,
  member: MembersOf<T, number | undefined>,
): Field<T> {
  const maxSeconds = 8.64e12;
  const parse = (value: JsonValue): number | undefined => {
    if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= maxSeconds) {
      return value === 0 ? undefined : value * 1000;
    }
    if (typeof value !== 'string') return undefined;
    return /^\d{1,12}$/.test(value) ? Number(value) * 1000 : rfc3339ToUnixMs(value);
  };
  return {
    json,
    read: (target, value, path, context) => {
      if (typeof value !== 'number' && typeof value !== 'string') shapeError(at(path, json), 'unix seconds');
      const read = parse(value);
      set<T, number | undefined>(target, member, read);
      if (read === undefined ? value !== 0 : value !== read / 1000) keepAsWritten(target, json, value);
      if (read !== undefined || value === 0 || value === '') return;
      context.warnings.add('TIME_INVALID', at(path, json), `${at(path, json)} is not a time`);
    },
    write: (source, _path, { style }) => {
      const value = get<T, number | undefined>(source, member);
      const written = source.asWritten?.[json];
      if (written !== undefined && written !== null && parse(written) === value)
        return encodeJson(written, style);
      return value === undefined ? undefined : String(Math.floor(value / 1000));
    },
  };
}

/** A public key in base64; always written, `""` when there is none. */
export function publicKey<T extends Kept>(
  json: string,
  member: MembersOf<T, Uint8Array | undefined>,
): Field<T> {
  return {
    json,
    read: (target, value, path, context) => {
      const written = textOf(value, at(path, json));
      const key = decodeOriginalKey(written);
      set<T, Uint8Array | undefined>(target, member, key);
      if (written !== '' && (key === undefined || encodeOriginalKey(key) !== written)) {
        keepAsWritten(target, json, written);
      }
      if (key !== undefined || written === '') return;
      context.warnings.add(
        'NODE_KEY_INVALID',
        at(path, json),
        `${at(path, json)} is not an Ed25519 public key`,
      );
    },
    write: (source, _path, { style }) => {
      const key = get<T, Uint8Array | undefined>(source, member);
      const written = source.asWritten?.[json];
      if (typeof written === 'string' && sameKey(decodeOriginalKey(written), key)) {
        return quoteText(written, style);
      }
      return key === undefined ? '""' : `"${encodeOriginalKey(key)}"`;
    },
  };
}
