/** The parts of an agent as the other parts see them. Each is implemented once; `agent.ts` wires them. */

import type {
  ByteRange,
  CallOptions,
  ClusterNode,
  Digest,
  FailureClass,
  NegativeEntry,
  ObjectKind,
  PleasePullResult,
  Provider,
  PullIntent,
  PullJob,
  PumpAnswer,
  Repository,
} from './types.ts';

/** Asking other nodes (section 6). */
export interface Coordinator {
  pullIntent(target: string, digest: Digest, options?: CallOptions): Promise<PullIntent>;
  pleasePull(
    target: string,
    job: Repository & { readonly kind: ObjectKind },
    digests: readonly Digest[],
    options?: CallOptions,
  ): Promise<readonly PleasePullResult[]>;
}

/** The same questions to ourselves, without a stream (5.3, 5.6). */
export interface LocalCoordinator {
  localPullIntent(digest: Digest): Promise<PullIntent>;
  startLocalPull(
    job: Repository & { readonly kind: ObjectKind; readonly trigger: PullJob['trigger'] },
    digests: readonly Digest[],
    options?: CallOptions,
  ): Promise<readonly PleasePullResult[]>;
}

/** Who is in the cluster (section 18). */
export interface ClusterMembers {
  self(): string;
  /** Ready nodes, sorted by id. */
  snapshot(): readonly ClusterNode[];
  /** Running nodes with published p2p addresses. */
  bootstrapSnapshot(): readonly ClusterNode[];
  runningCount(): number;
  waitForSync(signal: AbortSignal): Promise<void>;
  onChange(listener: () => void): () => void;
}

