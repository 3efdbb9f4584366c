import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';
import { type RecordField, Secret, type Setting } from './settings.ts';

/** The outcome of reading one value: what it means, or what is wrong with it and what is allowed. */
export type Parsed =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: string };

const TRUE = new Set(['true', 'yes', 'on', '1']);
const FALSE = new Set(['false', 'no', 'off', '0']);

const good = (value: unknown): Parsed => ({ ok: true, value });
const bad = (problem: string): Parsed => ({ ok: false, problem });

/** Reads a value as it came from a flag, the environment or the file. The problem never repeats a secret. */
export function parseValue(setting: Setting, raw: unknown): Parsed {
  switch (setting.type) {
    case 'secret':
      if (typeof raw !== 'string') return bad('must be text');
      return raw === '' ? bad('must not be empty') : good(new Secret(raw));
    case 'boolean':
      return parseBoolean(raw);
    case 'list':
      return parseList(raw, setting.check);
    case 'records':
      return parseRecords(raw, setting.fields);
    case 'integer':
      return parseInteger(raw, setting.min, setting.max);
    case 'number':
      return parseNumber(raw, setting.min, setting.max);
    case 'duration':
      return parseQuantity(raw, setting, parseDuration, formatDuration, DURATION_HELP);
    case 'size':
      return parseQuantity(raw, setting, parseSize, formatSize, SIZE_HELP);
    case 'path':
      return typeof raw === 'string' && raw !== '' ? good(raw) : bad(`${show(raw)} is not a path`);
    case 'text':
      return parseText(raw, setting.choices, setting.check);
    default:
      return setting satisfies never;
  }
}

const DURATION_HELP = 'a duration; use a number with a unit, such as 500ms, 30s, 30m, 24h or 1h30m';
const SIZE_HELP = 'a size; use bytes or a unit, such as 65536, 512KiB, 64MiB or 1GB';

function parseBoolean(raw: unknown): Parsed {
  if (typeof raw === 'boolean') return good(raw);
  const word = typeof raw === 'string' || typeof raw === 'number' ? String(raw).toLowerCase() : '';
  if (TRUE.has(word)) return good(true);
  if (FALSE.has(word)) return good(false);
  return bad(`${show(raw)} is not true or false`);
}

function parseText(
  raw: unknown,
  choices: readonly string[] | undefined,
  check: ((value: string) => string | undefined) | undefined,
): Parsed {
  if (typeof raw !== 'string' && typeof raw !== 'number') return bad(`${show(raw)} is not text`);
  const text = String(raw);
  if (choices !== undefined && !choices.includes(text)) {
    return bad(`${show(text)} is not one of ${choices.join(', ')}`);
  }
  const problem = check?.(text);
  return problem === undefined ? good(text) : bad(`${show(text)}: ${problem}`);
}

function parseList(raw: unknown, check: ((value: string) => string | undefined) | undefined): Parsed {
  const parts: unknown[] = Array.isArray(raw) ? raw : [raw];
  const items: string[] = [];
  for (const part of parts) {
    if (typeof part !== 'string' && typeof part !== 'number') return bad(`${show(part)} is not text`);
    for (const piece of String(part).split(',')) {
      const item = piece.trim();
      if (item === '') continue;
      const problem = check?.(item);
      if (problem !== undefined) return bad(`${show(item)}: ${problem}`);
      items.push(item);
    }
  }
  return good(items);
}

function parseRecords(raw: unknown, fields: Readonly<Record<string, RecordField>>): Parsed {
  const [first = '', second = ''] = Object.keys(fields);
  const parts: unknown[] = Array.isArray(raw) ? raw : [raw];
  const records: Record<string, string>[] = [];
  for (const part of parts) {
    if (typeof part === 'string') {
      for (const piece of part.split(',').filter((text) => text.trim() !== '')) {
        const [, name = '', value = ''] = /^([^=]*)=(.*)$/.exec(piece.trim()) ?? [];
        if (name === '') return bad(`${show(piece)} is not of the form ${first}=${second}`);
        records.push({ [first]: name, [second]: value });
      }
    } else if (isRecord(part)) {
      const read = readRecord(part, fields);
      if (typeof read === 'string') return bad(read);
      records.push(read);
    } else return bad(`${show(part)} is not a mapping with ${Object.keys(fields).join(', ')}`);
  }
  for (const record of records) {
    const problem = recordProblem(record, fields);
    if (problem !== undefined) return bad(problem);
  }
  return good(records);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields of a mapping, or what is wrong with it. */
function readRecord(
  mapping: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, RecordField>>,
): Record<string, string> | string {
  const record: Record<string, string> = {};
  for (const [key, value] of Object.entries(mapping)) {
    if (!Object.hasOwn(fields, key)) {
      return `there is no ${JSON.stringify(key)} here; there are ${Object.keys(fields).join(', ')}`;
    }
    if (value === null || value === '') continue;
    if (typeof value !== 'string' && typeof value !== 'number') return `${key}: ${show(value)} is not text`;
    record[key] = String(value);
  }
  return record;
}

function recordProblem(
  record: Readonly<Record<string, string>>,
  fields: Readonly<Record<string, RecordField>>,
): string | undefined {
  for (const [name, { isRequired = false, check }] of Object.entries(fields)) {
    const value = record[name];
    if (value === undefined || value === '') {
      if (isRequired) return `${name} is missing in ${show(record)}`;
      continue;
    }
    const problem = check?.(value);
    if (problem !== undefined) return `${name} ${show(value)}: ${problem}`;
  }
  return undefined;
}

function parseInteger(raw: unknown, min: number | undefined, max: number | undefined): Parsed {
  const value = typeof raw === 'string' && /^-?\d+$/.test(raw) ? Number(raw) : raw;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    return bad(`${show(raw)} is not a whole number${rangeText(min, max, String)}`);
  }
  return inRange(value, raw, min, max, String);
}

function parseNumber(raw: unknown, min: number | undefined, max: number | undefined): Parsed {
  const value = typeof raw === 'string' && /^-?\d+(\.\d+)?$/.test(raw) ? Number(raw) : raw;
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    return bad(`${show(raw)} is not a number${rangeText(min, max, String)}`);
  }
  return inRange(value, raw, min, max, String);
}

function parseQuantity(
  raw: unknown,
  setting: { readonly min?: string; readonly max?: string },
  parse: (text: string) => number | undefined,
  format: (value: number) => string,
  help: string,
): Parsed {
  const value = typeof raw === 'string' || typeof raw === 'number' ? parse(String(raw)) : undefined;
  if (value === undefined) return bad(`${show(raw)} is not ${help}`);
  const min = setting.min === undefined ? undefined : parse(setting.min);
  const max = setting.max === undefined ? undefined : parse(setting.max);
  return inRange(value, raw, min, max, format);
}

function inRange(
  value: number,
  raw: unknown,
  min: number | undefined,
  max: number | undefined,
  format: (value: number) => string,
): Parsed {
  const outside = (min !== undefined && value < min) || (max !== undefined && value > max);
  return outside ? bad(`${show(raw)} is out of range${rangeText(min, max, format)}`) : good(value);
}

function rangeText(
  min: number | undefined,
  max: number | undefined,
  format: (value: number) => string,
): string {
  if (min !== undefined && max !== undefined) return `; allowed: ${format(min)} to ${format(max)}`;
  if (min !== undefined) return `; at least ${format(min)}`;
  return max === undefined ? '' : `; at most ${format(max)}`;
}

function show(raw: unknown): string {
  const text = JSON.stringify(raw) ?? String(raw);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
