/**
 * Time online, without the gaps (discovery spec 13.1): two heartbeats further apart than `gapMs` say nothing of the time
 * between them. Both sides of a heartbeat use it. Times are of a monotonic clock, in milliseconds.
 */
export class UptimeTracker {
  readonly firstSeen: number;
  readonly #gapMs: number;
  #lastSeen: number | undefined;
  #totalOnlineMs = 0;

  /** `gapMs` is twice the recommended interval. */
  constructor(now: number, gapMs: number) {
    this.firstSeen = now;
    this.#gapMs = gapMs;
  }

  /** Time of the newest heartbeat, or of the newest {@link touch}. */
  get lastSeen(): number | undefined {
    return this.#lastSeen;
  }

  get totalOnlineMs(): number {
    return this.#totalOnlineMs;
  }

  recordHeartbeat(now: number): void {
    const gap = this.#lastSeen === undefined ? Infinity : now - this.#lastSeen;
    if (gap >= 0 && gap <= this.#gapMs) this.#totalOnlineMs += gap;
    this.#lastSeen = now;
  }

  /** A sign of life that counts no online time (15.1.6). */
  touch(now: number): void {
    if (this.#lastSeen === undefined || now > this.#lastSeen) this.#lastSeen = now;
  }

  /** Share of the time since the first sight, in [0, 1]. */
  ratio(now: number): number {
    const age = this.ageMs(now);
    return age <= 0 ? 0 : Math.min(1, Math.max(0, this.#totalOnlineMs / age));
  }

  ageMs(now: number): number {
    return now - this.firstSeen;
  }
}
