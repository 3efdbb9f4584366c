/**
 * What happens in a discovery daemon, as typed events. Metrics, the status stream, logs, and the simulator's trace and
 * checkers are all fed from here, so that they cannot disagree. Payloads never hold keys, payloads of users, or
 * search texts.
 */

import type { PeerId, WireErrorCode } from './wire/messages.ts';
import type { ScoreTerms } from './scoring/terms.ts';

/** Why an indexer left the pool. */
export type EvictionReason = 'failed' | 'score' | 'migration' | 'hard-evidence' | 'blacklisted' | 'gone';

/** How one heartbeat ended (11.3 g). */
export type HeartbeatOutcomeKind = 'ok' | 'silent' | 'refused' | 'failed';

/** Evidence of 13.8 about an indexer. */
export type EvidenceKind =
  | 'heartbeat'
  | 'own-challenge'
  | 'dht-challenge'
  | 'witness'
  | 'bandwidth'
  | 'spot-check'
  | 'cached-score'
  | 'fill'
  | 'born-at'
  | 'silent-witnesses';

export interface DiscoveryEvents {
  /** Node side. */
  'pool.added': { readonly peer: PeerId; readonly isSeed: boolean; readonly from: string };
  'pool.evicted': { readonly peer: PeerId; readonly reason: EvictionReason; readonly score?: number };
  'pool.quarantined': { readonly peer: PeerId; readonly evidence: string };
  'pool.discharged': { readonly peer: PeerId };
  'pool.referent': { readonly peer: PeerId | undefined };
  'pool.healthy': { readonly healthy: number; readonly size: number };
  'heartbeat.outcome': {
    readonly peer: PeerId;
    readonly outcome: HeartbeatOutcomeKind;
    readonly code?: WireErrorCode | string;
    readonly rttMs?: number;
  };
  'score.updated': {
    readonly peer: PeerId;
    readonly score: number;
    readonly terms: ScoreTerms;
    readonly confidence: number;
  };
  evidence: {
    readonly peer: PeerId;
    readonly kind: EvidenceKind;
    readonly isGood: boolean;
    readonly note?: string;
  };
  suspicion: { readonly peer: PeerId; readonly cause: string };
  'consensus.finished': { readonly voters: number; readonly candidates: number; readonly admitted: number };
  'replenish.finished': { readonly found: number; readonly admitted: number };
  'isolation.retry': { readonly delayMs: number };

  /** Indexer side. */
  'record.added': { readonly peer: PeerId };
  'record.removed': { readonly peer: PeerId; readonly reason: string };
  'heartbeat.served': { readonly peer: PeerId; readonly isProbe: boolean; readonly handlingMs: number };
  'heartbeat.refused': { readonly peer: PeerId; readonly code: WireErrorCode };
  'offload.proposed': { readonly peer: PeerId };
  'behaviour.strike': { readonly peer: PeerId; readonly strikes: number; readonly cause: string };
  'behaviour.banned': { readonly peer: PeerId; readonly forMs: number };
  'guard.refused': { readonly peer: PeerId };
  'gate.decided': { readonly peer: PeerId; readonly isKnown: boolean; readonly step: string };
  'referenced.changed': { readonly peer: PeerId; readonly isReferenced: boolean };
  'bandwidth.probed': { readonly peer: PeerId; readonly ok: boolean; readonly mbps?: number };

  /** Both. */
  'dht.put': { readonly key: string; readonly ok: boolean; readonly ms: number };
  'dht.get': { readonly key: string; readonly found: boolean; readonly ms: number };
  'dht.provided': { readonly ok: boolean };
  'witness.served': { readonly peer: PeerId };
  'publish.served': { readonly peer: PeerId; readonly ok: boolean; readonly code?: WireErrorCode };
  'get.served': { readonly peer: PeerId; readonly found: boolean };
  'search.started': { readonly side: 'node' | 'indexer'; readonly query: string };
  'search.hits': { readonly side: 'node' | 'indexer'; readonly query: string; readonly hits: number };
  'search.dropped': { readonly query: string; readonly reason: string };
  'search.ended': {
    readonly side: 'node' | 'indexer';
    readonly query: string;
    readonly reason: string;
    readonly hits: number;
    readonly ms: number;
  };
  'claim.published': { readonly acks: number; readonly asked: number };
  'peer.blacklisted': { readonly peer: PeerId };
  'daemon.ready': { readonly role: string };
  'daemon.stopping': Record<string, never>;
}
