import type { Clock, Logger, MusterError, Random, Storage, Timers } from '@muster/core';
import type { AdmissionLimits } from '../admission/index.ts';
import type { AdminTokenEntry, KeyRing } from '../auth/index.ts';
import type { Durability, LoadProgress } from '../log/index.ts';
import type { DirectoryLimits } from '../model/limits.ts';
import type { RegistryPolicy } from '../operations/policy.ts';
import type { ConnectionLimits } from '../server/limits.ts';
import type { Resolver } from '../outbound/index.ts';

/** Where to listen. Port 0 = any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** How clients reach the registry with TLS. */
export type TlsSetting =
  | { readonly kind: 'off' }
  | { readonly kind: 'files'; readonly certificatePath: string; readonly keyPath: string }
  | { readonly kind: 'self-signed'; readonly hostNames: readonly string[] };

/** Everything that a registry can be told. Only `listen` is needed; the rest has the defaults that are named. */
export interface RegistryOptions {
  readonly listen: ListenAddress;
  /** Data folder; undefined keeps everything in memory, which ends with the process. @default undefined */
  readonly directory?: string | undefined;
  /** HTTP interface; undefined = none. @default undefined */
  readonly http?: ListenAddress | undefined;
  /** @default { kind: 'off' } */
  readonly tls?: TlsSetting;
  /** When a write is acknowledged: see the log's README. @default 'batch' */
  readonly durability?: Durability;
  /** Accept a damaged store as far as it can be repaired safely. @default false */
  readonly recover?: boolean;
  /** A node that was not seen for this long is reaped. @default 1_800_000 */
  readonly staleThresholdMs?: number;
  /** The one plain admin token; undefined = none. */
  readonly adminToken?: string | undefined;
  /** Further admin tokens, by hash, with names and scopes. @default [] */
  readonly adminTokens?: readonly AdminTokenEntry[];
  /** Answers only what changes nothing (spec 3.1). @default false */
  readonly standby?: boolean;
  readonly policy?: Partial<RegistryPolicy>;
  readonly limits?: {
    readonly directory?: Partial<DirectoryLimits>;
    readonly connections?: Partial<ConnectionLimits>;
    readonly admission?: Partial<AdmissionLimits>;
  };
  /** False switches rates and per-address caps off. @default true */
  readonly rateLimits?: boolean;
  /** Whether loopback addresses have rates, too. @default false */
  readonly limitLoopback?: boolean;
  /** Issuers of badges and enrolments. @default the pinned ones of the protocol */
  readonly badgeKeys?: KeyRing;
  /** Recovery authorities. @default the pinned ones of the protocol */
  readonly recoveryKeys?: KeyRing;
  /** Hosts, addresses and ranges beyond the public Internet that webhooks and key sets may be on. @default [] */
  readonly allowedDestinations?: readonly string[];
  /** Accept HS256 tokens with keys from the provider's key set (B-42). @default false */
  readonly allowSymmetricTokens?: boolean;
  /** Threads that check signatures; 0 checks on the runtime's thread pool. @default one for each processor */
  readonly verificationThreads?: number;
  /** Version that health answers show. @default '0.1.0' */
  readonly version?: string;
  readonly logger?: Logger;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** The registry can't go on: the disk failed, or the listener. Called once; the caller stops the process. */
  readonly onFatal?: (error: MusterError) => void;
  /** For tests and simulations. @default the host's */
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly random?: Random;
  readonly storage?: Storage;
  readonly resolver?: Resolver;
}
