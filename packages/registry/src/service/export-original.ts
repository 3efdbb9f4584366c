/*
 * Writes a store as a snapshot that the original server accepts (spec §10.1, B-34).
 *
 * Fault model: the disk may fail or fill up, and the machine may stop at any moment. The store is only read. The file
 * gets its name when it was written, synced and read back, so a file with that name is whole.
 */
import {
  type Clock,
  errorCode,
  fileStorage,
  MusterError,
  systemClock,
  systemRandom,
  systemTimers,
} from '@muster/core';
import { logErrors } from '../log/index.ts';
import { removeIfThere } from '../log/layout.ts';
import {
  type OriginalExportSummary,
  type OriginalLeftOut,
  readOriginalSnapshot,
  writeOriginalSnapshot,
} from '../original/index.ts';
import { snapshotStyle } from '../original/json-text.ts';
import { checksumOf } from '../original/snapshot-writer.ts';
import type { TransferProgress } from './import-original.ts';
import { transferErrors } from './original-errors.ts';
import { type NetworkWithNewToken, sourceFromDirectory } from './original-from-directory.ts';
import { type TransferNote, TransferNotes } from './original-notes.ts';
import { chunksOf } from './original-source.ts';
import { readStore, type ReadStore, type ReadStoreOptions, withStore } from './store-check.ts';

const WRITE_BYTES = 1024 * 1024;
const SYNC_BYTES = 32 * 1024 * 1024;
const DEFAULT_ONLINE_MS = 30 * 60_000;

/** What is exported, and where to. */
export interface ExportOriginalStoreOptions extends ReadStoreOptions {
  /** The store. No server may have it open: export a copy then. */
  readonly directory: string;
  /** The file to write; it must not exist. */
  readonly to: string;
  /** A node that was seen within this time counts as online in the file's figures. @default 1_800_000 */
  readonly onlineMs?: number | undefined;
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  /** For tests and simulations. @default the host's */
  readonly clock?: Clock | undefined;
}

/** What an export has done. */
export interface ExportReport {
  readonly path: string;
  readonly bytes: number;
  /** Lower-case hex SHA-256, as it stands in the file. */
  readonly checksum: string;
  readonly nodes: number;
  /** Identities that are gone, and are in the key index. */
  readonly tombstones: number;
  readonly networks: number;
  readonly trustPairs: number;
  /** Networks whose tokens were replaced by random ones: they stay closed until new ones are given out. */
  readonly newTokens: readonly NetworkWithNewToken[];
  /** What the format has no place for. */
  readonly leftOut: readonly OriginalLeftOut[];
  readonly notes: readonly TransferNote[];
}

/**
 * Exports a store as a snapshot of version 1, with mode 0600.
 *
 * What changes: hashed tokens are replaced by random ones; tombstones become entries of the key index; the figures of
 * nodes, trust and tags are counted anew; every member has a role; `notes` and `leftOut` have the rest.
 *
 * Errors: EXPORT_TARGET, EXPORT_UNVERIFIED, STORE_NOT_FOUND, STORE_LOCKED (a server is running: export a backup of
 * it), LOG_CORRUPT and the other codes of a damaged store, errors of the system.
 */
export async function exportOriginalStore(options: ExportOriginalStoreOptions): Promise<ExportReport> {
  const { directory } = options;
  await refuseTarget(options);
  return withStore(directory, options, async () => {
    const { onProgress = () => undefined } = options;
    const loaded = await readStore(
      directory,
      ({ bytesDone, bytesTotal }) => onProgress({ phase: 'read', done: bytesDone, total: bytesTotal }),
      options,
    );
    refuseDamaged(loaded);
    return writeState(loaded, options);
  });
}

