/**
 * RFC 3339 times as the protocol uses them (spec section 1.4): any offset and up to nine fractional digits on input,
 * UTC with seconds precision on output.
 */
import { quote } from './go-text.ts';
import type { Parsed } from './go-text.ts';

/** Bytes of `2026-08-01T12:00:00Z`. */
export const RFC3339_BYTES = 20;

const LAYOUT = '"2006-01-02T15:04:05Z07:00"';

interface LayoutPart {
  readonly pattern: RegExp;
  /** How the layout and its error texts write this part. */
  readonly name: string;
  /** For numbers with fixed bounds: lowest, highest, and the name in error texts. */
  readonly range?: readonly [lowest: number, highest: number, label: string];
}

/** The parts of the layout, in order. The day is checked at the end, when month and year are known. */
const PARTS: readonly LayoutPart[] = [
  { pattern: /\d{4}/y, name: '2006' },
  { pattern: /-/y, name: '-' },
  { pattern: /\d{2}/y, name: '01', range: [1, 12, 'month'] },
  { pattern: /-/y, name: '-' },
  { pattern: /\d{2}/y, name: '02' },
  { pattern: /T/y, name: 'T' },
  { pattern: /\d{2}/y, name: '15', range: [0, 23, 'hour'] },
  { pattern: /:/y, name: ':' },
  { pattern: /\d{2}/y, name: '04', range: [0, 59, 'minute'] },
  { pattern: /:/y, name: ':' },
  { pattern: /\d{2}/y, name: '05', range: [0, 59, 'second'] },
  { pattern: /(?:\.\d{1,9}(?!\d))?/y, name: '.000000000' },
  { pattern: /Z|[+-]\d{2}:\d{2}/y, name: 'Z07:00' },
];

/**
 * Reads an RFC 3339 time as unix milliseconds, rounded down. The error names the first part that does not fit, the
 * way Go does: `parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"`.
 */
export function readRfc3339(text: string): Parsed<number> {
  const found: string[] = [];
  let position = 0;
  for (const { pattern, name, range } of PARTS) {
    pattern.lastIndex = position;
    const part = pattern.exec(text)?.[0];
    if (part === undefined) {
      const rest = quote(text.slice(position));
      return {
        ok: false,
        error: `parsing time ${quote(text)} as ${LAYOUT}: cannot parse ${rest} as "${name}"`,
      };
    }
    if (range !== undefined && (Number(part) < range[0] || Number(part) > range[1])) {
      return outOfRange(text, range[2]);
    }
    found.push(part);
    position += part.length;
  }
  if (position !== text.length) {
    return { ok: false, error: `parsing time ${quote(text)}: extra text: ${quote(text.slice(position))}` };
  }
  const [year = '', , month = '', , day = '', , hour = '', , minute = '', , second = ''] = found;
  const days = daysSince1970(Number(year), Number(month), Number(day));
  if (days === undefined) return outOfRange(text, 'day');
  const offsetMinutes = readOffset(found[12] ?? 'Z');
  if (offsetMinutes === undefined) return outOfRange(text, 'time zone offset');
  const minutes = Number(hour) * 60 + Number(minute) - offsetMinutes;
  const milliseconds = Number((found[11] ?? '').slice(1, 4).padEnd(3, '0'));
  return { ok: true, value: ((days * 1440 + minutes) * 60 + Number(second)) * 1000 + milliseconds };
}

/** Reads an RFC 3339 time as unix milliseconds, rounded down; undefined when it is not one. */
export function parseRfc3339(text: string): number | undefined {
  const read = readRfc3339(text);
  return read.ok ? read.value : undefined;
}

function outOfRange(text: string, part: string): Parsed<never> {
  return { ok: false, error: `parsing time ${quote(text)}: ${part} out of range` };
}

function readOffset(text: string): number | undefined {
  if (text === 'Z') return 0;
  const hours = Number(text.slice(1, 3));
  const minutes = Number(text.slice(4, 6));
  if (hours > 23 || minutes > 59) return undefined;
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Undefined when the month does not have this day. */
function daysSince1970(year: number, month: number, day: number): number | undefined {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const monthDays = month === 2 && leap ? 29 : (MONTH_DAYS[month - 1] ?? 0);
  if (day < 1 || day > monthDays) return undefined;
  // Years counted from March put the leap day last, which makes the day of the year a linear function of the month.
  const shifted = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  return shifted * 365 + leapDays + dayOfYear - DAYS_TO_1970;
}

/** Days from 0000-03-01 to 1970-01-01. */
const DAYS_TO_1970 = 719_468;
const FIRST_SECOND = -62_167_219_200;
const LAST_SECOND = 253_402_300_799;

/**
 * Writes a time as 20 ASCII bytes, `2026-08-01T12:00:00Z`, without allocation, and returns the offset after it.
 * `unixSeconds` is rounded down and held within the years 0000 to 9999; the target must have 20 bytes of room.
 */
export function writeRfc3339(target: Uint8Array, offset: number, unixSeconds: number): number {
  const seconds = Math.floor(Math.min(Math.max(unixSeconds, FIRST_SECOND), LAST_SECOND));
  const unixDays = Math.floor(seconds / 86_400);
  const secondOfDay = seconds - unixDays * 86_400;
  // The inverse of daysSince1970: 400-year eras of 146,097 days, then years that begin in March.
  const days = unixDays + DAYS_TO_1970;
  const era = Math.floor(days / 146_097);
  const dayOfEra = days - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0);
  writeTwoDigits(target, offset, Math.floor(year / 100));
  writeTwoDigits(target, offset + 2, year % 100);
  target[offset + 4] = 0x2d;
  writeTwoDigits(target, offset + 5, month);
  target[offset + 7] = 0x2d;
  writeTwoDigits(target, offset + 8, dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1);
  target[offset + 10] = 0x54;
  writeTwoDigits(target, offset + 11, Math.floor(secondOfDay / 3600));
  target[offset + 13] = 0x3a;
  writeTwoDigits(target, offset + 14, Math.floor(secondOfDay / 60) % 60);
  target[offset + 16] = 0x3a;
  writeTwoDigits(target, offset + 17, secondOfDay % 60);
  target[offset + 19] = 0x5a;
  return offset + RFC3339_BYTES;
}

function writeTwoDigits(target: Uint8Array, offset: number, value: number): void {
  target[offset] = 0x30 + Math.floor(value / 10);
  target[offset + 1] = 0x30 + (value % 10);
}

/** A time in UTC with seconds precision: `2026-08-01T12:00:00Z`. Same range as {@link writeRfc3339}. */
export function formatRfc3339(unixSeconds: number): string {
  const bytes = Buffer.allocUnsafe(RFC3339_BYTES);
  writeRfc3339(bytes, 0, unixSeconds);
  return bytes.toString('latin1');
}
