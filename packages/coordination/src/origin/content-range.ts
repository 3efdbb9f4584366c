/** What a 206 answer says that it holds. */
export interface ContentRange {
  readonly start: number;
  /** The last byte. */
  readonly end: number;
  /** Of the whole object, when it is told. */
  readonly size: number | undefined;
}

const PATTERN = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/;

/** Reads `Content-Range`; undefined when it is malformed or contradicts itself. */
export function parseContentRange(text: string | undefined): ContentRange | undefined {
  const [, start, end, size] = PATTERN.exec(text?.trim() ?? '') ?? [];
  if (start === undefined || end === undefined) return undefined;
  const range = { start: Number(start), end: Number(end), size: size === '*' ? undefined : Number(size) };
  const isSound = range.start <= range.end && (range.size === undefined || range.end < range.size);
  return isSound ? range : undefined;
}

/** Reads `Content-Length`. */
export function parseContentLength(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text.trim()) ? Number(text) : undefined;
}
