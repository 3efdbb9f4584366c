/** The first and the last instant that RFC 3339 can express (years 0 and 9999), unix milliseconds. */
const earliestMs = -62_167_219_200_000;
const latestMs = 253_402_300_799_999;

/** How the original writes "no time" where a time is required. */
export const zeroTimeText = '0001-01-01T00:00:00Z';
const zeroTimeMs = -62_135_596_800_000;

const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/i;

/**
 * Unix milliseconds of an RFC 3339 time with any offset and any number of fractional digits (those past the third are
 * cut). `undefined` for text that is no valid time, and for the zero time of Go, which means "not set".
 */
export function rfc3339ToUnixMs(text: string): number | undefined {
  const parts = pattern.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHours, offsetMinutes] = parts;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // An impossible day (30 February, month 13) rolls over instead of failing.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  let unixMs = date.getTime();
  if (fraction !== undefined) unixMs += Number(fraction.slice(0, 3).padEnd(3, '0'));
  if (sign !== undefined) {
    if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return undefined;
    const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000;
    unixMs += sign === '-' ? offsetMs : -offsetMs;
  }
  return unixMs === zeroTimeMs ? undefined : unixMs;
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
