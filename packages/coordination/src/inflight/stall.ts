/**
 * When a pull that another node reports counts as stalled (coordination spec 8.2 to 8.4). All of it is a judgement of the
 * asking side about clocks and nodes it does not control, so whatever is kept per node is bounded and expires.
 */

import type { Digest, ObjectKind } from '../types.ts';

/** Bytes per second that a pull of unknown health is granted at least (8.2). */
export const DEFAULT_STALL_BYTES_PER_SECOND = 52_428_800;

const SMALL_THRESHOLD_MS = 5_000;
const BLOB_FLOOR_SECONDS = 10;
const BLOB_FACTOR = 3;
const CLOCK_ALLOWANCE_MS = 2_000;
/** A difference up to this is the journey of the answer, not the clock. */
const CLOCK_DEVIATION_MS = 1_000;
const PROGRESS_LIMIT_MS = 1_800_000;
const MEMORY_MS = 600_000;
const MAX_LOOKS = 4096;
const MAX_CLOCKS = 4096;

/** How long a pull may take without evidence of progress. Sizes that are not positive are unknown. */
export function stallThresholdMs(
  kind: ObjectKind,
  expectedSize: number,
  bytesPerSecond: number = DEFAULT_STALL_BYTES_PER_SECOND,
): number {
  if (kind !== 'blob') return SMALL_THRESHOLD_MS;
  const seconds = expectedSize > 0 ? Math.ceil(expectedSize / bytesPerSecond) : 0;
  return BLOB_FACTOR * Math.max(BLOB_FLOOR_SECONDS, seconds) * 1_000;
}

/** How often a waiting node looks (8.3). */
export function pollIntervalMs(kind: ObjectKind): number {
  return kind === 'blob' ? 1_000 : 200;
}

/** One answer of a node about a pull that it runs. */
export interface PullReport {
  readonly digest: Digest;
  readonly nodeId: string;
  readonly kind: ObjectKind;
  /** 0 when unknown. */
  readonly expectedSize: number;
  readonly startedAt: number | undefined;
  readonly progressBytes: number | undefined;
}

/** What is to be thought of it. */
export interface PullVerdict {
  /** Older than its threshold, and without visible progress. */
  readonly isStalled: boolean;
  /** Has got further, or has begun anew, since the last look. */
  readonly isProgressing: boolean;
  /** Too old, but it tells its progress and nobody here has looked before: a second look will tell. */
  readonly isUndecided: boolean;
}

interface Look {
  readonly firstHeardAt: number;
  readonly at: number;
  readonly startedAt: number | undefined;
  readonly progressBytes: number | undefined;
}

/** Judges reports and remembers what is needed for it. Times are milliseconds of the wall clock, as reports carry them. */
export class StallWatch {
  readonly #looks = new Map<string, Look>();
  readonly #deviating = new Set<string>();
  readonly #bytesPerSecond: number;

  constructor(options: { readonly stallBytesPerSecond?: number } = {}) {
    this.#bytesPerSecond = options.stallBytesPerSecond ?? DEFAULT_STALL_BYTES_PER_SECOND;
  }

  /** Pulls of other nodes that are remembered. */
  get length(): number {
    return this.#looks.size;
  }

  /** {@link stallThresholdMs} with the configured rate. */
  thresholdMs(kind: ObjectKind, expectedSize: number): number {
    return stallThresholdMs(kind, expectedSize, this.#bytesPerSecond);
  }

  /** A node said that it has started a pull just now: shows whether its clock deviates. */
  started(nodeId: string, startedAt: number | undefined, now: number): void {
    if (startedAt === undefined) return;
    this.#deviating.delete(nodeId);
    if (Math.abs(startedAt - now) <= CLOCK_DEVIATION_MS) return;
    dropOldest(this.#deviating, MAX_CLOCKS);
    this.#deviating.add(nodeId);
  }

  /** Judges a report (8.4) and remembers it for the next look. */
  judge(report: PullReport, now: number): PullVerdict {
    const key = `${report.nodeId} ${report.digest}`;
    const last = this.#recent(key, now);
    const firstHeardAt = last?.firstHeardAt ?? now;
    this.#remember(key, { firstHeardAt, at: now, ...reported(report) });

    const age = Math.max(0, now - (report.startedAt ?? firstHeardAt));
    const allowance = this.#deviating.has(report.nodeId) ? CLOCK_ALLOWANCE_MS : 0;
    const isOld = age > this.thresholdMs(report.kind, report.expectedSize) + allowance;
    const isProgressing = last !== undefined && hasMoved(last, report, now);
    const isExcused = isProgressing && age <= PROGRESS_LIMIT_MS;
    const isUndecided = isOld && last === undefined && report.progressBytes !== undefined;
    return { isStalled: isOld && !isExcused, isProgressing, isUndecided };
  }

  #recent(key: string, now: number): Look | undefined {
    const look = this.#looks.get(key);
    return look !== undefined && Math.abs(now - look.at) <= MEMORY_MS ? look : undefined;
  }

  #remember(key: string, look: Look): void {
    this.#looks.delete(key);
    for (const [oldKey, old] of this.#looks) {
      if (look.at - old.at <= MEMORY_MS) break;
      this.#looks.delete(oldKey);
    }
    dropOldest(this.#looks, MAX_LOOKS);
    this.#looks.set(key, look);
  }
}

function reported(report: PullReport): Pick<Look, 'startedAt' | 'progressBytes'> {
  return { startedAt: report.startedAt, progressBytes: report.progressBytes };
}

/** Two looks tell of progress only when they are close together. A queued pull shows it by a start that moves. */
function hasMoved(last: Look, report: PullReport, now: number): boolean {
  const looksApartMs = report.kind === 'blob' ? 10_000 : 5_000;
  if (now - last.at > looksApartMs) return false;
  if (report.progressBytes !== undefined && report.progressBytes > (last.progressBytes ?? 0)) {
    return last.progressBytes !== undefined;
  }
  return report.startedAt !== undefined && last.startedAt !== undefined && report.startedAt > last.startedAt;
}

function dropOldest<Key>(entries: Map<Key, unknown> | Set<Key>, limit: number): void {
  if (entries.size < limit) return;
  const oldest = entries.keys().next();
  if (oldest.done !== true) entries.delete(oldest.value);
}
