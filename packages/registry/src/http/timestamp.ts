/** As {@link rfc3339}; null for never. */
export function timestamp(ms: number | undefined): string | null {
  return ms === undefined ? null : rfc3339(ms);
}

/** Seconds precision, UTC (spec section 1.4). */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
