import type { SimProcess } from '../kernel/index.ts';

/** Something that waits, to be ended from outside. */
export type Abandon = (reason: unknown) => void;

/**
 * One listener an abort signal, however many waits depend on it: a daemon has one signal for its whole life, and adding
 * and removing listeners of it for each read would cost more than the read.
 */
export class AbortHub {
  readonly #waits = new WeakMap<AbortSignal, Set<Abandon>>();

  add(signal: AbortSignal, abandon: Abandon): () => void {
    let waits = this.#waits.get(signal);
    if (waits === undefined) {
      const created = new Set<Abandon>();
      waits = created;
      this.#waits.set(signal, created);
      signal.addEventListener(
        'abort',
        () => {
          for (const each of created) each(signal.reason);
          created.clear();
        },
        { once: true },
      );
    }
    const set = waits;
    set.add(abandon);
    return () => void set.delete(abandon);
  }
}

/** A promise that is settled from outside, or by its bound, whichever comes first. */
export class Wait<T> {
  readonly promise: Promise<T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  readonly #cleanUp: (() => void)[] = [];
  #isOver = false;

  constructor(
    process: SimProcess,
    hub: AbortHub,
    bound: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
    onTimeout: () => unknown,
  ) {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    const { signal } = bound;
    if (signal?.aborted === true) {
      this.fail(signal.reason);
      return;
    }
    if (Number.isFinite(bound.timeoutMs)) {
      const timer = process.after(bound.timeoutMs, () => this.fail(onTimeout()));
      this.#cleanUp.push(() => timer.cancel());
    }
    if (signal !== undefined) this.#cleanUp.push(hub.add(signal, (reason) => this.fail(reason)));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  done(value: T): void {
    if (this.#end()) this.#resolve(value);
  }

  fail(error: unknown): void {
    if (this.#end()) this.#reject(error);
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    for (const cleanUp of this.#cleanUp) cleanUp();
    return true;
  }
}
