import {
  errorCode,
  fileStorage,
  MusterError,
  type Random,
  type Storage,
  systemRandom,
  systemTimers,
  type Timers,
} from '@muster/core';
import {
  type LoadProgress,
  lockStore,
  logErrors,
  type Restore,
  type StoreLock,
  type VerifyReport,
  verifyLog,
} from '../log/index.ts';
import { join } from '../log/layout.ts';
import { Directory } from '../model/directory.ts';
import type { DirectoryLimits } from '../model/limits.ts';
import { inconsistencies } from '../model/snapshot.ts';
import { loadLastSeen, restoreLastSeen } from './last-seen-file.ts';
import { transferErrors } from './original-errors.ts';
import { LAST_SEEN_FILE, restoreInto } from './store.ts';

const MAX_LISTED = 1_000;
const CHECKS_PER_TURN = 10_000;
/** What a lock fails with where nothing may be written: SQLite's READONLY and CANTOPEN, and those of the system. */
const READ_ONLY_ERRCODES: ReadonlySet<number> = new Set([8, 14]);
const READ_ONLY_CODES: ReadonlySet<string> = new Set(['EROFS', 'EACCES', 'EPERM']);

/** What a store holds, and what of it does not fit together. */
export interface CheckedContents {
  readonly nodes: number;
  readonly tombstones: number;
  readonly networks: number;
  readonly memberships: number;
  /** Pairs, and reports of one side. */
  readonly trustPairs: number;
  /** Sections that are kept for an export. */
  readonly carried: readonly string[];
  readonly inconsistencyCount: number;
  /** The first of them, in words. */
  readonly inconsistencies: readonly string[];
}

/** What a check of a store has found. */
export interface StoreCheckReport {
  /** The store opens, nothing in it is damaged, and its contents agree with one another. */
  readonly ok: boolean;
  /** Files, checksums and sequence numbers. */
  readonly log: VerifyReport;
  /** undefined when the contents could not be read: see `log` and `contentsError`. */
  readonly contents: CheckedContents | undefined;
  /** Why intact files could not be understood. */
  readonly contentsError: Error | undefined;
  /** The side file of the last signs of life; `damaged` costs only those times. */
  readonly lastSeen: 'good' | 'absent' | 'damaged';
}

/** How a store is read. */
export interface ReadStoreOptions {
  readonly limits?: Partial<DirectoryLimits> | undefined;
  /** For tests and simulations. @default the host's */
  readonly storage?: Storage | undefined;
  readonly random?: Random | undefined;
  readonly timers?: Timers | undefined;
}

/** A store that was read without changing it. */
export interface ReadStore {
  readonly state: Directory;
  readonly log: VerifyReport;
  readonly contentsError: Error | undefined;
  readonly lastSeen: StoreCheckReport['lastSeen'];
}

/**
 * Checks a store without changing it (B-34): every checksum, the sequence, and whether nodes, networks and trust
 * agree with one another. Damage is reported, not thrown.
 *
 * Errors: STORE_NOT_FOUND, STORE_LOCKED (a server is running: check a copy), errors of the system.
 */
export async function checkStore(
  directory: string,
  onProgress: (progress: LoadProgress) => void = () => undefined,
  options: ReadStoreOptions = {},
): Promise<StoreCheckReport> {
  return withStore(directory, options, async () => {
    const { state, log, contentsError, lastSeen } = await readStore(directory, onProgress, options);
    const timers = options.timers ?? systemTimers;
    const readable = log.opens && contentsError === undefined;
    const contents = readable ? await contentsOf(state, timers) : undefined;
    const ok = log.ok && lastSeen !== 'damaged' && contents?.inconsistencyCount === 0;
    return { ok, log, contents, contentsError, lastSeen };
  });
}

/** Runs `task` while nobody else may change the store. */
export async function withStore<T>(
  directory: string,
  options: ReadStoreOptions,
  task: () => Promise<T>,
): Promise<T> {
  await refuseMissing(options.storage ?? fileStorage, directory);
  const lock = await lockForReading(directory);
  try {
    return await task();
  } finally {
    await lock?.release();
  }
}

/**
 * Reads everything that a store holds, as opening it would, without changing it. After damage the state holds only what
 * came before it.
 */
export async function readStore(
  directory: string,
  onProgress: (progress: LoadProgress) => void,
  options: ReadStoreOptions,
): Promise<ReadStore> {
  const storage = options.storage ?? fileStorage;
  const timers = options.timers ?? systemTimers;
  const state = new Directory(options.random ?? systemRandom, options.limits);
  const restore = tolerant(restoreInto(state));
  const log = await verifyLog(storage, directory, {
    ...restore.handlers,
    progress: (progress) => {
      onProgress(progress);
      return timers.yield();
    },
  });
  const lastSeen = await readLastSeen(storage, directory, state);
  return { state, log, contentsError: restore.error(), lastSeen };
}

