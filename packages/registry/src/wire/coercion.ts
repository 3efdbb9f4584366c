/**
 * Readers of request fields (spec section 1.3, COMPAT): a field of another JSON type reads as zero, empty or absent;
 * nothing here is an error.
 */

/** A decoded request: field name to JSON value. */
export type Message = Record<string, unknown>;

/** A number from 0 to 4294967295, fractions cut off; 0 for anything else. */
export function readU32(message: Message, name: string): number {
  const value = message[name];
  return typeof value === 'number' && value >= 0 && value <= 0xffffffff ? value >>> 0 : 0;
}

/** A number from 0 to 65535, fractions cut off; 0 for anything else. */
export function readU16(message: Message, name: string): number {
  const value = message[name];
  return typeof value === 'number' && value >= 0 && value <= 0xffff ? value >>> 0 : 0;
}

/** The number as sent; undefined for anything else. */
export function readNumber(message: Message, name: string): number | undefined {
  const value = message[name];
  return typeof value === 'number' ? value : undefined;
}

/** A number cut to an integer, e.g. unix seconds; undefined when it is not a number or not exact in a double. */
export function readInteger(message: Message, name: string): number | undefined {
  const value = message[name];
  if (typeof value !== 'number') return undefined;
  // Adding zero turns -0 into 0.
  const integer = Math.trunc(value) + 0;
  return Number.isSafeInteger(integer) ? integer : undefined;
}

/** A string; empty for anything else. */
export function readText(message: Message, name: string): string {
  const value = message[name];
  return typeof value === 'string' ? value : '';
}

/** True only for the JSON value `true`. */
export function readBool(message: Message, name: string): boolean {
  return message[name] === true;
}

/** The elements that are strings; undefined when the field is not an array. */
export function readTextList(message: Message, name: string): string[] | undefined {
  const value = message[name];
  if (!Array.isArray(value)) return undefined;
  return value.filter((element): element is string => typeof element === 'string');
}

/** An array as sent; undefined for anything else. */
export function readArray(message: Message, name: string): readonly unknown[] | undefined {
  const value: unknown = message[name];
  return Array.isArray(value) ? value : undefined;
}

/** A JSON object; undefined for anything else, `null` and arrays included. */
export function readObject(message: Message, name: string): Message | undefined {
  const value = message[name];
  return isMessage(value) ? value : undefined;
}

/** True when the field is present, whatever its value, `null` included. */
export function hasField(message: Message, name: string): boolean {
  return Object.hasOwn(message, name);
}

/** True for a JSON object: not `null`, not an array. */
export function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
