import { statusErrors } from './errors.ts';

/** Bounds how many searches and lookups run at once for the status endpoint. */
export class QuerySlots {
  readonly #limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs `query` unless too many run already. Rejects `too_many`, or as `query` does. */
  async run<T>(query: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#limit) {
      throw statusErrors.create('too_many', `at most ${this.#limit} searches and lookups at once`);
    }
    this.#taken += 1;
    try {
      return await query();
    } finally {
      this.#taken -= 1;
    }
  }
}
