/**
 * Texts that the protocol inherits from Go: quoted strings, durations and RFC 3339 times. Error texts and stored
 * values contain them, so they are produced here to the letter (spec sections 0, 1.4 and 6.4).
 */

/** Result of reading a text: the value, or the text of the error. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: string };

const PLAIN_TEXT = /^[ !#-[\]-~]*$/;
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
};

/**
 * The text in double quotes as `%q` prints it (spec section 0). A lone surrogate cannot exist on the wire and
 * prints as U+FFFD. Whether a character beyond ASCII is printable follows this runtime's Unicode tables.
 */
export function quote(text: string): string {
  if (PLAIN_TEXT.test(text)) return `"${text}"`;
  let quoted = '"';
  for (const character of text.toWellFormed()) quoted += quoteCharacter(character);
  return `${quoted}"`;
}

function quoteCharacter(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  if (PRINTABLE.test(character)) return character;
  const codePoint = character.codePointAt(0) ?? 0;
  if (codePoint < 0x20 || codePoint === 0x7f) return `\\x${hex(codePoint, 2)}`;
  return codePoint < 0x10000 ? `\\u${hex(codePoint, 4)}` : `\\U${hex(codePoint, 8)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

const NANOSECONDS_PER_SECOND = 1_000_000_000n;
const LARGEST_DURATION = 1n << 63n;

const UNIT_NANOSECONDS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['\u00b5s', 1_000n],
  ['\u03bcs', 1_000n],
  ['ms', 1_000_000n],
  ['s', NANOSECONDS_PER_SECOND],
  ['m', 60n * NANOSECONDS_PER_SECOND],
  ['h', 3600n * NANOSECONDS_PER_SECOND],
]);

const DURATION_TERM = /(\d*)(\.\d*)?([^.\d]*)/y;

/**
 * Reads a Go duration (`24h`, `1h30m`, `-1.5s`, `0`) as nanoseconds (spec section 6.4). The error text is Go's,
 * e.g. `time: unknown unit "d" in duration "1d"`.
 */
export function parseGoDuration(text: string): Parsed<bigint> {
  const invalid = { ok: false, error: `time: invalid duration ${quoteForTime(text)}` } as const;
  const negative = text.startsWith('-');
  let position = negative || text.startsWith('+') ? 1 : 0;
  if (text.slice(position) === '0') return { ok: true, value: 0n };
  if (position === text.length) return invalid;
  let total = 0n;
  while (position < text.length) {
    DURATION_TERM.lastIndex = position;
    const [term = '', whole = '', fraction = '', unitText = ''] = DURATION_TERM.exec(text) ?? [];
    if (whole === '' && fraction.length < 2) return invalid;
    // Twenty digits exceed any duration; checked first because a stranger decides how long the text is.
    if (/[1-9]\d{19}/.test(whole) || (whole !== '' && BigInt(whole) > LARGEST_DURATION)) return invalid;
    if (unitText === '') {
      return { ok: false, error: `time: missing unit in duration ${quoteForTime(text)}` };
    }
    const unit = UNIT_NANOSECONDS.get(unitText);
    if (unit === undefined) {
      const error = `time: unknown unit ${quoteForTime(unitText)} in duration ${quoteForTime(text)}`;
      return { ok: false, error };
    }
    total += BigInt(whole === '' ? 0 : whole) * unit + fractionOf(fraction.slice(1), unit);
    if (total > LARGEST_DURATION) return invalid;
    position += term.length;
  }
  if (negative) return { ok: true, value: -total };
  return total === LARGEST_DURATION ? invalid : { ok: true, value: total };
}

/** The digits after the point times the unit, rounded down. Digits past the 18th are below a nanosecond. */
function fractionOf(digits: string, unit: bigint): bigint {
  const significant = digits.slice(0, 18);
  return significant === '' ? 0n : (BigInt(significant) * unit) / 10n ** BigInt(significant.length);
}

/** Go's time package quotes differently from `%q`: everything outside printable ASCII as the hex of its bytes. */
function quoteForTime(text: string): string {
  let quoted = '"';
  for (const byte of Buffer.from(text, 'utf8')) {
    if (byte < 0x20 || byte >= 0x80) quoted += `\\x${hex(byte, 2)}`;
    else if (byte === 0x22 || byte === 0x5c) quoted += `\\${String.fromCharCode(byte)}`;
    else quoted += String.fromCharCode(byte);
  }
  return `${quoted}"`;
}

/** A duration in nanoseconds as `%s` prints it: `24h0m0s`, `1m30s`, `1.5s`, `250ms`, `0s`. */
export function formatGoDuration(nanoseconds: bigint): string {
  const sign = nanoseconds < 0n ? '-' : '';
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (size === 0n) return '0s';
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 3)}\u00b5s`;
  if (size < NANOSECONDS_PER_SECOND) return `${sign}${decimal(size, 6)}ms`;
  const seconds = `${decimal(size % (60n * NANOSECONDS_PER_SECOND), 9)}s`;
  const minutes = size / (60n * NANOSECONDS_PER_SECOND);
  if (minutes === 0n) return sign + seconds;
  return minutes < 60n
    ? `${sign}${minutes}m${seconds}`
    : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** `value / 10^places` in decimal, without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const scale = 10n ** BigInt(places);
  const fraction = (value % scale).toString().padStart(places, '0').replace(/0+$/, '');
  return fraction === '' ? `${value / scale}` : `${value / scale}.${fraction}`;
}
