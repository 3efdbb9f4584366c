import type { Random, Storage } from '@muster/core';
import { type LoadProgress, verifyLog, type VerifyReport } from '../log/index.ts';
import { Directory } from '../model/directory.ts';
import type { DirectoryLimits } from '../model/limits.ts';
import { inconsistencies } from '../model/snapshot.ts';
import { restoreInto } from './store.ts';

/** Contradictions that are told one by one; all are counted. */
export const MAX_LISTED_CONTRADICTIONS = 100;

/** What a store holds. */
export interface StoreContents {
  readonly liveNodes: number;
  /** Identities of nodes that are gone, kept so that their ids are not given to others. */
  readonly tombstones: number;
  /** With the backbone. */
  readonly networks: number;
}

/** What is known of a store after everything in it has been read and loaded. */
export interface StoreVerification {
  /** Nothing is wrong: files, records, and what they say. */
  readonly ok: boolean;
  /** What the files and records are like. */
  readonly log: VerifyReport;
  /** What the store holds; undefined when it doesn't open, or can't be loaded. */
  readonly contents: StoreContents | undefined;
  /** Why a whole record or block could not be applied, although its checksum is right; undefined when all could. */
  readonly unloadable: { readonly where: string; readonly reason: string } | undefined;
  /** Where parts of the state don't agree, at most {@link MAX_LISTED_CONTRADICTIONS}. */
  readonly contradictions: readonly string[];
  readonly contradictionCount: number;
}

export interface VerifyStoreOptions {
  readonly storage: Storage;
  readonly random: Random;
  /** As the registry that wrote the store has them: what exceeds them can't be loaded. */
  readonly limits?: Partial<DirectoryLimits>;
  readonly onProgress?: (progress: LoadProgress) => void | Promise<void>;
}

/**
 * Checks a store without changing it (B-34): every file, every checksum, the sequence, and, where the store opens, whether
 * its contents can be loaded and agree with one another. Nobody may write to the store meanwhile.
 *
 * @throws errors of the storage; damage is reported, not thrown
 */
export async function verifyStore(
  directory: string,
  { storage, random, limits, onProgress }: VerifyStoreOptions,
): Promise<StoreVerification> {
  const state = new Directory(random, limits);
  const restore = restoreInto(state);
  let unloadable: StoreVerification['unloadable'];
  const attempt = (where: () => string, apply: () => void): void => {
    if (unloadable !== undefined) return;
    try {
      apply();
    } catch (error) {
      unloadable = { where: where(), reason: error instanceof Error ? error.message : String(error) };
    }
  };
  const log = await verifyLog(storage, directory, {
    snapshotBlock(kind, bytes) {
      attempt(
        () => `a snapshot block of kind ${kind}`,
        () => restore.snapshotBlock(kind, bytes),
      );
    },
    record(seq, type, payload) {
      attempt(
        () => `record ${seq}`,
        () => restore.record(seq, type, payload),
      );
    },
    ...(onProgress === undefined ? {} : { progress: onProgress }),
  });
  // Of a store that doesn't open, only a part was loaded: what that part says is no news.
  if (!log.opens) {
    const nothing = { contents: undefined, unloadable: undefined, contradictions: [], contradictionCount: 0 };
    return { ok: false, log, ...nothing };
  }
  if (unloadable !== undefined) {
    return { ok: false, log, contents: undefined, unloadable, contradictions: [], contradictionCount: 0 };
  }
  const contradictions: string[] = [];
  let contradictionCount = 0;
  for (const text of inconsistencies(state)) {
    contradictionCount++;
    if (contradictions.length < MAX_LISTED_CONTRADICTIONS) contradictions.push(text);
  }
  const { liveCount, tombstoneCount } = state.nodes;
  const contents = { liveNodes: liveCount, tombstones: tombstoneCount, networks: state.networks.size };
  const ok = log.ok && contradictionCount === 0;
  return { ok, log, contents, unloadable, contradictions, contradictionCount };
}
