/*
 * Imports the store of the original server (spec §10.1–10.3, B-29, B-34).
 *
 * Fault model: the original's files may be damaged in any way, the disk may fail, and the machine may stop at any
 * moment. The original's files are only read. The new store is marked as unfinished until everything in it was
 * written, synced and read back; a store that is marked so never opens. It is written so that it can't come back
 * half: two snapshots hold the whole state, and the log begins behind the first, so that losing both of them is seen
 * as a gap and never as a fleet of zero nodes.
 */
import { createHash, type Hash } from 'node:crypto';
import {
  type Clock,
  errorCode,
  fileStorage,
  type Random,
  type Storage,
  systemClock,
  systemRandom,
  systemTimers,
  type Timers,
} from '@muster/core';
import { lockStore, type Log, openLog, type SnapshotBlock, verifyLog } from '../log/index.ts';
import { COPY_MARKER, join } from '../log/layout.ts';
import { Directory } from '../model/directory.ts';
import { encodeEvent, type RegistryEvent } from '../model/events.ts';
import { BACKBONE, type DirectoryLimits } from '../model/limits.ts';
import { NodeFlag } from '../model/node-table.ts';
import { inconsistencies, SnapshotCapture } from '../model/snapshot.ts';
import type {
  OriginalChecksumResult,
  OriginalLogSkip,
  OriginalWarning,
  OriginalWarningCode,
} from '../original/index.ts';
import { transferErrors } from './original-errors.ts';
import { type TransferNote, TransferNotes } from './original-notes.ts';
import { type OriginalSource, readOriginalSource } from './original-source.ts';
import { fillDirectory } from './original-to-directory.ts';
import { restoreInto } from './store.ts';

/** How far an import or an export has come. Units: identities for `build`, bytes otherwise. */
export interface TransferProgress {
  readonly phase: 'read' | 'build' | 'write' | 'verify';
  readonly done: number;
  /** undefined when it is not known beforehand. */
  readonly total: number | undefined;
}

/** What is imported, where to, and what is accepted. */
export interface ImportOriginalStoreOptions {
  /** The original's snapshot; undefined when it never wrote one. */
  readonly snapshotPath?: string | undefined;
  /** The original's log. @default the snapshot's path with `.wal`, where there is such a file */
  readonly logPath?: string | undefined;
  /** Leave out the log, with the writes that only it has. @default false */
  readonly withoutLog?: boolean | undefined;
  /** The new store: missing or empty. */
  readonly directory: string;
  /** Use every intact record of a damaged log. @default false */
  readonly salvage?: boolean | undefined;
  /** Accept a snapshot of version 1 that has no checksum. @default false */
  readonly acceptMissingChecksum?: boolean | undefined;
  readonly limits?: Partial<DirectoryLimits> | undefined;
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  /** For tests and simulations. @default the host's */
  readonly storage?: Storage | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly timers?: Timers | undefined;
}

/** What an import has done. */
export interface ImportReport {
  readonly directory: string;
  readonly snapshot:
    | {
        readonly path: string;
        readonly bytes: number;
        readonly version: number;
        readonly checksum: OriginalChecksumResult;
      }
    | undefined;
  readonly log: ImportedLog | undefined;
  readonly nodes: number;
  /** Nodes that can't act, because their key is missing or unreadable. */
  readonly nodesWithoutKey: readonly number[];
  /** Identities that are gone and may come back. */
  readonly tombstones: number;
  readonly networks: number;
  readonly trustPairs: number;
  /** Tokens of networks that are now kept as hashes. */
  readonly hashedTokens: number;
  /** Sections that are kept for the way back. */
  readonly carried: readonly string[];
  /** What was odd in the original's files. */
  readonly warnings: readonly OriginalWarning[];
  readonly warningTotals: Readonly<Partial<Record<OriginalWarningCode, number>>>;
  /** What is not as it was. */
  readonly notes: readonly TransferNote[];
  /** The new store ends with this record. */
  readonly lastSeq: number;
}

/** What became of the original's log. */
export interface ImportedLog {
  readonly path: string;
  readonly bytes: number;
  readonly records: number;
  /** Records that changed something. */
  readonly applied: number;
  /** Where reading ended early; only with `salvage`. */
  readonly stoppedAt: number | undefined;
  readonly skipped: readonly OriginalLogSkip[];
}

