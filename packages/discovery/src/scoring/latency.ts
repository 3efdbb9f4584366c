/** Share of the tolerated round trip that is left, in [0, 1] (13.2): 1 at once, 0 from `maxRttMs` on. */
export function latencyScore(rttMs: number, maxRttMs: number): number {
  return Math.min(1, Math.max(0, 1 - rttMs / maxRttMs));
}