/** An object being read. `body` must be read to its end or destroyed by leaving the loop. */
export interface OpenObject {
  readonly size: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Writes one object; nothing is visible before `commit` has resolved (16.2). */
export interface StoreWriter {
  readonly bytesWritten: number;
  /** Path of the temporary file, for readers that follow it. */
  readonly path: string;
  write(data: Uint8Array): Promise<void>;
  /** Syncs, compares digest and size, renames. Rejects DIGEST_MISMATCH, STORAGE_UNAVAILABLE. */
  commit(): Promise<{ readonly size: number; readonly isAdmitted: boolean }>;
  /** Removes what was written. Never rejects. */
  abort(): Promise<void>;
}

/** The content store (section 16). */
export interface ContentStore {
  /** Rejects STORAGE_UNAVAILABLE when the disk can't say. Does not change recency. */
  has(digest: Digest): Promise<boolean>;
  size(digest: Digest): Promise<number | undefined>;
  /** Rejects CONTENT_NOT_FOUND, STORAGE_UNAVAILABLE, RANGE_NOT_SATISFIABLE. */
  open(digest: Digest, range?: ByteRange): Promise<OpenObject>;
  writer(digest: Digest, hint?: { readonly size?: number }): Promise<StoreWriter>;
  inventory(): Iterable<{ readonly digest: Digest; readonly size: number }>;
}

/** Running origin pulls of this node (8.1). */
export interface InFlightEntry {
  readonly startedAt: number;
  readonly kind: ObjectKind;
  readonly totalBytes: number | undefined;
  readonly progressBytes: number;
  readonly lastProgressAt: number;
  readonly isQueued: boolean;
}

/** Who looks at the pulls of this node. */
export interface InFlightReader {
  lookup(digest: Digest, now: number): InFlightEntry | undefined;
  /** Resolves when the pull that runs now has ended; at once when none runs. Never rejects. */
  whenDone(digest: Digest): Promise<void>;
}

/** What is known of objects from manifests (3.6). */
export interface Descriptor extends Partial<Repository> {
  readonly size?: number;
  readonly kind?: ObjectKind;
  readonly mediaType?: string;
}

/** Providers, and the health of finding them (section 17). */
export interface ContentDiscovery {
  provide(digest: Digest, options: { readonly timeoutMs: number; readonly op: string }): Promise<void>;
  /** Up to 20 with resolved transfer addresses, minus self. Rejects on error or time-out. */
  findProviders(
    digest: Digest,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly Provider[]>;
  health(): number;
  readonly routingTableSize: number;
}

/** The pump: decides at once, works in the background (5.5, 15.7). */
export type Pump = (job: PullJob) => PumpAnswer | Promise<PumpAnswer>;

export interface NegativeCacheReader {
  lookup(digest: Digest): NegativeEntry | undefined;
}

/**
 * The one download of a digest on this node at a time (I2, 13.7): a temporary file with a running SHA-256, one feeder, any
 * number of readers that follow it. Readers never get the last `holdbackBytes` before the digest has matched; objects up
 * to `verifyFirstBytes` and all manifests are shown only after it has.
 */
export interface Download {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly state: 'open' | 'verifying' | 'committed' | 'failed';
  readonly size: number | undefined;
  readonly receivedBytes: number;
  readonly readers: number;
  /** Where the bytes come from just now, for headers, metrics and the loop guard: `peer`, `origin` and the node. */
  readonly source: { readonly kind: 'peer' | 'origin'; readonly nodeId: string } | undefined;
  /** Whether somebody has the writing half: bytes come in, or are asked for at a certain place. */
  readonly isFed: boolean;
  /** The writing half, or undefined while somebody else has it. */
  feed(): Feeder | undefined;
  /** Resolves with the size as soon as it is known; rejects when the download fails first. */
  whenSize(): Promise<number>;
  /** The bytes of the range as they may be shown; ends after the commit, rejects when the download fails. */
  read(range?: { readonly start: number; readonly end?: number }): AsyncIterable<Uint8Array>;
  /** Resolves when committed (also in pass-through mode); rejects with the reason of the failure. */
  readonly done: Promise<{ readonly size: number }>;
  /** Ends it for good; readers that have got bytes are cut, never completed. */
  fail(error: unknown): void;
}

export interface Feeder {
  /** Where the next byte belongs. */
  readonly offset: number;
  /** Throws DIGEST_MISMATCH when an earlier source said another size: one of them lies. `restart` lets the new one try. */
  setSize(bytes: number): void;
  setSource(source: NonNullable<Download['source']>): void;
  /** Resolves when the disk has taken it: that is the back-pressure. Rejects DIGEST_MISMATCH beyond the size, STORAGE_UNAVAILABLE (that ends the download). */
  write(data: Uint8Array): Promise<void>;
  /** Everything is here: verifies and commits. Rejects DIGEST_MISMATCH (the download stays open for `restart`), STORAGE_UNAVAILABLE. */
  complete(): Promise<void>;
  /** From zero again: readers that have got bytes are cut, waiting ones stay. */
  restart(): Promise<void>;
  /** Gives the writing half back; what was written stays. */
  release(): void;
}

export interface Downloads {
  get(digest: Digest): Download | undefined;
  /** The running download, or a new one. Rejects STORAGE_UNAVAILABLE. */
  open(digest: Digest, options: { readonly kind: ObjectKind; readonly size?: number }): Promise<Download>;
  list(): readonly Download[];
}

/** What a read of an origin gives (15, 28.2). */
export interface OriginObject {
  readonly body: AsyncIterable<Uint8Array>;
  readonly size: number | undefined;
  /** Where `body` begins. */
  readonly offset: number;
  readonly mediaType: string | undefined;
}

/** One configured origin (28.2): a registry, or another place that has content by SHA-256. Rejects `OriginError`. */
export interface OriginAdapter {
  readonly name: string;
  /** Gets ready for `open`, so far as that is possible without asking for content: a token. Never rejects. */
  prepare?(repository: string, signal: AbortSignal): Promise<void>;
  open(
    repository: string,
    digest: Digest,
    kind: ObjectKind,
    offset: number,
    signal: AbortSignal,
  ): Promise<OriginObject>;
  head?(
    repository: string,
    digest: Digest,
    kind: ObjectKind,
    signal: AbortSignal,
  ): Promise<{ readonly size: number | undefined; readonly mediaType: string | undefined }>;
  children?(
    body: Uint8Array,
  ): readonly { readonly digest: Digest; readonly kind: ObjectKind; readonly size?: number }[];
}

/** A terminal failure at an origin, as `details` of the coded error ORIGIN_FAILED. */
export interface OriginFailure extends Repository {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly failureClass: FailureClass;
  readonly status?: number;
  readonly retryAfterMs?: number;
  /** Our own limit, not the origin's answer: nothing for the negative cache (15.5). */
  readonly isLocal?: boolean;
}
