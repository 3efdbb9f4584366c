/** Times on the wire (discovery spec 7.2.5): RFC 3339 in UTC, milliseconds, and a zero time that means "none". */

const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** What Go writes for a time that was never set. */
const ZERO_TIME_MS = Date.parse('0001-01-01T00:00:00.000Z');

const MINUTE_MS = 60_000;

/** `YYYY-MM-DDTHH:MM:SS.mmmZ` of milliseconds since the epoch, cut to whole ones; for years 0 to 9999. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

/**
 * Milliseconds since the epoch, cut to whole ones. The zero time, the empty text and absence are undefined, and so is
 * what is no time at all: {@link isTime} tells them apart.
 */
export function parseTime(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const ms = instantOf(text);
  return ms === ZERO_TIME_MS ? undefined : ms;
}

/** Whether a text may stand where a time is asked for: a time, the zero time, or the empty text. */
export function isTime(text: string): boolean {
  return text === '' || instantOf(text) !== undefined;
}

function instantOf(text: string): number | undefined {
  const match = RFC_3339.exec(text);
  if (match === null) return undefined;
  const [, date, time, fraction = '', sign, hours, minutes] = match;
  const utc = `${date}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}Z`;
  const ms = Date.parse(utc);
  // The engine lets some impossible dates roll over, the 30th of February for one: they don't read back the same.
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== utc) return undefined;
  if (sign === undefined) return ms;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS;
  return sign === '+' ? ms - offsetMs : ms + offsetMs;
}
