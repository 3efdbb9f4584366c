/**
 * Keys on disk: PEM PKCS#8, one key per file, mode 0600.
 *
 * Fault model: the host may crash at any point of a creation. The key is written to a temporary file, synced, and
 * then given its name, so what bears the name is a whole key that survives the crash; at worst a temporary file
 * is left beside it. Two programs may create the same file at once: one succeeds, the other gets KEY_FILE_EXISTS.
 * An existing file is never written to.
 */
import { randomBytes } from 'node:crypto';
import { link, open, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, MusterError } from '../../errors.ts';
import { identityErrors } from '../errors.ts';
import { Identity } from '../identity.ts';

/** A key file is 119 bytes; anything much larger is something else. */
const MAX_KEY_FILE_BYTES = 16_384;

/** File systems without hard links answer with one of these. */
const NO_HARD_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Writes the private key of `identity` to a new file, durably.
 * Throws KEY_FILE_EXISTS, and KEY_FILE_IO for any other failure of the file system.
 */
export async function createKeyFile(path: string, identity: Identity): Promise<void> {
  const pem = identity.toPem();
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeNewFile(temporary, pem);
    try {
      await link(temporary, path);
    } catch (error) {
      if (!NO_HARD_LINKS.has(errorCode(error) ?? '')) throw error;
      await writeNewFile(path, pem);
    } finally {
      await unlink(temporary);
    }
    await syncDirectory(dirname(path));
  } catch (error) {
    throw keyFileError(path, error);
  }
}

/**
 * Reads a key file. Throws KEY_FILE_NOT_FOUND; KEY_FILE_PERMISSIONS when group or others have any right to it (not
 * on Windows, which has no such bits); KEY_FILE_INVALID when it is not an Ed25519 key; KEY_FILE_IO.
 */
export async function readKeyFile(path: string): Promise<Identity> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    // Looked at through the handle, so that what is checked is what is read.
    const status = await file.stat();
    if (!status.isFile() || status.size > MAX_KEY_FILE_BYTES) {
      throw identityErrors.create('KEY_FILE_INVALID', `not a key file: ${path}`, { details: { path } });
    }
    if (process.platform !== 'win32' && (status.mode & 0o077) !== 0) {
      const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
      throw identityErrors.create('KEY_FILE_PERMISSIONS', `key file ${path} has mode ${mode}, wanted 0600`, {
        details: { path, mode },
      });
    }
    const pem = await file.readFile('utf8');
    try {
      return Identity.fromPem(pem);
    } catch (cause) {
      throw identityErrors.create('KEY_FILE_INVALID', `not an Ed25519 private key: ${path}`, {
        details: { path },
        cause,
      });
    }
  } catch (error) {
    throw keyFileError(path, error);
  } finally {
    await file?.close();
  }
}

/** Reads the key file, or creates it with a new key when there is none. Throws as the two functions above. */
export async function readOrCreateKeyFile(
  path: string,
): Promise<{ readonly identity: Identity; readonly created: boolean }> {
  try {
    return { identity: await readKeyFile(path), created: false };
  } catch (error) {
    if (errorCode(error) !== 'KEY_FILE_NOT_FOUND') throw error;
  }
  const identity = Identity.generate();
  try {
    await createKeyFile(path, identity);
    return { identity, created: true };
  } catch (error) {
    // Another program was quicker: its key is the key.
    if (errorCode(error) !== 'KEY_FILE_EXISTS') throw error;
    return { identity: await readKeyFile(path), created: false };
  }
}

async function writeNewFile(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows can't open a directory, and needs no sync to keep a name.
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function keyFileError(path: string, error: unknown): Error {
  if (error instanceof MusterError) return error;
  const options = { details: { path }, cause: error };
  switch (errorCode(error)) {
    case 'ENOENT':
      return identityErrors.create('KEY_FILE_NOT_FOUND', `no such file or directory: ${path}`, options);
    case 'EEXIST':
      return identityErrors.create('KEY_FILE_EXISTS', `there is a file already: ${path}`, options);
    case undefined:
      return identityErrors.create('KEY_FILE_IO', `key file ${path}: ${String(error)}`, options);
    default:
      // Which error of the system it was is told by its cause.
      return identityErrors.create('KEY_FILE_IO', `key file ${path} cannot be used`, options);
  }
}