async function refuseMissing(storage: Storage, directory: string): Promise<void> {
  let names: string[] = [];
  try {
    names = (await storage.list(directory)).map(({ name }) => name);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  if (names.includes('log') || names.includes('snapshots')) return;
  throw transferErrors.create('STORE_NOT_FOUND', `${directory} holds no store`, { details: { directory } });
}

/** The store's lock; undefined where nothing can be written, so that nobody here can be writing either. */
async function lockForReading(directory: string): Promise<StoreLock | undefined> {
  try {
    return await lockStore(directory);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'STORE_LOCKED' && error instanceof MusterError) {
      throw logErrors.create('STORE_LOCKED', error.message, {
        hint: 'The server is running. Take a copy with `muster registry backup`, and use that.',
        details: { ...error.details },
        cause: error,
      });
    }
    if (isReadOnly(error, code)) return undefined;
    throw error;
  }
}

function isReadOnly(error: unknown, code: string | undefined): boolean {
  if (code !== undefined && READ_ONLY_CODES.has(code)) return true;
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return false;
  return typeof error.errcode === 'number' && READ_ONLY_ERRCODES.has(error.errcode & 0xff);
}

/** Handlers that keep the first error of the contents, so that the files behind it are still checked. */
function tolerant(handlers: Pick<Restore, 'snapshotBlock' | 'record'>): {
  readonly handlers: Pick<Restore, 'snapshotBlock' | 'record'>;
  error(): Error | undefined;
} {
  let failure: Error | undefined;
  const attempt = (step: () => void): void => {
    if (failure !== undefined) return;
    try {
      step();
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
  };
  return {
    handlers: {
      snapshotBlock: (kind, bytes) => attempt(() => handlers.snapshotBlock(kind, bytes)),
      record: (seq, type, payload) => attempt(() => handlers.record(seq, type, payload)),
    },
    error: () => failure,
  };
}

async function readLastSeen(
  storage: Storage,
  directory: string,
  state: Directory,
): Promise<StoreCheckReport['lastSeen']> {
  try {
    const bytes = await loadLastSeen(storage, join(directory, LAST_SEEN_FILE));
    if (bytes === undefined) return 'absent';
    restoreLastSeen(state.nodes, bytes);
    return 'good';
  } catch (error) {
    const code = errorCode(error);
    if (code === 'SIDE_FILE_CORRUPT' || code === 'STORE_VERSION' || error instanceof RangeError) {
      return 'damaged';
    }
    throw error;
  }
}

async function contentsOf(state: Directory, timers: Timers): Promise<CheckedContents> {
  const listed: string[] = [];
  let count = 0;
  for (const text of disagreements(state)) {
    if (listed.length < MAX_LISTED) listed.push(text);
    if (++count % CHECKS_PER_TURN === 0) await timers.yield();
  }
  let memberships = 0;
  for (const network of state.networks.values()) memberships += network.memberCount;
  return {
    nodes: state.nodes.liveCount,
    tombstones: state.nodes.tombstoneCount,
    networks: state.networks.size,
    memberships,
    trustPairs: state.trust.size,
    carried: Object.keys(state.carried),
    inconsistencyCount: count,
    inconsistencies: listed,
  };
}

function* disagreements(state: Directory): Generator<string> {
  yield* inconsistencies(state);
  const { nodes } = state;
  for (const network of state.networks.values()) {
    for (const member of network.members()) {
      if (nodes.slotOf(member) < 0) yield `network ${network.id}: member ${member} is unknown`;
    }
    for (const holder of network.roles.keys()) {
      if (!network.has(holder)) yield `network ${network.id}: node ${holder} has a role and is no member`;
    }
  }
  for (const [smaller, { peers }] of state.trust.entries) {
    for (const larger of peers.keys()) {
      if (nodes.slotOf(smaller) < 0 || nodes.slotOf(larger) < 0) {
        yield `trust between ${smaller} and ${larger} names an unknown node`;
      }
    }
  }
  for (let slot = 0; slot < nodes.usedSlots; slot++) {
    const key = nodes.idOf(slot) === 0 ? undefined : nodes.key(slot);
    if (key !== undefined && nodes.slotOfKey(key) !== slot) {
      yield `node ${nodes.idOf(slot)}: its key leads to node ${nodes.idOf(nodes.slotOfKey(key))}`;
    }
  }
}
