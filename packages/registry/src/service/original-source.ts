import { errorCode, type Storage } from '@muster/core';
import { importOriginal, type ImportedOriginal } from '../original/index.ts';
import { transferErrors } from './original-errors.ts';

const CHUNK_BYTES = 1024 * 1024;

/** The files of the original that are read. */
export interface OriginalSource {
  readonly snapshotPath: string | undefined;
  readonly snapshotBytes: number;
  readonly logPath: string | undefined;
  readonly logBytes: number;
  readonly imported: ImportedOriginal;
}

/** What is read, and under which conditions. */
export interface OriginalSourceOptions {
  readonly storage: Storage;
  readonly snapshotPath: string | undefined;
  readonly logPath: string | undefined;
  readonly withoutLog: boolean;
  readonly salvage: boolean;
  readonly acceptMissingChecksum: boolean;
  readonly onBytes: (bytesDone: number, bytesTotal: number) => void;
}

/**
 * Reads the files of the original: the snapshot as a stream, the log as a whole (it has at most 256 MiB). Changes
 * nothing.
 *
 * Errors: IMPORT_NOTHING, IMPORT_CHECKSUM_MISSING, IMPORT_LOG_STOPPED, those of reading a snapshot (`details.position`
 * is a byte offset), ENOENT and others of the system.
 */
export async function readOriginalSource(options: OriginalSourceOptions): Promise<OriginalSource> {
  const { storage, snapshotPath, salvage } = options;
  const logPath = await findLog(options);
  if (snapshotPath === undefined && logPath === undefined) {
    throw transferErrors.create('IMPORT_NOTHING', 'import: there is neither a snapshot nor a log');
  }
  const snapshotBytes = snapshotPath === undefined ? 0 : await sizeOf(storage, snapshotPath);
  const log = logPath === undefined ? undefined : await readWhole(storage, logPath);
  const logBytes = log?.length ?? 0;
  const total = snapshotBytes + logBytes;
  const imported = await importOriginal({
    ...(snapshotPath === undefined
      ? {}
      : { snapshot: chunksOf(storage, snapshotPath, (done) => options.onBytes(done, total)) }),
    ...(log === undefined ? {} : { log }),
    salvage,
  });
  options.onBytes(total, total);
  const { store, checksum } = imported;
  const needsChecksum = snapshotPath !== undefined && store.version > 0 && !options.acceptMissingChecksum;
  if (needsChecksum && checksum === 'absent') {
    throw transferErrors.create('IMPORT_CHECKSUM_MISSING', `${snapshotPath} carries no checksum`, {
      details: { file: snapshotPath, version: store.version, flag: '--accept-missing-checksum' },
    });
  }
  const { stopped } = imported.log;
  if (stopped !== undefined && !salvage) {
    const { offset, reason, message } = stopped;
    throw transferErrors.create('IMPORT_LOG_STOPPED', `${logPath}: ${message}`, {
      details: { file: logPath, position: offset, reason, flag: '--salvage' },
    });
  }
  return { snapshotPath, snapshotBytes, logPath, logBytes, imported };
}

/** The log lies beside the snapshot and has its newest writes, so it is looked for when nothing is said. */
async function findLog(options: OriginalSourceOptions): Promise<string | undefined> {
  const { storage, snapshotPath, logPath, withoutLog } = options;
  if (withoutLog) return undefined;
  if (logPath !== undefined || snapshotPath === undefined) return logPath;
  const beside = `${snapshotPath}.wal`;
  try {
    await sizeOf(storage, beside);
    return beside;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function sizeOf(storage: Storage, path: string): Promise<number> {
  const file = await storage.open(path, 'read');
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}

async function readWhole(storage: Storage, path: string): Promise<Uint8Array> {
  const file = await storage.open(path, 'read');
  try {
    return await file.read(0, await file.size());
  } finally {
    await file.close();
  }
}

/** The bytes of a file, in a buffer that is used again for each chunk. */
export async function* chunksOf(
  storage: Storage,
  path: string,
  onBytes: (done: number) => void,
): AsyncGenerator<Uint8Array> {
  const file = await storage.open(path, 'read');
  try {
    const buffer = new Uint8Array(CHUNK_BYTES);
    let done = 0;
    for (;;) {
      const filled = await file.readInto(done, buffer);
      if (filled === 0) return;
      done += filled;
      yield buffer.subarray(0, filled);
      onBytes(done);
    }
  } finally {
    await file.close();
  }
}
