import {
  at,
  get,
  integerOf,
  itemsOf,
  membersOf,
  readObject,
  set,
  shapeError,
  textOf,
  writeObject,
} from './fields.ts';
import type { Codec, Field, MembersOf, Presence, ReadContext, WriteContext } from './fields.ts';
import { idsInTextOrder, inByteOrder, quoteText } from './json-text.ts';
import type { JsonValue, Kept } from './types.ts';

/** How one item of a list is read and written. */
export interface Item<V> {
  read(value: JsonValue, path: string, context: ReadContext): V;
  write(value: V, path: string, context: WriteContext): string;
}

/** Items that are text. */
export const textItem: Item<string> = {
  read: textOf,
  write: (value, _path, { style }) => quoteText(value, style),
};

/** Items that are whole numbers. */
export function integerItem(max: number): Item<number> {
  return {
    read: (value, path) => integerOf(value, path, max, max > 0xffff_ffff ? -max : 0),
    write: String,
  };
}

/** Items that are a pair of numbers: from and to. */
export const intervalItem: Item<readonly [number, number]> = {
  read: (value, path) => {
    const [from = null, to = null] = itemsOf(value, path);
    const max = Number.MAX_SAFE_INTEGER;
    return [integerOf(from, path, max, -max), integerOf(to, path, max, -max)];
  },
  write: ([from, to]) => `[${from},${to}]`,
};

/** Items that are lists. */
export function listItem<V>(item: Item<V>): Item<V[]> {
  return {
    read: (value, path, context) => readList(item, value, path, context),
    write: (value, path, context) => writeList(item, value, path, context),
  };
}

/** Items that are objects. */
export function objectItem<V extends Kept>(codec: Codec<V>): Item<V> {
  return {
    read: (value, path, context) => readObject(codec, value, path, context),
    write: (value, path, context) => writeObject(codec, value, path, context),
  };
}

/** Reads a list. */
export function readList<V>(item: Item<V>, value: JsonValue, path: string, context: ReadContext): V[] {
  return itemsOf(value, path).map((each, index) => item.read(each, `${path}.${index}`, context));
}

/** Writes a list. */
export function writeList<V>(item: Item<V>, list: readonly V[], path: string, context: WriteContext): string {
  return `[${list.map((each, index) => item.write(each, `${path}.${index}`, context)).join(',')}]`;
}

/** A list; one that is always written comes back as `null` when it was read as `null` and is still empty. */
export function list<T extends Kept, V>(
  json: string,
  member: MembersOf<T, V[]>,
  presence: Presence,
  item: Item<V>,
): Field<T> {
  return {
    json,
    read: (target, value, path, context) =>
      set<T, V[]>(target, member, readList(item, value, at(path, json), context)),
    write: (source, path, context) => {
      const values = get<T, V[]>(source, member);
      if (values.length > 0) return writeList(item, values, at(path, json), context);
      if (presence === 'omit') return undefined;
      return source.asWritten?.[json] === null ? 'null' : '[]';
    },
  };
}

/** An object that may be absent. */
export function optional<T extends Kept, V extends Kept>(
  json: string,
  member: MembersOf<T, V | undefined>,
  inner: Codec<V>,
): Field<T> {
  return {
    json,
    read: (target, value, path, context) =>
      set<T, V | undefined>(target, member, readObject(inner, value, at(path, json), context)),
    write: (source, path, context) => {
      const value = get<T, V | undefined>(source, member);
      return value === undefined ? undefined : writeObject(inner, value, at(path, json), context);
    },
  };
}

/** An object whose keys are decimal ids, omitted when empty. */
export function byId<T extends Kept, V>(
  json: string,
  member: MembersOf<T, Map<number, V>>,
  maxId: number,
  item: Item<V>,
): Field<T> {
  return {
    json,
    read: (target, value, path, context) => {
      const map = new Map<number, V>();
      for (const [key, inner] of membersOf(value, at(path, json))) {
        const place = `${at(path, json)}.${key}`;
        map.set(idOfKey(key, place, maxId), item.read(inner, place, context));
      }
      set<T, Map<number, V>>(target, member, map);
    },
    write: (source, path, context) => {
      const map = get<T, Map<number, V>>(source, member);
      if (map.size === 0) return undefined;
      const members: string[] = [];
      for (const id of idsInTextOrder(map.keys(), map.size)) {
        const value = map.get(id);
        if (value === undefined) continue;
        members.push(`"${id}":${item.write(value, `${at(path, json)}.${id}`, context)}`);
      }
      return `{${members.join(',')}}`;
    },
  };
}

/** An object with free keys, omitted when empty. */
export function byName<T extends Kept, V>(
  json: string,
  member: MembersOf<T, Map<string, V>>,
  item: Item<V>,
): Field<T> {
  return {
    json,
    read: (target, value, path, context) => {
      const map = new Map<string, V>();
      for (const [key, inner] of membersOf(value, at(path, json))) {
        map.set(key, item.read(inner, `${at(path, json)}.${key}`, context));
      }
      set<T, Map<string, V>>(target, member, map);
    },
    write: (source, path, context) => {
      const map = get<T, Map<string, V>>(source, member);
      if (map.size === 0) return undefined;
      const members = inByteOrder(map.keys()).map((key) => {
        const value = map.get(key) as V;
        return `${quoteText(key, context.style)}:${item.write(value, `${at(path, json)}.${key}`, context)}`;
      });
      return `{${members.join(',')}}`;
    },
  };
}

/** The id that a decimal key stands for. Errors: ORIGINAL_SNAPSHOT_SHAPE. */
export function idOfKey(key: string, path: string, maxId: number): number {
  const id = /^(?:0|[1-9]\d{0,9})$/.test(key) ? Number(key) : -1;
  return id >= 0 && id <= maxId ? id : shapeError(path, `keyed by an id up to ${maxId}`);
}
