/** How many connections a host keeps: above `high`, the oldest idle ones go until `low` are left. */
export interface ConnectionLimits {
  readonly low: number;
  readonly high: number;
  /** Younger connections stay, in milliseconds. */
  readonly graceMs: number;
}

/** What the decision needs to know of a connection. `openedAt` is milliseconds of the wall clock. */
export interface ConnectionFacts {
  readonly openedAt: number;
  readonly streams: number;
}

/** The connections to close: those with the fewest streams first, then the oldest. */
export function connectionsToClose<T extends ConnectionFacts>(
  connections: readonly T[],
  limits: ConnectionLimits,
  now: number,
): readonly T[] {
  if (connections.length <= limits.high) return [];
  return connections
    .filter(({ openedAt }) => now - openedAt > limits.graceMs)
    .toSorted((left, right) => left.streams - right.streams || left.openedAt - right.openedAt)
    .slice(0, connections.length - limits.low);
}
