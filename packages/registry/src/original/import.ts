import { checkOriginalStore } from './check.ts';
import { emptyOriginalStore } from './empty.ts';
import { ensureBackbone } from './load-rules.ts';
import { applyOriginalLog } from './log-apply.ts';
import type { OriginalReplay } from './log-apply.ts';
import { readOriginalLog } from './log-reader.ts';
import type { OriginalLog } from './log-reader.ts';
import { readOriginalSnapshot } from './snapshot-reader.ts';
import type { OriginalChecksumResult } from './snapshot-reader.ts';
import type { OriginalStore } from './types.ts';
import { OriginalWarnings } from './warnings.ts';
import type { OriginalWarningReport } from './warnings.ts';

/** What is imported and how. */
export interface ImportOriginalInput {
  /** The snapshot; absent when the original never wrote one. */
  readonly snapshot?: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** The log; absent when there is none. */
  readonly log?: Uint8Array;
  /** Read past what stops a replay of the original; see {@link readOriginalLog}. @default false */
  readonly salvage?: boolean;
  /** The largest element of the snapshot. @default 268435456 */
  readonly maxElementBytes?: number;
  /** Warnings listed per code; all are counted. @default 1000 */
  readonly maxWarningsPerCode?: number;
}

/** An imported store and all that is to be known about it. */
export interface ImportedOriginal {
  readonly store: OriginalStore;
  readonly checksum: OriginalChecksumResult;
  /** What the log held and where its reading ended; the caller decides whether a `stopped` log may be used. */
  readonly log: OriginalLog;
  readonly replay: OriginalReplay;
  /** From reading, replay and the check of the result. */
  readonly warnings: OriginalWarningReport;
}

/**
 * Imports what the original left on its disk: the snapshot, then its log on top, then a check that the result agrees
 * with itself (spec §10.1, §10.2, B-34). Writes nothing.
 *
 * Errors: those of {@link readOriginalSnapshot}. A damaged log is no error but `log.stopped`.
 */
export async function importOriginal(input: ImportOriginalInput): Promise<ImportedOriginal> {
  const warnings = new OriginalWarnings(input.maxWarningsPerCode);
  let store = emptyOriginalStore();
  let checksum: OriginalChecksumResult = 'absent';
  if (input.snapshot === undefined) ensureBackbone(store);
  else {
    const { maxElementBytes } = input;
    const limits = maxElementBytes === undefined ? {} : { maxElementBytes };
    ({ store, checksum } = await readOriginalSnapshot(input.snapshot, { check: false, warnings, ...limits }));
  }
  const log = readOriginalLog(input.log ?? new Uint8Array(0), { salvage: input.salvage ?? false });
  const replay = applyOriginalLog(store, log.records, warnings);
  checkOriginalStore(store, warnings);
  return { store, checksum, log, replay, warnings };
}
