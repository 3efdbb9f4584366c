import { coordinationErrors } from './errors.ts';
import type { Digest } from './types.ts';

/** What all digests begin with; a reference that does not is a tag (coordination spec 3.1). */
export const DIGEST_PREFIX = 'sha256:';
/** Length of every digest in characters. */
export const DIGEST_LENGTH = 71;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** True for `sha256:` and 64 lower-case hex digits, without anything before or after. */
export function isDigest(text: string): text is Digest {
  return text.length === DIGEST_LENGTH && DIGEST.test(text);
}

/** The digest that the text is (3.1). Throws `DIGEST_INVALID` for everything else, without repeating long texts. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw coordinationErrors.create('DIGEST_INVALID', `not a digest: ${JSON.stringify(text.slice(0, 80))}`);
}

/** True when the reference of an HTTP path is a tag: it does not begin as a digest does (3.1). */
export function isTag(reference: string): boolean {
  return !reference.startsWith(DIGEST_PREFIX);
}
