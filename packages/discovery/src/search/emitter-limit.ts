import type { PeerId } from '../wire/messages.ts';

export interface EmitterLimitOptions {
  readonly maxQueries: number;
  readonly windowMs: number;
  /** Emitters that are remembered; when so many are active, further ones are refused. */
  readonly maxEmitters: number;
}

/** At most so many queries of one emitting indexer in a sliding window (discovery spec 16.5). Bounded memory. */
export class EmitterLimit {
  readonly #options: EmitterLimitOptions;
  readonly #times = new Map<PeerId, number[]>();

  constructor(options: EmitterLimitOptions) {
    this.#options = options;
  }

  /** Whether another query of this emitter is answered; counts it if so. `now` is monotonic, in milliseconds. */
  take(emitter: PeerId, now: number): boolean {
    const { maxQueries, windowMs, maxEmitters } = this.#options;
    const recent = (this.#times.get(emitter) ?? []).filter((at) => at > now - windowMs);
    if (recent.length >= maxQueries) return false;
    if (!this.#times.has(emitter) && this.#times.size >= maxEmitters) {
      this.#forgetIdle(now);
      if (this.#times.size >= maxEmitters) return false;
    }
    recent.push(now);
    this.#times.set(emitter, recent);
    return true;
  }

  #forgetIdle(now: number): void {
    for (const [emitter, times] of this.#times) {
      if ((times.at(-1) ?? 0) <= now - this.#options.windowMs) this.#times.delete(emitter);
    }
  }
}
