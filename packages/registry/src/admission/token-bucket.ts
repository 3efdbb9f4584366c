/**
 * Token buckets, kept as one number each: the time at which the bucket would be full again. A token costs
 * `1000 / tokensPerSecond` milliseconds of that time, and a bucket of `burst` tokens may lie at most
 * `burst * msPerToken` in the future. This is the token bucket without a refill step: plain arithmetic, no
 * allocation, and a bucket that rests needs no care.
 *
 * Promise: what is taken within any span of T seconds is at most `burst + tokensPerSecond * T`, plus the part of one
 * request that is larger than a full bucket (such a request is let through when the bucket is full, or it could
 * never be served).
 */
export class TokenRate {
  /** Milliseconds that a token takes to come back; 0 = without a limit. */
  readonly msPerToken: number;
  /** How far in the future a bucket may be full again. */
  readonly burstMs: number;

  private constructor(msPerToken: number, burstMs: number) {
    this.msPerToken = msPerToken;
    this.burstMs = burstMs;
  }

  /** No limit: everything is let through. */
  static readonly unlimited = new TokenRate(0, Number.POSITIVE_INFINITY);

  /** `tokensPerSecond` on average and `burst` tokens at once; both above 0. */
  static of(tokensPerSecond: number, burst: number): TokenRate {
    if (!(tokensPerSecond > 0) || !(burst > 0) || !Number.isFinite(burst)) {
      throw new RangeError(`a rate of ${tokensPerSecond}/s with a burst of ${burst} is no rate`);
    }
    const msPerToken = 1000 / tokensPerSecond;
    return new TokenRate(msPerToken, burst * msPerToken);
  }

  /**
   * Takes `tokens` from a bucket that is full again at `fullAtMs`. Returns the new time at which it is full, or
   * {@link REFUSED} when there are not enough of them (nothing is taken then). A clock that went back gives nothing
   * away.
   */
  take(fullAtMs: number, tokens: number, nowMs: number): number {
    if (fullAtMs <= nowMs) return nowMs + tokens * this.msPerToken;
    const next = fullAtMs + tokens * this.msPerToken;
    return next - nowMs <= this.burstMs ? next : REFUSED;
  }

  /** Milliseconds until `tokens` could be taken, rounded up; 0 = now. */
  waitMs(fullAtMs: number, tokens: number, nowMs: number): number {
    if (fullAtMs <= nowMs) return 0;
    const needed = fullAtMs + tokens * this.msPerToken - nowMs - this.burstMs;
    return Math.ceil(Math.max(0, Math.min(needed, fullAtMs - nowMs)));
  }
}

/** What {@link TokenRate.take} returns when there are not enough tokens. */
export const REFUSED = -1;

/** A bucket of its own, for limits that exist once. */
export class TokenBucket {
  readonly rate: TokenRate;
  #fullAtMs = 0;

  constructor(rate: TokenRate) {
    this.rate = rate;
  }

  /** Takes `tokens`, or returns false and takes nothing. */
  take(tokens: number, nowMs: number): boolean {
    const next = this.rate.take(this.#fullAtMs, tokens, nowMs);
    if (next === REFUSED) return false;
    this.#fullAtMs = next;
    return true;
  }

  /** Milliseconds until `tokens` could be taken; 0 = now. */
  waitMs(tokens: number, nowMs: number): number {
    return this.rate.waitMs(this.#fullAtMs, tokens, nowMs);
  }
}
