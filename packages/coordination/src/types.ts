/** What the parts of coordination talk about (coordination spec section 3). Times are milliseconds of the wall clock. */

/** `sha256:` and 64 lower-case hex digits; made by `parseDigest` only. */
export type Digest = `sha256:${string}`;

export type ObjectKind = 'manifest' | 'config' | 'blob';

/** 3.3. Empty: nothing known. */
export type FailureClass = '' | 'auth' | 'not_found' | 'rate_limited' | 'transient';

/** A member of the cluster. `addr` is `host:port` of the transfer endpoint; empty texts are unknown. */
export interface ClusterNode {
  readonly id: string;
  readonly addr: string;
  readonly zone: string;
  /** libp2p peer id, base58btc text; empty when not published. */
  readonly peerId: string;
  /** Multiaddrs, with or without `/p2p`. */
  readonly p2pAddrs: readonly string[];
}

/** Who has an object: a node id or a peer id text, and the transfer address. */
export interface Provider {
  readonly nodeId: string;
  readonly addr: string;
}

/** Name of a configured registry and a path in it. */
export interface Repository {
  readonly registry: string;
  readonly repository: string;
}

/** Answer to "do you have it, do you pull it" (4.4, 4.8). */
export interface PullIntent {
  readonly hasCached: boolean;
  readonly inFlight: boolean;
  readonly startedAt?: number;
  /** The responder's own rank in its own view; -1 when it does not see itself. */
  readonly rank: number;
  readonly recentlyFailed: boolean;
  readonly cooldownUntil?: number;
  readonly failureClass: FailureClass;
  readonly progressBytes?: number;
  readonly totalBytes?: number;
}

export type PullOutcome = 'unspecified' | 'already_pulling' | 'started' | 'recently_failed';

export interface PleasePullResult {
  readonly digest: Digest;
  readonly outcome: PullOutcome;
  readonly startedAt?: number;
  readonly cooldownUntil?: number;
  readonly failureClass: FailureClass;
}

export interface PullJob extends Repository {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  /** Who caused it: a mirror's client goes before prefetch in the queue (15.8). */
  readonly trigger: 'peer' | 'mirror' | 'prefetch' | 'fallback';
}

export interface NegativeEntry {
  readonly failureCount: number;
  readonly lastFailureAt: number;
  readonly failureClass: FailureClass;
  readonly cooldownUntil: number;
}

export type PumpAnswer =
  | { readonly kind: 'started'; readonly startedAt: number }
  | { readonly kind: 'already'; readonly startedAt: number }
  | { readonly kind: 'failed'; readonly entry: NegativeEntry }
  | { readonly kind: 'declined' };

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** Bytes `start` to `end`, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}
