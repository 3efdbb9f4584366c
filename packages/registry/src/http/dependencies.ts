import type { Clock, Logger, Timers } from '@muster/core';
import type { WhitelistEntry } from '../admission/index.ts';
import type { AdminIdentity, AdminTokens } from '../auth/admin-tokens.ts';
import type { Breaker } from '../breakers/index.ts';
import type { EventView, NodePage, SeenPage } from '../service/node-views.ts';

/** How far the registry is. `starting` while the store is being loaded (B-53). */
export type ServiceStatus = 'starting' | 'ok' | 'stopping' | 'failed';

/** `GET /healthz`. */
export interface HealthFigures {
  readonly status: ServiceStatus;
  /** Of the HTTP interface, as the original has it. */
  readonly version: string;
  readonly serverVersion: string;
  readonly uptimeSeconds: number;
  readonly nodesOnline: number;
}

/** `GET /api/health`. Times are milliseconds since the epoch; undefined = never. */
export interface SnapshotFigures {
  readonly snapshotsTotal: number;
  readonly snapshotsFailed: number;
  readonly maxSnapshotDurationMs: number;
  readonly lastSnapshotAtMs: number | undefined;
  readonly lastSnapshotDurationMs: number;
  readonly lastSnapshotSizeBytes: number;
  /** How long the last snapshot kept the event loop in one piece. */
  readonly lastSnapshotStallMs: number;
  readonly logSizeBytes: number;
  readonly replicationSubscribers: number;
}

/** How the log stands with the disk. Times are milliseconds since the epoch. */
export interface DurabilityFigures {
  /** As configured; `memory` without a data folder. */
  readonly mode: string;
  readonly appliedSeq: number;
  readonly durableSeq: number;
  readonly lastSyncAtMs: number | undefined;
  readonly lastSyncDurationMs: number;
  readonly logBytes: number;
  readonly lastSnapshotAtMs: number | undefined;
  readonly lastSnapshotBytes: number | undefined;
  readonly lastSnapshotSeq: number | undefined;
  readonly isFailed: boolean;
}

/** An event that is described when somebody wants to see it. */
export type LazyEvent = () => EventView;

/** The nodes and what happens to them, for administrators. Everything that is shown is durable. */
export interface FleetFigures {
  nodePage(from: number, limit: number): Promise<NodePage>;
  seenPage(since: number, from: number, limit: number): SeenPage;
  nodesTotal(): number;
  /** Nodes that were seen at this time (unix seconds) or later are online. */
  onlineSince(): number;
  readonly staleAfterSeconds: number;
  durability(): DurabilityFigures;
  requestsTotal(): number;
  /** Place in the log of the last event that readers can have seen. */
  readonly lastEventId: number;
  /** Undefined when not all of them are kept. */
  eventsSince(id: number): readonly LazyEvent[] | undefined;
  /** Calls `listener` with each run of new events. Returns the function that ends this. */
  onEvents(listener: (events: readonly LazyEvent[]) => void): () => void;
}

/** What the HTTP interface needs of the registry. All of it must answer while the store is still being loaded. */
export interface HttpDependencies {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly fleet: FleetFigures;
  /** The tokens of the `X-Admin-Token` header. */
  readonly adminTokens: Pick<AdminTokens, 'configured' | 'check'>;
  health(): HealthFigures;
  /** Why requests should not be sent here now, in a few words; undefined when they should. */
  notReadyReason(): string | undefined;
  /** The Prometheus text, version 0.0.4. */
  metrics(): Promise<string>;
  snapshotFigures(): SnapshotFigures;
  /** Writes a snapshot; resolves when it is durable. */
  writeSnapshot(): Promise<void>;
  /**
   * Lets v1 signatures of a node count again (B-10), durably, and audits `key.v2_ratchet_cleared`. False when there is no
   * such node.
   */
  clearSignatureRatchet(nodeId: number, by: AdminIdentity): Promise<boolean>;
  /** Figures of the registry for `GET /api/runtime`, beside those of the process. */
  runtimeFigures(): Readonly<Record<string, number | string | boolean>>;
  readonly breakers: {
    list(): readonly Breaker[];
    /** Sets and saves a breaker, and audits `breaker.set`. Rejects as `BreakerFile.set` does. */
    set(name: string, state: string, reason: string, by: AdminIdentity): Promise<void>;
    /** Closes a breaker, removes it from the file, and audits `breaker.delete`. Rejects as `BreakerFile.clear` does. */
    clear(name: string, by: AdminIdentity): Promise<void>;
  };
  readonly whitelist: {
    entries(): readonly WhitelistEntry[];
    /** Puts a list in force and saves it. Rejects as `WhitelistFile.replace` does. */
    replace(entries: readonly WhitelistEntry[], by: AdminIdentity): Promise<void>;
  };
}
