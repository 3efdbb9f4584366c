/**
 * Background jobs in bounded number: so many at a time, so many waiting; when there are more, the one that has waited longest
 * is dropped, because it is the one whose work has most likely been done by its reader already.
 */
export class JobQueue {
  readonly #maxRunning: number;
  readonly #maxWaiting: number;
  readonly #waiting: { readonly run: () => Promise<void>; readonly drop: () => void }[] = [];
  #running = 0;
  #idle: (() => void)[] = [];

  constructor(options: { readonly maxRunning: number; readonly maxWaiting: number }) {
    this.#maxRunning = options.maxRunning;
    this.#maxWaiting = options.maxWaiting;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs the job, now or later; `drop` is called instead when there is no room for it. `run` must not reject. */
  add(run: () => Promise<void>, drop: () => void): void {
    this.#waiting.push({ run, drop });
    this.#next();
    if (this.#waiting.length > this.#maxWaiting) this.#waiting.shift()?.drop();
  }

  /** Drops what waits and resolves when what runs has ended. */
  async drain(): Promise<void> {
    for (const { drop } of this.#waiting.splice(0)) drop();
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #next(): void {
    while (this.#running < this.#maxRunning) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#running += 1;
      void this.#run(job.run);
    }
  }

  async #run(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } finally {
      this.#running -= 1;
      this.#next();
      if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }
}
