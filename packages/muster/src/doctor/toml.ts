/**
 * As much of TOML as container runtimes are configured with: tables, arrays of tables, strings, numbers, booleans, arrays. Dates and
 * multi-line strings are left out; what cannot be read is a problem with its line.
 */

export type TomlValue = string | number | boolean | readonly TomlValue[] | TomlTable;
export interface TomlTable {
  [key: string]: TomlValue;
}

export class TomlProblem extends Error {
  override readonly name = 'TomlProblem';
}

/** The content of a file. Throws {@link TomlProblem}. */
export function parseToml(text: string): TomlTable {
  const root: TomlTable = table();
  let current = root;
  const lines = text.split(/\r?\n/);
  for (let index = 0; index < lines.length; index += 1) {
    const start = index;
    let line = withoutComment(lines[index] ?? '');
    if (line === '') continue;
    const header = /^(\[\[?)(.+?)(\]\]?)$/.exec(line);
    if (header !== null && !line.includes('=')) {
      current = enter(root, keysOf(header[2] ?? '', start), header[1] === '[[');
      continue;
    }
    while (depthOf(line) > 0 && index + 1 < lines.length) {
      index += 1;
      line += ` ${withoutComment(lines[index] ?? '')}`;
    }
    const equals = equalsOf(line);
    if (equals < 0) throw new TomlProblem(`line ${start + 1}: neither a table nor a value`);
    const keys = keysOf(line.slice(0, equals), start);
    const last = keys.pop() ?? '';
    enter(current, keys, false)[last] = valueOf(line.slice(equals + 1).trim(), start);
  }
  return root;
}

function table(): TomlTable {
  return Object.create(null) as TomlTable;
}

function withoutComment(line: string): string {
  return cut(line, '#').trim();
}

function equalsOf(line: string): number {
  const before = cut(line, '=');
  return before.length === line.length ? -1 : before.length;
}

/** The text up to a character outside of quotes. */
function cut(text: string, end: string): string {
  let quote = '';
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? '';
    if (quote !== '') {
      if (character === '\\' && quote === '"') index += 1;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === end) return text.slice(0, index);
  }
  return text;
}

/** Brackets that are still open. */
function depthOf(line: string): number {
  let depth = 0;
  let rest = line;
  for (;;) {
    const [open, close] = [cut(rest, '[').length, cut(rest, ']').length];
    const at = Math.min(open, close);
    if (at >= rest.length) return depth;
    depth += open < close ? 1 : -1;
    rest = rest.slice(at + 1);
  }
}

/** `host."http://127.0.0.1:5000"` as its parts. */
function keysOf(text: string, line: number): string[] {
  const keys: string[] = [];
  let rest = text.trim();
  if (rest === '') throw new TomlProblem(`line ${line + 1}: a name is missing`);
  while (rest !== '') {
    const match = /^(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(?:\.\s*|$)/.exec(rest);
    if (match === null) throw new TomlProblem(`line ${line + 1}: the name ${rest} cannot be read`);
    keys.push(match[1] ?? match[2] ?? match[3] ?? '');
    rest = rest.slice(match[0].length);
  }
  return keys;
}

function enter(from: TomlTable, keys: readonly string[], isArray: boolean): TomlTable {
  let current = from;
  for (const [index, key] of keys.entries()) {
    const present = current[key];
    const isLast = index === keys.length - 1;
    if (isArray && isLast) {
      const list = Array.isArray(present) ? [...(present as readonly TomlValue[])] : [];
      const added = table();
      current[key] = [...list, added];
      return added;
    }
    const newest = Array.isArray(present) ? (present as readonly TomlValue[]).at(-1) : present;
    if (typeof newest === 'object' && !Array.isArray(newest)) current = newest as TomlTable;
    else {
      const added = table();
      current[key] = added;
      current = added;
    }
  }
  return current;
}

function valueOf(text: string, line: number): TomlValue {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^[+-]?\d[\d_]*(\.\d+)?$/.test(text)) return Number(text.replaceAll('_', ''));
  if (text.startsWith('[') && text.endsWith(']')) {
    return itemsOf(text.slice(1, -1)).map((item) => valueOf(item, line));
  }
  if (text.startsWith('{') && text.endsWith('}')) {
    const inline = table();
    for (const item of itemsOf(text.slice(1, -1))) {
      const equals = equalsOf(item);
      const [key = ''] = keysOf(item.slice(0, equals), line);
      inline[key] = valueOf(item.slice(equals + 1).trim(), line);
    }
    return inline;
  }
  const literal = /^'([^']*)'$/.exec(text);
  if (literal !== null) return literal[1] ?? '';
  if (/^"(?:[^"\\]|\\.)*"$/.test(text)) {
    try {
      return JSON.parse(text) as string;
    } catch {
      // Told below.
    }
  }
  throw new TomlProblem(`line ${line + 1}: the value ${text.slice(0, 60)} cannot be read`);
}

/** The items of an array or inline table, at the commas that are in no quotes or brackets. */
function itemsOf(text: string): string[] {
  const items: string[] = [];
  let item = '';
  let rest = text;
  while (rest !== '') {
    const piece = cut(rest, ',');
    item += piece;
    rest = rest.slice(piece.length + 1);
    if (depthOf(item) > 0) item += ',';
    else {
      if (item.trim() !== '') items.push(item.trim());
      item = '';
    }
  }
  if (item.trim() !== '') items.push(item.trim());
  return items;
}
