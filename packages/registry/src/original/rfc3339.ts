/** The first and the last instant that RFC 3339 can express (years 0 and 9999), unix milliseconds. */
const earliestMs = -62_167_219_200_000;
const latestMs = 253_402_300_799_999;

/** How the original writes "no time" where a time is required. */
export const zeroTimeText = '0001-01-01T00:00:00Z';
const zeroTimeMs = -62_135_596_800_000;

const pattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/i;

/**
 * Unix milliseconds of an RFC 3339 time with any offset and any number of fractional digits (those past the third are
 * cut). `undefined` for text that is no valid time, and for the zero time of Go, which means "not set".
 */
export function rfc3339ToUnixMs(text: string): number | undefined {
  if (isWholeUtcSecond(text)) return setTime(startOf(text));
  const parts = pattern.exec(text);
  if (parts === null) return undefined;
  const [, fraction, sign, offsetHours, offsetMinutes] = parts;
  let unixMs = startOf(text);
  if (unixMs === undefined) return undefined;
  if (fraction !== undefined) unixMs += Number(fraction.slice(0, 3).padEnd(3, '0'));
  if (sign !== undefined) {
    if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return undefined;
    const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000;
    unixMs += sign === '-' ? offsetMs : -offsetMs;
  }
  return setTime(unixMs);
}

function setTime(unixMs: number | undefined): number | undefined {
  return unixMs === zeroTimeMs ? undefined : unixMs;
}

const dash = 0x2d;
const colon = 0x3a;

/** Whether a text has the form that {@link unixMsToRfc3339} writes for whole seconds; its numbers may be impossible. */
export function isWholeUtcSecond(text: string): boolean {
  return (
    text.length === 20 &&
    text[10] === 'T' &&
    text[19] === 'Z' &&
    text.charCodeAt(4) === dash &&
    text.charCodeAt(7) === dash &&
    text.charCodeAt(13) === colon &&
    text.charCodeAt(16) === colon
  );
}

/** The instant of the first 19 characters of a time, as UTC; `undefined` when a number in it is impossible. */
function startOf(text: string): number | undefined {
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  // Comparisons with NaN are false, so each of these says what must hold.
  const isPossible = month >= 1 && month <= 12 && day >= 1 && hour <= 23 && minute <= 59 && second <= 59;
  if (!isPossible || !(year >= 0) || day > daysIn(year, month)) return undefined;
  return (daysSinceEpoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000;
}

/** A number of a fixed count of decimal digits; NaN when a character is none. */
function digits(text: string, from: number, count: number): number {
  let value = 0;
  for (let at = from; at < from + count; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days from 1970-01-01 in the proleptic Gregorian calendar; the year is counted from March, so leap days come last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const marchMonth = month > 2 ? month - 3 : month + 9;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  const dayOfYear = Math.floor((153 * marchMonth + 2) / 5) + day - 1;
  return marchYear * 365 + leapDays + dayOfYear - 719_468;
}

/**
 * The RFC 3339 text of a time in UTC: whole seconds (`seconds`, rounded down) or the shortest fraction (`instant`).
 * `undefined` for a number that no such text can express.
 */
export function unixMsToRfc3339(unixMs: number, precision: 'seconds' | 'instant'): string | undefined {
  if (!Number.isFinite(unixMs) || unixMs < earliestMs || unixMs > latestMs) return undefined;
  const text = new Date(Math.floor(unixMs)).toISOString();
  const seconds = text.slice(0, 19);
  if (precision === 'seconds') return `${seconds}Z`;
  const fraction = text.slice(20, 23).replace(/0+$/, '');
  return fraction === '' ? `${seconds}Z` : `${seconds}.${fraction}Z`;
}
