/** What the messages of the wire mean to us, and back (4.4, 4.5, 4.8). */

import { parseDigest } from '../digest.ts';
import type {
  Digest,
  FailureClass,
  ObjectKind,
  PleasePullResult,
  PullIntent,
  PullOutcome,
} from '../types.ts';
import type { PleasePullResultMessage, PullIntentResponse, WireTime } from './envelope.ts';

/** What every node serves (CO-W1). */
export const PROTOCOL_ID = '/gantry/coord/1.0.0';
/** The additive version that is served with the same handler, and offered when `coord_offer_minor` is 1 (4.1). */
export const PROTOCOL_ID_1_1 = '/gantry/coord/1.1.0';
/** Most digests of one PleasePullRequest (4.7). */
export const MAX_DIGESTS = 256;

const CLASSES: readonly FailureClass[] = ['', 'auth', 'not_found', 'rate_limited', 'transient'];
const OUTCOMES: readonly PullOutcome[] = ['unspecified', 'already_pulling', 'started', 'recently_failed'];
/** `KIND_UNSPECIFIED` is received as a blob and never sent. */
const KINDS: readonly ObjectKind[] = ['blob', 'blob', 'manifest', 'config'];

/** Last second that a timestamp can have: the end of the year 9999. */
const LAST_SECOND = 253_402_300_799;
const NANOS_PER_MS = 1_000_000;

/** The kind of a request; unknown ones are blobs (4.5.10). */
export function kindOfWire(kind: number): ObjectKind {
  return KINDS[kind] ?? 'blob';
}

export function kindToWire(kind: ObjectKind): number {
  return KINDS.lastIndexOf(kind);
}

/** A time, or undefined when it is absent, at or before the epoch, or beyond all calendars (4.5.11). */
export function timeOfWire(time: WireTime | undefined): number | undefined {
  if (time === undefined || time.seconds <= 0 || time.seconds > LAST_SECOND) return undefined;
  const isValid = time.nanos >= 0 && time.nanos < 1_000 * NANOS_PER_MS;
  return time.seconds * 1_000 + (isValid ? Math.floor(time.nanos / NANOS_PER_MS) : 0);
}

/** A time for the wire. Never at or before second 0, which receivers take for "unset" (CO-W2). */
export function timeToWire(ms: number): WireTime {
  const time = Math.max(1_000, Math.floor(ms));
  return { seconds: Math.floor(time / 1_000), nanos: (time % 1_000) * NANOS_PER_MS };
}

/** The answer to a pull_intent query as a message. Times are sent whenever their flag is (CO-W2); `now` stands in for missing ones. */
export function intentToWire(intent: PullIntent, now: number): PullIntentResponse {
  return {
    hasCached: intent.hasCached,
    inFlight: intent.inFlight,
    startedAt: intent.inFlight ? timeToWire(intent.startedAt ?? now) : undefined,
    hrwRank: intent.rank,
    recentlyFailed: intent.recentlyFailed,
    cooldownUntil: intent.recentlyFailed ? timeToWire(intent.cooldownUntil ?? now) : undefined,
    failureClass: intent.recentlyFailed ? CLASSES.indexOf(intent.failureClass) : 0,
    progressBytes: intent.inFlight ? intent.progressBytes : undefined,
    totalBytes: intent.inFlight || intent.hasCached ? intent.totalBytes : undefined,
  };
}

export function intentOfWire(message: PullIntentResponse): PullIntent {
  const startedAt = timeOfWire(message.startedAt);
  const cooldownUntil = timeOfWire(message.cooldownUntil);
  const progressBytes = countOfWire(message.progressBytes);
  const totalBytes = countOfWire(message.totalBytes);
  return {
    hasCached: message.hasCached,
    inFlight: message.inFlight,
    ...(startedAt === undefined ? {} : { startedAt }),
    rank: message.hrwRank,
    recentlyFailed: message.recentlyFailed,
    ...(cooldownUntil === undefined ? {} : { cooldownUntil }),
    failureClass: CLASSES[message.failureClass] ?? '',
    ...(progressBytes === undefined ? {} : { progressBytes }),
    ...(totalBytes === undefined ? {} : { totalBytes }),
  };
}

/** A result as a message; `now` stands in for times that its outcome must have. */
export function resultToWire(result: PleasePullResult, now: number): PleasePullResultMessage {
  const isRunning = result.outcome === 'started' || result.outcome === 'already_pulling';
  const hasFailed = result.outcome === 'recently_failed';
  return {
    digest: result.digest,
    outcome: OUTCOMES.indexOf(result.outcome),
    startedAt: isRunning ? timeToWire(result.startedAt ?? now) : undefined,
    cooldownUntil: hasFailed ? timeToWire(result.cooldownUntil ?? now) : undefined,
    failureClass: hasFailed ? CLASSES.indexOf(result.failureClass) : 0,
  };
}

/** A result. Throws DIGEST_INVALID when its digest is none. */
export function resultOfWire(message: PleasePullResultMessage): PleasePullResult {
  const digest: Digest = parseDigest(message.digest);
  const startedAt = timeOfWire(message.startedAt);
  const cooldownUntil = timeOfWire(message.cooldownUntil);
  return {
    digest,
    outcome: OUTCOMES[message.outcome] ?? 'unspecified',
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(cooldownUntil === undefined ? {} : { cooldownUntil }),
    failureClass: CLASSES[message.failureClass] ?? '',
  };
}

/** A number of bytes; what is too large to be one is as good as absent. */
function countOfWire(count: number | undefined): number | undefined {
  return count !== undefined && Number.isSafeInteger(count) ? count : undefined;
}
