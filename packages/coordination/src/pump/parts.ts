/** What the pump works with. */

import type { Clock, EventBus, Logger, Timers } from '@muster/core';
import type { CoordinationEvents } from '../events.ts';
import type { PullLeasing } from '../lease/pull-leasing.ts';
import type { InFlightMap } from '../inflight/in-flight-map.ts';
import type { ContentDiscovery, ContentStore, Descriptor, Downloads, OriginAdapter } from '../parts.ts';
import type { CopyHistory } from '../sessions/peer-copy.ts';
import type { CoordinationSettings } from '../settings.ts';
import type {
  Digest,
  FailureClass,
  NegativeEntry,
  ObjectKind,
  Provider,
  PullJob,
  Repository,
} from '../types.ts';

/** The negative cache, with its writing side. `now` is the wall clock. */
export interface OriginFailures {
  lookup(digest: Digest, now: number): NegativeEntry | undefined;
  fail(digest: Digest, failureClass: FailureClass, now: number, retryAfterMs?: number): NegativeEntry;
  success(digest: Digest): void;
}

/** The descriptor index. */
export interface Descriptors {
  get(digest: Digest): Descriptor | undefined;
  learn(digest: Digest, descriptor: Descriptor): void;
  verified(digest: Digest, size: number): void;
  learnManifest(body: Uint8Array, repository?: Repository): number;
}

/** An object that other nodes were found to have before the origin was asked (15.9). */
export interface PeerCopyRequest extends Repository {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly providers: readonly Provider[];
  /** Whether they may be receiving it themselves yet. @default false */
  readonly isPartial?: boolean;
  /** What earlier copies into the same Download have shown. @default nothing */
  readonly history?: CopyHistory;
}

/** What came of it, beside the Download itself. */
export interface PeerCopyReport {
  /** Transfer addresses of those who answered that they have nothing of it. */
  readonly lacking: readonly string[];
}

/**
 * Copies an object from peers, and peers only, into the Download of its digest, whose writing half it takes and gives back.
 * Resolves when it has committed the object, or has given up; rejecting is giving up, too. The signal ends it when no byte
 * has come for too long.
 */
export type CopyFromPeers = (
  request: PeerCopyRequest,
  signal: AbortSignal,
) => Promise<PeerCopyReport | undefined | void>;

export interface PullPumpParts {
  /** By the name of the registry. */
  readonly origins: ReadonlyMap<string, OriginAdapter>;
  readonly downloads: Downloads;
  readonly store: Pick<ContentStore, 'has' | 'open'>;
  readonly inflight: InFlightMap;
  readonly negative: OriginFailures;
  readonly descriptors: Descriptors;
  readonly discovery: Pick<ContentDiscovery, 'findProviders' | 'provide'>;
  /** Without it nobody looks around before going to the origin. */
  readonly copyFromPeers?: CopyFromPeers;
  /**
   * A node that was to pull the object rather than this one, and is at it or done. Asked before an origin is read without a lease.
   * Rejects with the reason of the signal. @default nobody
   */
  readonly betterPuller?: (digest: Digest, signal: AbortSignal) => Promise<Provider | undefined>;
  /**
   * Whether somebody here will go on with the Download of the digest after a failed pull: then it is left to them as it is,
   * else it is given up. @default nobody will
   */
  readonly isFollowed?: (digest: Digest) => boolean;
  /** Without it, who reads from the origin is settled by the rules of sections 7 to 12 alone. */
  readonly leasing?: PullLeasing;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly events: Pick<EventBus<CoordinationEvents>, 'publish'>;
  readonly logger: Logger;
  readonly options: Pick<
    CoordinationSettings,
    'maxConcurrentPulls' | 'pullQueue' | 'pumpPeerCheck' | 'pumpPeerCheckMs'
  >;
}

/** How a pull that went well got the object. */
export type PullSource = 'origin' | 'peer' | 'present';

/** What is pulled, with the kind that is known of it. */
export type PullSubject = Pick<PullJob, 'digest' | 'kind' | 'registry' | 'repository' | 'trigger'>;
