/** Texts of strangers are shown without control characters and of bounded length: they go to pages, terminals and logs. */

/** Longest text of a stranger that is shown. */
export const MAX_SHOWN_CHARS = 256;

// Control characters, what turns the direction of writing, and what breaks lines.
// oxlint-disable-next-line no-control-regex
const UNSHOWN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu;

/** The text without what could move a cursor or hide something. */
export function shown(text: string): string {
  const cut = text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS - 1)}…` : text;
  return cut.replace(UNSHOWN, '\ufffd');
}

/** The first texts of a list. */
export function shownAll(texts: readonly string[], limit: number): readonly string[] {
  return texts.slice(0, limit).map(shown);
}
