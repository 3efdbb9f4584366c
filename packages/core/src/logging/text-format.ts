import type { LogLevel } from './logger.ts';

/**
 * One line for people: `2026-11-21T07:41:03.000Z INFO  message key=value peer.port=9000`, ended by a newline.
 * Whatever the values hold, it is one line: control characters, line separators and characters that change the
 * direction of text are escaped, in keys as well.
 */
export function formatTextLine(
  timeMs: number,
  level: LogLevel,
  message: string,
  fields: Readonly<Record<string, unknown>>,
): string {
  const parts = [new Date(timeMs).toISOString(), level.toUpperCase().padEnd(5), escapeControl(message)];
  appendFields(parts, '', fields);
  return `${parts.join(' ')}\n`;
}

function appendFields(parts: string[], prefix: string, fields: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(fields)) {
    const key = prefix + name;
    if (isNested(value)) appendFields(parts, `${key}.`, value);
    else parts.push(`${quoteIfNeeded(key)}=${showValue(value)}`);
  }
}

function isNested(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
  );
}

function showValue(value: unknown): string {
  if (typeof value === 'string') return quoteIfNeeded(value);
  return escapeControl(JSON.stringify(value) ?? String(value));
}

/** Texts with blanks, quotes or `=` are written as JSON texts, so that where a value ends is never in doubt. */
function quoteIfNeeded(text: string): string {
  return escapeControl(/^[^\s"=\\]+$/.test(text) ? text : JSON.stringify(text));
}

// eslint-disable-next-line no-control-regex -- control characters are what this looks for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function escapeControl(text: string): string {
  return text.replaceAll(UNSAFE, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
