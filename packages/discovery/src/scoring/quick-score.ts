import { latencyScore } from './latency.ts';

/** What a candidate probe has shown (14.5). */
export interface ProbeFigures {
  readonly isConnected: boolean;
  /** From the write of the probe to its answer, or to the end of the wait. */
  readonly rttMs: number | undefined;
  /** Absent without an answer. */
  readonly fillRate: number | undefined;
}

/** Score of a candidate from one probe, 0 to 100 (14.5 step 6). */
export function quickScore(probe: ProbeFigures, maxRttMs: number): number {
  if (!probe.isConnected || probe.rttMs === undefined) return 0;
  const latency = latencyScore(probe.rttMs, maxRttMs);
  if (probe.fillRate === undefined) return 50 * latency;
  return 100 * (0.5 * latency + 0.5 * (1 - Math.min(1, Math.max(0, probe.fillRate))));
}