type Settings = Required<Pick<ImportOriginalStoreOptions, 'directory'>> & {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly limits: Partial<DirectoryLimits>;
  readonly progress: (progress: TransferProgress) => void;
};

/**
 * Imports a store of the original into a new store.
 *
 * What changes: times are kept in UTC with second precision; tokens of networks become hashes; reaped identities
 * become tombstones as of now; roles and memberships follow the networks' lists; `ImportReport.notes` has the
 * rest. The mark "registered with a signature" (B-14) is not in the original's files: it is off until a node
 * registers with its signature again.
 *
 * Errors: IMPORT_NOTHING, IMPORT_TARGET, IMPORT_CHECKSUM_MISSING, IMPORT_LOG_STOPPED, IMPORT_TOO_LARGE,
 * IMPORT_UNVERIFIED, STORE_LOCKED, those of reading a snapshot of the original, of the log, and of the system.
 */
export async function importOriginalStore(options: ImportOriginalStoreOptions): Promise<ImportReport> {
  const settings: Settings = {
    directory: options.directory,
    storage: options.storage ?? fileStorage,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    timers: options.timers ?? systemTimers,
    limits: options.limits ?? {},
    progress: options.onProgress ?? (() => undefined),
  };
  await refuseUsedTarget(settings, []);
  const source = await readOriginalSource({
    storage: settings.storage,
    snapshotPath: options.snapshotPath,
    logPath: options.logPath,
    withoutLog: options.withoutLog ?? false,
    salvage: options.salvage ?? false,
    acceptMissingChecksum: options.acceptMissingChecksum ?? false,
    onBytes: (done, total) => settings.progress({ phase: 'read', done, total }),
  });
  const notes = new TransferNotes();
  const state = await build(settings, source, notes);
  await settings.storage.makeDirectory(settings.directory);
  const lock = await lockStore(settings.directory);
  try {
    await refuseUsedTarget(settings, ['LOCK', 'LOCK-OWNER']);
    const lastSeq = await writeStore(settings, state);
    return reportOf(settings.directory, source, state, notes, lastSeq);
  } finally {
    await lock.release();
  }
}

