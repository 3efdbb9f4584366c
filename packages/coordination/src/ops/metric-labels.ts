/** Values of the labels of coordination spec 22, and bounds of histograms. */

import type { ObjectKind } from '../types.ts';

export const KINDS = ['manifest', 'config', 'layer'] as const;
export const CLASSES = ['auth', 'not_found', 'rate_limited', 'transient'] as const;
export const SESSION_STATES = [
  'queued',
  'resolving',
  'receiving',
  'verifying',
  'committed',
  'failed',
] as const;
const CASCADE_ENDS = ['rule2_cache_hit', 'rule3_inflight', 'rule7_cold_start'] as const;
export const CASCADE_OUTCOMES = [
  'rule1_failure',
  'rule4_cooldown',
  'rule4_cooldown_honored',
  'exhausted',
  'local_hit',
  'error',
  ...CASCADE_ENDS,
  ...['rule5_all_unreachable', 'rule6_degraded_expand'].flatMap((prefix) =>
    CASCADE_ENDS.map((end) => `${prefix}/${end}`),
  ),
];
export const PEER_OUTCOMES = [
  'hit',
  'notfound',
  'busy',
  'auth',
  'protocol',
  'server',
  'error',
  'stall',
  'digest_mismatch',
] as const;
export const PROVIDE_OPS = [
  'cdsub_announce',
  'peer_fetch_readvertise',
  'mirror_origin_announce',
  'cache_reannounce',
  'origin_pull_announce',
  'reconcile',
  'reprovide',
] as const;
export const DECLINE_REASONS = [
  'bootstrap_window',
  'dht_unhealthy',
  'cooldown',
  'in_flight',
  'rate_limited',
  'context_cancelled',
  'recheck_hit',
  'pump_declined',
] as const;
export const SOURCES = ['cache', 'peer', 'origin', 'none'] as const;
export const METHODS = ['GET', 'HEAD'] as const;
export const CODES = ['200', '206', '400', '401', '404', '416', '429', '502', '503'] as const;

/** The label of a kind: blobs are layers. */
export function kindLabel(kind: ObjectKind): (typeof KINDS)[number] {
  return kind === 'blob' ? 'layer' : kind;
}

export function buckets(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => first * 2 ** index);
}

export const seconds = (ms: number): number => ms / 1_000;
