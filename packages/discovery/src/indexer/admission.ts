/**
 * Whether a node that heartbeats is kept (discovery spec 13.5). The source's formula mixes traits of the indexer itself
 * into the node's score and raises the bar beyond what a node can reach; it stays available as `strict`, to compare.
 */

import type { DiscoveryConstants } from '../constants.ts';
import { dynamicMinScore } from '../scoring/minimum.ts';
import type { AdmissionMode } from '../settings.ts';

/** All in [0, 1]. */
export interface AdmissionMetrics {
  /** 0 for a new peer. */
  readonly uptime: number;
  /** Bandwidth of the last probe, against what can be expected. */
  readonly bandwidth: number;
  readonly latency: number;
  /** Of the indexer (12.5). */
  readonly diversity: number;
  /** Of the indexer. */
  readonly fillRate: number;
}

export interface Admission {
  readonly admitted: boolean;
  /** The source's score, 0 to 100: kept as `lastScore`, whatever the mode. */
  readonly raw: number;
  /** What decided, and what it was compared with. */
  readonly score: number;
  readonly minimum: number;
}

/** Nobody can do better than this on a slow link, so that no more is asked. */
const HIGHEST_MINIMUM = 50;
/** Uptime of a peer that is too young to have one. */
const YOUNG_UPTIME = 0.5;

/** The source's score. */
export function rawScore(metrics: AdmissionMetrics): number {
  const { uptime, bandwidth, diversity, latency, fillRate } = metrics;
  return 100 * (0.2 * uptime + 0.2 * bandwidth + 0.2 * diversity + 0.15 * latency + 0.25 * fillRate);
}

/** Score of what is the node's own, 0 to 100. */
export function personalScore(metrics: Pick<AdmissionMetrics, 'uptime' | 'bandwidth' | 'latency'>): number {
  return (100 * (0.2 * metrics.uptime + 0.2 * metrics.bandwidth + 0.15 * metrics.latency)) / 0.55;
}

/** Decides for a peer whose tracker is `ageMs` old; 0 for a new one. */
export function decideAdmission(
  mode: AdmissionMode,
  metrics: AdmissionMetrics,
  ageMs: number,
  constants: Pick<DiscoveryConstants, 'hourMs' | 'recommendedMs'>,
): Admission {
  const raw = rawScore(metrics);
  const bar = dynamicMinScore(ageMs, constants.hourMs);
  if (mode === 'strict') return { admitted: raw >= bar, raw, score: raw, minimum: bar };
  const uptime = ageMs < 2 * constants.recommendedMs ? YOUNG_UPTIME : metrics.uptime;
  const score = personalScore({ ...metrics, uptime });
  const minimum = Math.min(bar, HIGHEST_MINIMUM);
  return { admitted: mode === 'off' || score >= minimum, raw, score, minimum };
}
