import {
  hasField,
  type Message,
  readBool,
  readInteger,
  readText,
  readTextList,
  readU16,
  readU32,
} from '../wire/index.ts';

/** A field of a request: how it is read, and what the reference page says of it. */
export interface Field<T> {
  readonly kind: string;
  readonly description: string;
  /** Reads the field with the coercions of spec 1.3: a missing or ill-typed field never fails, it reads as empty. */
  read(message: Message, name: string): T;
}

export type FieldSet = Readonly<Record<string, Field<unknown>>>;

/** The typed request that a set of fields describes. */
export type RequestOf<F extends FieldSet> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

/** The kinds of fields. */
export const field = {
  u32: (description: string): Field<number> => ({ kind: 'u32', description, read: readU32 }),
  u16: (description: string): Field<number> => ({ kind: 'u16', description, read: readU16 }),
  integer: (description: string): Field<number | undefined> => ({
    kind: 'integer',
    description,
    read: readInteger,
  }),
  text: (description: string): Field<string> => ({ kind: 'string', description, read: readText }),
  bool: (description: string): Field<boolean> => ({ kind: 'bool', description, read: readBool }),
  /** undefined when absent. */
  optionalBool: (description: string): Field<boolean | undefined> => ({
    kind: 'bool?',
    description,
    read: (message, name) => (hasField(message, name) ? readBool(message, name) : undefined),
  }),
  /** undefined when absent or not an array. */
  textList: (description: string): Field<readonly string[] | undefined> => ({
    kind: '[string]',
    description,
    read: readTextList,
  }),
  json: (description: string): Field<unknown> => ({
    kind: 'any',
    description,
    read: (message, name) => (hasField(message, name) ? message[name] : undefined),
  }),
} as const;

/** Reads all fields of a request. */
export function readFields<F extends FieldSet>(fields: F, message: Message): RequestOf<F> {
  const request: Record<string, unknown> = {};
  for (const name in fields) request[name] = (fields[name] as Field<unknown>).read(message, name);
  return request as RequestOf<F>;
}
