import { coordinationErrors } from '../errors.ts';

interface Waiting {
  readonly isUrgent: boolean;
  readonly begin: () => void;
}

/** A number of slots; who waits is served in the order of arrival, the urgent ones first. */
export class SlotQueue {
  readonly #slots: number;
  readonly #maxWaiting: number;
  readonly #waiting: Waiting[] = [];
  #taken = 0;

  constructor(slots: number, maxWaiting: number) {
    this.#slots = slots;
    this.#maxWaiting = maxWaiting;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Waits for a slot; the function it gives hands it back. Rejects with the reason of the signal, or when too many wait. */
  async acquire(isUrgent: boolean, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken < this.#slots) this.#taken += 1;
    else await this.#wait(isUrgent, signal);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#taken -= 1;
      this.#next();
    };
  }

  async #wait(isUrgent: boolean, signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw coordinationErrors.create('WARM_PATH_EXHAUSTED', 'too many objects are being fetched');
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { isUrgent, begin: resolve };
    const firstPatient = this.#waiting.findIndex((other) => !other.isUrgent);
    if (isUrgent && firstPatient >= 0) this.#waiting.splice(firstPatient, 0, waiting);
    else this.#waiting.push(waiting);
    const onAbort = (): void => {
      const at = this.#waiting.indexOf(waiting);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#taken += 1;
    next.begin();
  }
}
