/**
 * Text that came from peers. It is shown as text by the page in any case; here it is made harmless to read: no characters that
 * turn the direction of what follows, hide, or break lines, and nothing longer than a limit.
 */

/** C0, C1, soft hyphen, Arabic letter mark, zero-width and direction marks, separators, isolates, byte-order mark, tags. */
const HIDDEN =
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu;

/** Characters of a name, an address or a sentence that are shown at most. */
export const MAX_SHOWN = 300;

/** The text with one visible mark for each character that nobody should be fooled by, cut to `limit` characters. */
export function shown(text: string, limit: number = MAX_SHOWN): string {
  // Cut before replacing, so that the cost is bounded by the limit and not by the sender.
  const part = text.length > limit * 2 ? text.slice(0, limit * 2) : text;
  const clean = part.replace(HIDDEN, '\u{fffd}');
  if (clean.length <= limit && part.length === text.length) return clean;
  const characters = [...clean];
  return characters.length <= limit && part.length === text.length
    ? clean
    : `${characters.slice(0, limit - 1).join('')}…`;
}

/** The beginning and the end of a long identifier: people compare both. */
export function shortId(id: string, head = 8, tail = 6): string {
  const clean = shown(id);
  return clean.length <= head + tail + 1 ? clean : `${clean.slice(0, head)}…${clean.slice(-tail)}`;
}

/** `sha256:0123abcd…` */
export function shortDigest(digest: string): string {
  const colon = digest.indexOf(':');
  if (colon === -1) return shortId(digest, 12, 0);
  return `${shown(digest.slice(0, colon), 12)}:${shown(digest.slice(colon + 1, colon + 13), 12)}…`;
}
