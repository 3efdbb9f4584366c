import type { JsonValue } from './types.ts';

/**
 * JSON text as the original writes it (spec §1.5): no white space; U+2028 and U+2029 escaped; an unpaired surrogate
 * becomes U+FFFD; in protocol messages and in the log also `<`, `>` and `&` are escaped, in snapshots they are not.
 */
export interface JsonStyle {
  /** Whether `<`, `>` and `&` are written as `\u003c`, `\u003e` and `\u0026`. */
  readonly escapeHtml: boolean;
}

/** How snapshots are written. */
export const snapshotStyle: JsonStyle = { escapeHtml: false };
/** How the log is written, and how older servers wrote snapshots. */
export const htmlStyle: JsonStyle = { escapeHtml: true };

const lineSeparators = /[\u2028\u2029]/g;
const lineSeparatorsAndHtml = /[\u2028\u2029<>&]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A JSON string in the original's encoding. */
export function quoteText(text: string, style: JsonStyle): string {
  const quoted = JSON.stringify(text.isWellFormed() ? text : text.toWellFormed());
  return quoted.replace(style.escapeHtml ? lineSeparatorsAndHtml : lineSeparators, escaped);
}

/** A whole JSON value in the original's encoding; the order of object members is kept. */
export function encodeJson(value: JsonValue, style: JsonStyle): string {
  if (typeof value === 'string') return quoteText(value, style);
  // These characters occur only inside strings, so escaping them in the finished text is the same.
  return JSON.stringify(value)
    .replace(/\\ud[89a-f][0-9a-f]{2}/g, (escape, at: number, all: string) =>
      isEscapeStart(all, at) ? '\ufffd' : escape,
    )
    .replace(style.escapeHtml ? lineSeparatorsAndHtml : lineSeparators, escaped);
}

/** Whether the backslash at a place starts an escape, rather than being the second one of an escaped backslash. */
function isEscapeStart(text: string, at: number): boolean {
  let backslashesBefore = 0;
  while (text[at - 1 - backslashesBefore] === '\\') backslashesBefore += 1;
  return backslashesBefore % 2 === 0;
}

/** Removes the white space outside of strings from valid JSON text; everything else stays as it is. */
export function compactJson(text: string): string {
  if (!/[ \t\r\n]/.test(text)) return text;
  let compact = '';
  let from = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === ' ' || character === '\t' || character === '\r' || character === '\n') {
      compact += text.slice(from, at);
      from = at + 1;
    }
  }
  return compact + text.slice(from);
}

/** Escapes `<`, `>`, `&` and the line separators in JSON text that is otherwise kept verbatim. */
export function escapeVerbatim(text: string, style: JsonStyle): string {
  return style.escapeHtml ? text.replace(lineSeparatorsAndHtml, escaped) : text;
}

const tenTo = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10] as const;

/**
 * Ids (unsigned, at most 32 bits) in the order of their decimal texts, which is how the original sorts the keys of an
 * object: 1, 10, 11, 2. Works on numbers, so that a million of them sort in well under a second.
 */
export function idsInTextOrder(ids: Iterable<number>, count: number): Float64Array {
  const sortable = new Float64Array(count);
  let filled = 0;
  for (const id of ids) {
    const digits = String(id).length;
    // Padded on the right to ten digits; among equal ones ("1", "10") the shorter text comes first.
    sortable[filled++] = id * (tenTo[10 - digits] ?? 1) * 16 + digits;
  }
  sortable.sort();
  return sortable.map((value) => {
    const digits = value % 16;
    return Math.round((value - digits) / 16 / (tenTo[10 - digits] ?? 1));
  });
}

/** Texts in ascending order of their UTF-8 bytes, as the original sorts the keys of an object. */
export function inByteOrder(texts: Iterable<string>): string[] {
  const sorted = [...texts];
  // UTF-16 order differs from byte order only where surrogates meet U+E000 and above.
  if (!sorted.some((text) => /[\ud800-\uffff]/.test(text))) return sorted.sort();
  return sorted
    .map((text) => ({ text, bytes: Buffer.from(text) }))
    .sort((left, right) => Buffer.compare(left.bytes, right.bytes))
    .map(({ text }) => text);
}