async function refuseTarget(options: ExportOriginalStoreOptions): Promise<void> {
  const { storage = fileStorage, to } = options;
  try {
    const file = await storage.open(to, 'read');
    await file.close();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  throw transferErrors.create('EXPORT_TARGET', `${to} exists`, { details: { file: to } });
}

function refuseDamaged({ log, contentsError }: ReadStore): void {
  const problem = log.problems.find(({ fatal }) => fatal);
  if (problem !== undefined) {
    const { code, file, offset, reason } = problem;
    throw logErrors.create(code, `${file}: ${reason}`, { details: { file, offset, reason } });
  }
  if (contentsError === undefined) return;
  if (contentsError instanceof MusterError) throw contentsError;
  throw logErrors.create('SNAPSHOT_CORRUPT', `the contents do not fit together: ${contentsError.message}`, {
    cause: contentsError,
  });
}

async function writeState({ state }: ReadStore, options: ExportOriginalStoreOptions): Promise<ExportReport> {
  const { clock = systemClock, random = systemRandom, to, onlineMs = DEFAULT_ONLINE_MS } = options;
  const { storage = fileStorage } = options;
  const notes = new TransferNotes();
  const { source, newTokens } = sourceFromDirectory(state, {
    random,
    nowSeconds: Math.floor(clock.now() / 1000),
    onlineSeconds: Math.ceil(onlineMs / 1000),
    notes,
  });
  const temporary = `${to}.exporting`;
  try {
    const summary = await writeFile(temporary, writeOriginalSnapshot(source), options);
    await verifyFile(temporary, summary, options);
    await refuseTarget(options);
    await storage.rename(temporary, to);
    await storage.syncDirectory(parentOf(to));
    return {
      path: to,
      bytes: summary.bytes,
      checksum: summary.checksum,
      nodes: state.nodes.liveCount,
      tombstones: state.nodes.tombstoneCount,
      networks: state.networks.size,
      trustPairs: source.trustPairs.length,
      newTokens,
      leftOut: summary.leftOut,
      notes: notes.list(),
    };
  } catch (error) {
    await removeIfThere(storage, temporary).catch(() => undefined);
    throw error;
  }
}

async function writeFile(
  path: string,
  snapshot: ReturnType<typeof writeOriginalSnapshot>,
  options: ExportOriginalStoreOptions,
): Promise<OriginalExportSummary> {
  const { storage = fileStorage, timers = systemTimers, onProgress = () => undefined } = options;
  await removeIfThere(storage, path);
  const file = await storage.open(path, 'create');
  try {
    let position = 0;
    let synced = 0;
    let pending: Uint8Array[] = [];
    let pendingBytes = 0;
    const flush = async (): Promise<void> => {
      await file.write(position, Buffer.concat(pending, pendingBytes));
      position += pendingBytes;
      pending = [];
      pendingBytes = 0;
      onProgress({ phase: 'write', done: position, total: undefined });
    };
    for (const chunk of snapshot) {
      pending.push(chunk);
      pendingBytes += chunk.length;
      if (pendingBytes < WRITE_BYTES) {
        await timers.yield();
        continue;
      }
      await flush();
      if (position - synced < SYNC_BYTES) continue;
      await file.sync();
      synced = position;
    }
    await flush();
    await file.sync();
  } finally {
    await file.close();
  }
  return snapshot.summary();
}

/** Reads the file back as the original would: its checksum must hold, and so must that of its content encoded anew. */
async function verifyFile(
  path: string,
  { checksum, bytes }: OriginalExportSummary,
  options: ExportOriginalStoreOptions,
): Promise<void> {
  const { storage = fileStorage, onProgress = () => undefined } = options;
  const chunks = chunksOf(storage, path, (done) => onProgress({ phase: 'verify', done, total: bytes }));
  let reason: string | undefined;
  try {
    const read = await readOriginalSnapshot(chunks, { check: false });
    if (read.checksum !== 'verified') reason = 'the checksum does not hold';
    else if (checksumOf(read.store, snapshotStyle) !== checksum) reason = 'it encodes to another file';
  } catch (error) {
    if (!(error instanceof MusterError)) throw error;
    reason = error.message;
  }
  if (reason === undefined) return;
  throw transferErrors.create('EXPORT_UNVERIFIED', `${path}: ${reason}`, { details: { file: path, reason } });
}

function parentOf(path: string): string {
  const cut = path.lastIndexOf('/');
  if (cut < 0) return '.';
  return cut === 0 ? '/' : path.slice(0, cut);
}
