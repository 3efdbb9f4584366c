/**
 * What happens in an agent, as typed events: metrics (section 22), logs, the simulator's trace and checkers are fed from
 * here. Payloads never hold credentials, tokens or URLs with queries. Owners add topics as they need them.
 */

import type { Digest, FailureClass, ObjectKind } from './types.ts';

export interface LeaseEvent {
  readonly digest: Digest;
  readonly epoch: number;
  readonly token: number;
}

export interface CoordinationEvents {
  'coldstart.finished': {
    readonly digest: Digest;
    readonly kind: ObjectKind;
    readonly outcome: string;
    readonly ms: number;
  };
  /** A probe made a cold start unnecessary: rule 2 (somebody has it, unknown to discovery) or rule 3 (somebody pulls it). */
  'coldstart.probe-hit': { readonly digest: Digest; readonly kind: ObjectKind; readonly rule: 2 | 3 };
  'coldstart.expanded': { readonly reason: 'all_unreachable' | 'degraded_health' | 'unhealthy_health' };
  'coldstart.takeover': { readonly digest: Digest; readonly kind: ObjectKind; readonly node: string };
  'coldstart.repull': { readonly digest: Digest; readonly kind: ObjectKind };
  'hrw.mismatch': {
    readonly digest: Digest;
    readonly kind: ObjectKind;
    readonly node: string;
    readonly ours: number;
    readonly theirs: number;
  };
  'coord.served': { readonly call: 'pull_intent' | 'please_pull' };
  'coord.started': { readonly digest: Digest };
  'coord.declined': { readonly digest: Digest };
  'coord.stream-error': { readonly reason: string };
  'coord.storage-unavailable': Record<string, never>;
  /** A stream of a peer that no member publishes, or, before members are known, of anybody (24). */
  'coord.unauthorized': { readonly peer: string; readonly reason: 'unrecognized' | 'unevaluable' };
  /** The content source is reachable again (19). */
  'source.reconnected': Record<string, never>;
  'prefetch.sent': {
    readonly manifest: Digest;
    readonly digests: number;
    readonly pullers: number;
    readonly failedGroups: number;
  };
  'prefetch.dropped': { readonly manifest: Digest };
  'fallback.passed': { readonly digest: Digest; readonly kind: ObjectKind };
  'fallback.declined': { readonly digest: Digest; readonly reason: string };
  'negative.entered': { readonly failureClass: FailureClass };
  'negative.hit': { readonly failureClass: FailureClass };
  'origin.started': { readonly digest: Digest; readonly kind: ObjectKind };
  'origin.succeeded': {
    readonly digest: Digest;
    readonly kind: ObjectKind;
    readonly bytes: number;
    readonly ms: number;
    readonly trigger: string;
  };
  'origin.failed': {
    readonly digest: Digest;
    readonly kind: ObjectKind;
    readonly failureClass: FailureClass;
    /** False when the origin had delivered and we failed. */
    readonly isOriginSide: boolean;
  };
  /** The lease for the pull of an object (`lease/pull-leasing.ts`), with its fencing token. */
  'lease.granted': LeaseEvent & {
    /** In spite of somebody having done it, from whom it could not be had. */
    readonly isRepeat: boolean;
  };
  /** Somebody else has it, or has pulled the object already: that one is followed. Once for each that is followed. */
  'lease.held': LeaseEvent & { readonly holder: string };
  'lease.done': LeaseEvent & { readonly holder: string };
  /** It ran out, or was given to another, while the object was being pulled. */
  'lease.lost': LeaseEvent;
  'lease.released': LeaseEvent & { readonly outcome: 'done' | 'given_up' };
  /** The pull goes on by the rules that need no lease. */
  'lease.unavailable': { readonly digest: Digest };
  'origin.bytes': { readonly kind: ObjectKind; readonly bytes: number };
  'origin.head': { readonly kind: ObjectKind };
  'origin.resumed': { readonly digest: Digest };
  'peer.fetched': {
    readonly outcome: string;
    readonly ms: number;
    readonly bytes: number;
    readonly kind: ObjectKind;
    readonly digest?: Digest;
    /** Name of the member, or its transfer address when no member has it. */
    readonly peer?: string;
  };
  /** An HTTP answer of whatever status came back, or none did. */
  'peer.dialed': { readonly isReached: boolean };
  /** A lookup of a session (13.8). */
  'lookup.finished': { readonly outcome: 'hit' | 'miss' | 'timeout' | 'error'; readonly ms: number };
  /** A provider was left out because it is suppressed (13.9). */
  'provider.filtered': Record<string, never>;
  /** A lookup named providers, all of them suppressed. */
  'provider.stale-only': { readonly digest: Digest };
  'session.started': { readonly digest: Digest; readonly kind: ObjectKind };
  'session.finished': {
    readonly digest: Digest;
    readonly kind: ObjectKind;
    readonly outcome: 'committed' | 'local' | 'failed';
    /** Code of the error, when it failed. */
    readonly reason?: string;
    readonly ms: number;
  };
  'advertise.failed': { readonly op: string };
  /** An announcement was made; `op` says on whose account (17.4). */
  'provide.finished': { readonly op: string };
  'provide.failed': { readonly op: string };
  /** One reconciliation of what is announced with what is here (17.5). */
  'advertise.reconciled': {
    readonly added: number;
    readonly removed: number;
    readonly errors: number;
    readonly ms: number;
  };
  'advertise.withdrawn': { readonly digest: Digest };
  /** `isHit`: answered from the store. */
  'mirror.looked-up': { readonly isHit: boolean };
  'mirror.served': {
    readonly method: string;
    readonly kind: ObjectKind;
    readonly source: 'cache' | 'peer' | 'origin' | 'none';
    readonly code: number;
    readonly bytes: number;
    readonly ms: number;
    /** Until the headers were sent. */
    readonly firstByteMs: number;
    readonly isComplete: boolean;
  };
  'transfer.served': {
    readonly kind: ObjectKind;
    readonly bytes: number;
    readonly isPartial: boolean;
    /** The answer was sent to its end. */
    readonly isComplete: boolean;
  };
  'transfer.missed': Record<string, never>;
  'transfer.busy': Record<string, never>;
  'store.committed': { readonly digest: Digest; readonly size: number };
  'store.removed': {
    readonly digest: Digest;
    readonly size: number;
    readonly reason: 'evicted' | 'forced' | 'vanished' | 'corrupt';
  };
}
