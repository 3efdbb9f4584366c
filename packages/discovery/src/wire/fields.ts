/**
 * Reading the fields of decoded JSON (discovery spec 7.2.6): unknown fields are ignored, missing optional ones are
 * undefined, and a wrong type of a known field is FRAME_MALFORMED. `null` stands for absence where Go would write it:
 * in place of arrays, objects and raw JSON.
 *
 * Fault model: the values come from strangers. Texts and arrays are bounded here, beyond the limit of the frame;
 * messages of errors name our field, never their content.
 */

import type { MusterError } from '@muster/core';
import { discoveryErrors } from '../errors.ts';
import { isTime } from './time.ts';

/** The object of a frame. */
export type Fields = Readonly<Record<string, unknown>>;

/** `T` with undefined allowed in place of each optional member. */
type Loose<T> = { readonly [K in keyof T]: object extends Pick<T, K> ? T[K] | undefined : T[K] };

/** The FRAME_MALFORMED error of one field. */
export function malformed(what: string, wanted: string): MusterError {
  return discoveryErrors.create('FRAME_MALFORMED', `${what} is not ${wanted}`);
}

/** The value as an object. */
export function objectOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(what, 'an object');
  return value as Fields;
}

/** The object without members that are undefined, which optional members must not be. */
export function compact<T extends object>(object: Loose<T>): T {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) if (value !== undefined) result[name] = value;
  return result as T;
}

/** A field, or undefined; what is inherited by all objects is no field. */
export function field(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** A text of at most `maxChars` UTF-16 code units. */
export function text(fields: Fields, name: string, maxChars: number): string {
  return checkedText(field(fields, name), name, maxChars);
}

export function optionalText(fields: Fields, name: string, maxChars: number): string | undefined {
  return field(fields, name) === undefined ? undefined : text(fields, name, maxChars);
}

/** A time as it stands in the JSON (7.2.5); may be empty. */
export function time(fields: Fields, name: string): string {
  const value = text(fields, name, 40);
  if (!isTime(value)) throw malformed(name, 'a time of RFC 3339');
  return value;
}

export function optionalTime(fields: Fields, name: string): string | undefined {
  return field(fields, name) === undefined ? undefined : time(fields, name);
}

/** A zero that is written again is the same text: `-0` would become `0` on the next hop. */
function withoutSignOfZero(value: number): number {
  return value === 0 ? 0 : value;
}

/** A number from `min` to `max`; never infinite. */
export function number(fields: Fields, name: string, min: number, max: number): number {
  const value = field(fields, name);
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw malformed(name, `a number from ${min} to ${max}`);
  }
  return withoutSignOfZero(value);
}

export function optionalNumber(fields: Fields, name: string, min: number, max: number): number | undefined {
  return field(fields, name) === undefined ? undefined : number(fields, name, min, max);
}

/** A whole number that a double holds exactly. */
export function integer(fields: Fields, name: string, min = Number.MIN_SAFE_INTEGER): number {
  const value = field(fields, name);
  if (!Number.isSafeInteger(value) || (value as number) < min) {
    throw malformed(name, 'a whole number in its range');
  }
  return withoutSignOfZero(value as number);
}

export function optionalInteger(fields: Fields, name: string, min?: number): number | undefined {
  return field(fields, name) === undefined ? undefined : integer(fields, name, min);
}

export function boolean(fields: Fields, name: string): boolean {
  const value = field(fields, name);
  if (typeof value !== 'boolean') throw malformed(name, 'true or false');
  return value;
}

/** True or false; false when absent. */
export function flag(fields: Fields, name: string): boolean {
  return field(fields, name) === undefined ? false : boolean(fields, name);
}

/** Raw JSON as it came; `null` is absence. */
export function raw(fields: Fields, name: string): unknown {
  return field(fields, name) ?? undefined;
}

/** The first `maxItems` items of an array, all of whose kept items `decode` accepts; absent and null are undefined. */
export function optionalList<T>(
  fields: Fields,
  name: string,
  maxItems: number,
  decode: (value: unknown, what: string) => T,
): T[] | undefined {
  const value = field(fields, name) ?? undefined;
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw malformed(name, 'an array');
  return value.slice(0, maxItems).map((item: unknown) => decode(item, name));
}

/** As {@link optionalList} for an array that is required; null is the empty one. */
export function list<T>(
  fields: Fields,
  name: string,
  maxItems: number,
  decode: (value: unknown, what: string) => T,
): T[] {
  if (field(fields, name) === undefined) throw malformed(name, 'an array');
  return optionalList(fields, name, maxItems, decode) ?? [];
}

/** Decodes one item of a list of texts. */
export function textItem(maxChars: number): (value: unknown, what: string) => string {
  return (value, what) => checkedText(value, what, maxChars);
}

function checkedText(value: unknown, what: string, maxChars: number): string {
  if (typeof value !== 'string') throw malformed(what, 'a text');
  if (value.length > maxChars) throw malformed(what, `a text of at most ${maxChars} characters`);
  return value;
}
