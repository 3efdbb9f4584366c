/** The arithmetic of bandwidth and latency probes (discovery spec 12.4). Durations in milliseconds, sizes in bytes. */

import type { DiscoveryConstants } from '../constants.ts';

/** What the last successful probe of a peer found. Scores are in [0, 1]. */
export interface Measurement {
  readonly latencyScore: number;
  readonly bandwidthScore: number;
  readonly mbps: number;
}

/** Held of a peer that was never measured. */
export const UNMEASURED: Measurement = { latencyScore: 0.5, bandwidthScore: 0, mbps: 0 };

/** Grace per KiB of payload, as a share of the unit of latency: 100 of 400 ms (F:9). */
const GRACE_PER_KIB = 0.25;

/** 1 for an echo without delay, 0 for one that took as long as it may. */
export function probeLatencyScore(
  fastestMs: number,
  bytes: number,
  constants: Pick<DiscoveryConstants, 'baseRttMs'>,
): number {
  const { baseRttMs } = constants;
  return clamp(1 - fastestMs / (baseRttMs + Math.ceil(bytes / 1024) * GRACE_PER_KIB * baseRttMs));
}

/** Megabits per second, from the time that a large echo took beyond a small one: both ways count. */
export function probeMbps(largeMs: number, smallMs: number, largeBytes: number): number {
  const seconds = Math.max(largeMs - smallMs, 1) / 1000;
  return (2 * largeBytes * 8) / seconds / 1e6;
}

/** The measurement that two steps of a probe make (F:10: clamped, and not the round trip in disguise). */
export function measure(
  small: { readonly fastestMs: number; readonly bytes: number },
  large: { readonly ms: number; readonly bytes: number },
  constants: Pick<DiscoveryConstants, 'baseRttMs' | 'maxExpectedMbps'>,
): Measurement {
  const mbps = probeMbps(large.ms, small.fastestMs, large.bytes);
  return {
    latencyScore: probeLatencyScore(small.fastestMs, small.bytes, constants),
    bandwidthScore: clamp(mbps / constants.maxExpectedMbps),
    mbps,
  };
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
