import type { Digest } from '../types.ts';

/** Digests that are remembered (coordination spec 9.5). */
export const MAX_HONOUR_WINDOWS = 4096;

/**
 * For how long this node, as a requester, leaves a digest alone after another node has told of a transient cool-down
 * (coordination spec 9.5). At most `capMs`, so that nobody can silence it for long.
 */
export class HonourWindows {
  readonly #until = new Map<Digest, number>();
  readonly #capMs: number;
  readonly #maxEntries: number;

  constructor(options: { readonly honourCapMs: number; readonly maxEntries?: number }) {
    this.#capMs = options.honourCapMs;
    this.#maxEntries = options.maxEntries ?? MAX_HONOUR_WINDOWS;
  }

  /** Digests remembered. */
  get length(): number {
    return this.#until.size;
  }

  /** Opens a window until `cooldownUntil`, at most the cap from `now`. A time that has passed, or none, opens none. */
  record(digest: Digest, cooldownUntil: number | undefined, now: number): void {
    const windowMs = Math.min((cooldownUntil ?? now) - now, this.#capMs);
    if (!(windowMs > 0)) return;
    this.#until.delete(digest);
    if (this.#until.size >= this.#maxEntries) {
      const oldest = this.#until.keys().next();
      if (oldest.done !== true) this.#until.delete(oldest.value);
    }
    this.#until.set(digest, now + windowMs);
  }

  /** The end of the window that the digest is in. */
  until(digest: Digest, now: number): number | undefined {
    const until = this.#until.get(digest);
    if (until === undefined) return undefined;
    // A clock that was set back must not stretch a window either.
    if (now < until && until - now <= this.#capMs) return until;
    this.#until.delete(digest);
    return undefined;
  }
}
