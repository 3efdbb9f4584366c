/** The seven dimensions of 13.3, each in [0, 1], and the penalty of restarts. */
export interface ScoreTerms {
  readonly uptime: number;
  readonly challenge: number;
  readonly latency: number;
  readonly freeCapacity: number;
  readonly fillConsistency: number;
  readonly witness: number;
  readonly dht: number;
  /** Factor from changes of `born_at`, in [0, 1]. */
  readonly restartPenalty: number;
}
