interface Waiter {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Promises that wait for a sequence number, kept in order of that number. */
export class Waiters {
  #waiting: Waiter[] = [];

  /** Resolves once `reached` was called with `seq` or more. */
  wait(seq: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = { seq, resolve, reject };
      let at = this.#waiting.length;
      while (at > 0 && (this.#waiting[at - 1] as Waiter).seq > seq) at--;
      if (at === this.#waiting.length) this.#waiting.push(waiter);
      else this.#waiting.splice(at, 0, waiter);
    });
  }

  reached(seq: number): void {
    let count = 0;
    while (count < this.#waiting.length && (this.#waiting[count] as Waiter).seq <= seq) count++;
    if (count === 0) return;
    const ready = this.#waiting;
    this.#waiting = ready.slice(count);
    for (let i = 0; i < count; i++) (ready[i] as Waiter).resolve();
  }

  reject(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) waiter.reject(error);
  }
}
