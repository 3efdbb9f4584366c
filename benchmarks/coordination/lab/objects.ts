import { createHash } from 'node:crypto';
import { keystream } from './keystream.ts';

export type LabDigest = `sha256:${string}`;

/** An object of a registry. Those of the key stream take no memory. */
export interface LabObject {
  readonly digest: LabDigest;
  readonly size: number;
  readonly mediaType: string;
  /** The bytes from this position on, in chunks. */
  read(start: number): Iterable<Uint8Array>;
}

/** What a descriptor of a manifest says of it. */
export interface LabDescriptor {
  readonly mediaType: string;
  readonly digest: LabDigest;
  readonly size: number;
}

const CHUNK = 65_536;

export function digestOfBytes(bytes: Uint8Array): LabDigest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** An object whose bytes are in memory. */
export function bytesObject(bytes: Uint8Array, mediaType: string): LabObject {
  return {
    digest: digestOfBytes(bytes),
    size: bytes.length,
    mediaType,
    *read(start) {
      for (let at = start; at < bytes.length; at += CHUNK) yield bytes.subarray(at, at + CHUNK);
    },
  };
}

/** An object of the key stream of a name. Its digest is computed here: about a second for a gigabyte. */
export function streamObject(name: string, size: number, mediaType: string): LabObject {
  const hash = createHash('sha256');
  for (const chunk of keystream(name, 0, size)) hash.update(chunk);
  return {
    digest: `sha256:${hash.digest('hex')}`,
    size,
    mediaType,
    read: (start) => keystream(name, start, size),
  };
}

export function descriptorOf({ mediaType, digest, size }: LabObject): LabDescriptor {
  return { mediaType, digest, size };
}
