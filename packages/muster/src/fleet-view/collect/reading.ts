/** Reads answers of other programs, which may hold anything. What has another type than it should counts as not there. */

export type Fields = Readonly<Record<string, unknown>>;

/** The members of an object; none of anything else. */
export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function list(value: unknown, limit = Infinity): readonly unknown[] {
  return Array.isArray(value) ? (value.length > limit ? value.slice(0, limit) : value) : [];
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function texts(value: unknown, limit: number): readonly string[] {
  return list(value, limit).filter((each) => typeof each === 'string');
}

export function numbers(value: unknown, limit: number): readonly number[] {
  return list(value, limit).filter((each) => Number.isSafeInteger(each)) as readonly number[];
}

/** Milliseconds since the epoch of an RFC 3339 text. */
export function time(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** An object with those members that are not undefined. */
export function known<T extends object>(members: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}
