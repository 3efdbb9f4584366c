/** Replies as they came, and reading them with suspicion: a server may be older, newer, or not a registry at all. */
import { clientErrors } from './errors.ts';

/** A JSON object as received. */
export type Message = Readonly<Record<string, unknown>>;

/** The reply itself, for what the typed results don't show. */
export type RawReply =
  | { readonly encoding: 'json'; readonly message: Message }
  | { readonly encoding: 'binary'; readonly opcode: number; readonly payload: Uint8Array };

/** What every result carries. */
export interface WithRaw {
  readonly raw: RawReply;
}

/** Reads the members of one object. Required ones that are missing or of another type throw PROTOCOL. */
export class Fields {
  readonly message: Message;
  readonly #what: string;

  constructor(what: string, message: Message) {
    this.#what = what;
    this.message = message;
  }

  number(name: string): number {
    return this.optionalNumber(name) ?? this.#missing(name, 'number');
  }

  text(name: string): string {
    return this.optionalText(name) ?? this.#missing(name, 'string');
  }

  flag(name: string): boolean {
    return this.message[name] === true;
  }

  optionalNumber(name: string): number | undefined {
    const value = this.message[name];
    return typeof value === 'number' ? value : undefined;
  }

  optionalText(name: string): string | undefined {
    const value = this.message[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** Empty for null and for what is no array; members that are no strings are left out. */
  texts(name: string): readonly string[] {
    const value = this.message[name];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }

  /** As {@link Fields.texts}. */
  numbers(name: string): readonly number[] {
    const value = this.message[name];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'number') : [];
  }

  /** The objects of a required array. */
  list(name: string): readonly Fields[] {
    const value: unknown = this.message[name];
    if (!Array.isArray(value)) return this.#missing(name, 'array');
    return value.map((item: unknown) => {
      if (typeof item !== 'object' || item === null) return this.#missing(name, 'array of objects');
      return new Fields(`${this.#what}.${name}`, item as Message);
    });
  }

  /** Milliseconds since the epoch of an RFC 3339 text; undefined when there is none. */
  timeMs(name: string): number | undefined {
    const text = this.optionalText(name);
    const timeMs = text === undefined ? Number.NaN : Date.parse(text);
    return Number.isNaN(timeMs) ? undefined : timeMs;
  }

  /** Milliseconds since the epoch of a number of unix seconds; undefined when there is none, or it is 0. */
  unixMs(name: string): number | undefined {
    const seconds = this.optionalNumber(name);
    return seconds === undefined || seconds === 0 ? undefined : seconds * 1000;
  }

  /** A public key: 32 bytes from base64; undefined when there is none. */
  key(name: string): Uint8Array | undefined {
    const text = this.optionalText(name);
    return text === undefined || text === '' ? undefined : Uint8Array.from(Buffer.from(text, 'base64'));
  }

  #missing(name: string, type: string): never {
    throw clientErrors.create('PROTOCOL', `${this.#what} has no ${type} ${name}`);
  }
}

/** An object without the members that are undefined, so that optional properties are absent rather than undefined. */
export function compact<Shape extends object>(shape: {
  [Key in keyof Shape]: Shape[Key] | undefined;
}): Shape {
  for (const key of Object.keys(shape) as (keyof Shape)[]) {
    if (shape[key] === undefined) delete shape[key];
  }
  return shape as Shape;
}
