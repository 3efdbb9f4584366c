/** Media types of manifests, told by their first bytes (coordination spec 13.5). */

export const OCTET_STREAM = 'application/octet-stream';
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** How many bytes are looked at. */
export const SNIFF_BYTES = 512;

const BY_PRECEDENCE = [
  'application/vnd.oci.image.index.v1+json',
  OCI_MANIFEST,
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

const BRACE = 0x7b;

/** The media type that the first bytes of a body show; undefined when they show none. */
export function sniffMediaType(prefix: Uint8Array): string | undefined {
  if (prefix.length < 2 || prefix[0] !== BRACE) return undefined;
  const length = Math.min(prefix.length, SNIFF_BYTES);
  const text = Buffer.from(prefix.buffer, prefix.byteOffset, length).toString('latin1');
  const named = BY_PRECEDENCE.find((type) => text.includes(type));
  return named ?? (text.includes('"schemaVersion"') ? OCI_MANIFEST : undefined);
}

/** A media type that may go into a header; what others have written into a manifest may hold anything. */
export function isMediaType(text: string): boolean {
  return text.length <= 255 && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(text);
}

/** `Content-Type` of an answer: what is known, else what the path and the body say. */
export function contentTypeOf(facts: {
  readonly known: string | undefined;
  readonly path: 'manifest' | 'blob';
  /** The first bytes of the object; undefined when they are not at hand. */
  readonly prefix: Uint8Array | undefined;
}): string {
  if (facts.known !== undefined && isMediaType(facts.known)) return facts.known;
  const sniffed = facts.prefix === undefined ? undefined : sniffMediaType(facts.prefix);
  return sniffed ?? (facts.path === 'manifest' ? OCI_MANIFEST : OCTET_STREAM);
}
