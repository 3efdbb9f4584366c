/** How the pool of a host changed, and when something came about in it. */

/** The pool after a change. */
export interface PoolState {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly peers: readonly string[];
  readonly healthy: readonly string[];
}

/** When the pool first was so, from `since` on; undefined when it was not. States are in the order of time. */
export function firstTime(
  timeline: readonly PoolState[],
  since: number,
  isSo: (state: PoolState) => boolean,
): number | undefined {
  const before = timeline.findLast(({ at }) => at <= since);
  if (before !== undefined && isSo(before)) return since;
  return timeline.find((state) => state.at > since && isSo(state))?.at;
}

/** Milliseconds from `since` until each pool was so; undefined for those that never were. */
export function delays(
  timelines: Readonly<Record<string, readonly PoolState[]>>,
  since: number,
  isSo: (state: PoolState) => boolean,
): readonly (number | undefined)[] {
  return Object.values(timelines).map((timeline) => {
    const at = firstTime(timeline, since, isSo);
    return at === undefined ? undefined : at - since;
  });
}
