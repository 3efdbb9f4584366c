import type { Storage } from '@muster/core';
import { errorCode } from '@muster/core';
import { logErrors } from './errors.ts';
import { checksum, readU64, writeU64 } from './format.ts';
import { removeIfThere } from './layout.ts';

const MAGIC = Buffer.from('MUSTRSID', 'latin1');
const HEADER_BYTES = 40;
const ENVELOPE_VERSION = 1;
const MAX_KIND_BYTES = 8;

/** What a side file holds. */
export interface SideFile {
  /** What the file is for, up to 8 ASCII characters; another kind is refused when read. */
  readonly kind: string;
  /** Version of the content's own format, 0 to 65,535. */
  readonly version: number;
}

function parentOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut < 0 ? '.' : path.slice(0, cut);
}

/**
 * Writes a small file so that a reader, also after a crash, finds either the old content or the new one, whole. Calls for
 * the same path must not overlap.
 *
 * @throws errors of the storage; the old content is then still there, or the new one is.
 */
export async function writeSideFile(
  storage: Storage,
  path: string,
  { kind, version }: SideFile,
  content: Uint8Array,
): Promise<void> {
  const name = Buffer.from(kind, 'latin1');
  if (name.length > MAX_KIND_BYTES) throw new RangeError(`kind of ${name.length} bytes`);
  const bytes = Buffer.alloc(HEADER_BYTES + content.length);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt16LE(ENVELOPE_VERSION, 8);
  bytes.writeUInt16LE(version, 10);
  name.copy(bytes, 16);
  writeU64(bytes, content.length, 24);
  bytes.set(content, HEADER_BYTES);
  bytes.writeUInt32LE(checksum(bytes, HEADER_BYTES, bytes.length), 32);
  bytes.writeUInt32LE(checksum(bytes, 0, 36), 36);
  const temporary = `${path}.tmp`;
  await removeIfThere(storage, temporary);
  const file = await storage.open(temporary, 'create');
  try {
    await file.write(0, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await storage.rename(temporary, path);
  await storage.syncDirectory(parentOf(path));
}

/**
 * Reads what {@link writeSideFile} wrote; undefined when there is no such file.
 *
 * @throws SIDE_FILE_CORRUPT, STORE_VERSION (of the envelope; the content's version is returned for the caller to judge)
 */
export async function readSideFile(
  storage: Storage,
  path: string,
  kind: string,
): Promise<{ readonly version: number; readonly content: Uint8Array } | undefined> {
  const bytes = await readIfThere(storage, path);
  if (bytes === undefined) return undefined;
  const refuse = (reason: string): Error =>
    logErrors.create('SIDE_FILE_CORRUPT', `${path}: ${reason}`, { details: { file: path, reason } });
  if (bytes.length < HEADER_BYTES || MAGIC.compare(bytes, 0, MAGIC.length) !== 0) {
    throw refuse('no header of a side file');
  }
  if (checksum(bytes, 0, 36) !== bytes.readUInt32LE(36)) throw refuse('the header fails its checksum');
  const envelope = bytes.readUInt16LE(8);
  if (envelope !== ENVELOPE_VERSION) {
    throw logErrors.create('STORE_VERSION', `${path} has format version ${envelope}`, {
      details: { file: path, version: envelope, known: ENVELOPE_VERSION },
    });
  }
  const found = bytes.toString('latin1', 16, 16 + MAX_KIND_BYTES).replace(/\0+$/, '');
  if (found !== kind) throw refuse(`holds ${found}, not ${kind}`);
  if (readU64(bytes, 24) !== bytes.length - HEADER_BYTES) throw refuse('has another length than it says');
  if (checksum(bytes, HEADER_BYTES, bytes.length) !== bytes.readUInt32LE(32)) {
    throw refuse('the content fails its checksum');
  }
  return { version: bytes.readUInt16LE(10), content: bytes.subarray(HEADER_BYTES) };
}

async function readIfThere(storage: Storage, path: string): Promise<Buffer | undefined> {
  try {
    const file = await storage.open(path, 'read');
    try {
      const bytes = await file.read(0, await file.size());
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
