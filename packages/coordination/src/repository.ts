/** Longest repository name in bytes (coordination spec 13.2). */
export const MAX_REPOSITORY_BYTES = 255;

const SEGMENT = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*$/;

/**
 * True for repository names of the distribution grammar. What passes goes into URLs of origins and into wire messages, so
 * that nothing with a dot segment, an escape, a query or a blank may.
 */
export function isRepository(text: string): boolean {
  return text.length <= MAX_REPOSITORY_BYTES && text.split('/').every((segment) => SEGMENT.test(segment));
}