async function refuseUsedTarget({ storage, directory }: Settings, allowed: readonly string[]): Promise<void> {
  try {
    const entries = await storage.list(directory);
    const found = entries.find(({ name }) => !allowed.includes(name));
    if (found === undefined) return;
    throw transferErrors.create('IMPORT_TARGET', `${directory} is not empty: it holds ${found.name}`, {
      details: { directory, found: found.name },
    });
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

async function build(settings: Settings, source: OriginalSource, notes: TransferNotes): Promise<Directory> {
  const { clock, random, timers } = settings;
  const { store } = source.imported;
  const state = new Directory(random, settings.limits);
  const nowSeconds = Math.floor(clock.now() / 1000);
  for (const done of fillDirectory(state, store, { random, nowSeconds, notes })) {
    settings.progress({ phase: 'build', done, total: undefined });
    await timers.yield();
  }
  const wrong = inconsistencies(state).next();
  if (wrong.done !== true) throw unverified(settings, wrong.value);
  return state;
}

/** Writes the state and reads it back; answers the last sequence number. */
async function writeStore(settings: Settings, state: Directory): Promise<number> {
  const { storage, directory } = settings;
  const marker = await storage.open(join(directory, COPY_MARKER), 'create');
  await marker.close();
  await storage.syncDirectory(directory);

  const first = await openStore(settings, new Directory(settings.random, { maxNodes: 0, maxTombstones: 0 }));
  const written = await writeGeneration(
    first,
    state,
    backboneCreated(state, settings.clock),
    'write',
    settings,
  );

  const copy = new Directory(settings.random, settings.limits);
  const second = await openStore(settings, copy);
  const wrong = inconsistencies(copy).next();
  const event: RegistryEvent = { type: 'settings.identity_webhook', url: copy.identityWebhookUrl };
  const readBack = await writeGeneration(second, copy, event, 'verify', settings);
  if (wrong.done !== true) throw unverified(settings, wrong.value);
  if (written.digest !== readBack.digest) throw unverified(settings, 'what was read back differs');

  const check = await verifyLog(storage, directory);
  const problem = check.problems.find(({ code }) => code !== 'STORE_INCOMPLETE');
  if (problem !== undefined) throw unverified(settings, `${problem.file}: ${problem.reason}`);
  await storage.remove(join(directory, COPY_MARKER));
  await storage.syncDirectory(directory);
  return readBack.seq;
}

async function openStore(settings: Settings, state: Directory): Promise<Log> {
  const { storage, clock, timers, random, directory } = settings;
  // A failure of the log rejects what is being waited for as well.
  const base = { storage, clock, timers, random, directory, onFatal: () => undefined };
  const { log } = await openLog({ ...base, unfinished: true }, restoreInto(state));
  return log;
}

/** Appends an event that leaves the state as it is, and writes the state as of that event. Closes the log. */
async function writeGeneration(
  log: Log,
  state: Directory,
  event: RegistryEvent,
  phase: 'write' | 'verify',
  { progress }: Settings,
): Promise<{ readonly seq: number; readonly digest: string }> {
  const capture = new SnapshotCapture(state, log.appendedSeq + 1);
  const hash = createHash('sha256');
  try {
    const { type, payload } = encodeEvent(event);
    const seq = log.appendOne(type, payload);
    const blocks = hashed(capture.blocks(), hash, (done) => progress({ phase, done, total: undefined }));
    await log.writeSnapshot({ seq, blocks });
    return { seq, digest: hash.digest('hex') };
  } finally {
    capture.end();
    await log.close();
  }
}

function* hashed(
  blocks: Iterable<SnapshotBlock>,
  hash: Hash,
  onBytes: (done: number) => void,
): Generator<SnapshotBlock> {
  let done = 0;
  for (const block of blocks) {
    hash.update(`${block.kind}:${block.bytes.length}:`).update(block.bytes);
    yield block;
    done += block.bytes.length;
    onBytes(done);
  }
}

/** The first event of a store: since when the backbone exists. */
function backboneCreated(state: Directory, clock: Clock): RegistryEvent {
  const created = state.networks.get(BACKBONE)?.profile.created ?? 0;
  return {
    type: 'network.created',
    id: BACKBONE,
    name: 'backbone',
    joinRule: 'open',
    enterprise: false,
    creator: 0,
    at: created > 0 ? created : Math.floor(clock.now() / 1000),
  };
}

function unverified({ directory }: Settings, reason: string): Error {
  return transferErrors.create('IMPORT_UNVERIFIED', `import to ${directory}: ${reason}`, {
    details: { directory, reason },
  });
}

function reportOf(
  directory: string,
  source: OriginalSource,
  state: Directory,
  notes: TransferNotes,
  lastSeq: number,
): ImportReport {
  const { snapshotPath, logPath, imported } = source;
  const { nodes, networks, trust } = state;
  const nodesWithoutKey: number[] = [];
  for (let slot = 0; slot < nodes.usedSlots; slot++) {
    if (nodes.has(slot, NodeFlag.live) && !nodes.has(slot, NodeFlag.hasKey)) {
      nodesWithoutKey.push(nodes.idOf(slot));
    }
  }
  let hashedTokens = 0;
  for (const { profile } of networks.values()) {
    hashedTokens += (profile.token === undefined ? 0 : 1) + (profile.adminToken === undefined ? 0 : 1);
  }
  return {
    directory,
    snapshot:
      snapshotPath === undefined
        ? undefined
        : {
            path: snapshotPath,
            bytes: source.snapshotBytes,
            version: imported.store.version,
            checksum: imported.checksum,
          },
    log:
      logPath === undefined
        ? undefined
        : {
            path: logPath,
            bytes: source.logBytes,
            records: imported.log.records.length,
            applied: imported.replay.applied,
            stoppedAt: imported.log.stopped?.offset,
            skipped: imported.log.skipped,
          },
    nodes: nodes.liveCount,
    nodesWithoutKey,
    tombstones: nodes.tombstoneCount,
    networks: networks.size,
    trustPairs: trust.size,
    hashedTokens,
    carried: Object.keys(state.carried),
    warnings: imported.warnings.warnings,
    warningTotals: Object.fromEntries(imported.warnings.totals),
    notes: notes.list(),
    lastSeq,
  };
}
