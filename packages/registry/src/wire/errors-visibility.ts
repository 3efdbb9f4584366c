/**
 * Which error texts a JSON caller sees (spec section 7.12). Native binary opcodes are not subject to this rule.
 */

/** What the caller reads instead of a hidden text. */
export const HIDDEN_ERROR_TEXT = 'request failed';

/** A text that contains one of these is shown; the comparison is case-sensitive. */
const SHOWN_PARTS: readonly string[] = [
  'rate limited',
  'enterprise feature',
  'expired',
  'already',
  'not a member',
  'cannot',
  'too many',
  'too long',
  'not found',
  'invalid',
  'require',
  'signature',
];

/** True when a JSON caller sees this error text. */
export function isVisible(text: string): boolean {
  return SHOWN_PARTS.some((part) => text.includes(part));
}

/** The error text that a JSON caller sees: the text itself, or `request failed`. */
export function toClientText(text: string): string {
  return isVisible(text) ? text : HIDDEN_ERROR_TEXT;
}
