import { coordinationErrors } from '../errors.ts';
import type { ContentStore } from '../parts.ts';
import type { FetchSession } from './fetch-session.ts';

/**
 * The bytes of a session for one client. It ends only behind the last byte that was asked for; when the object turns out to be
 * in the store, it goes on there. `return` may be called while `next` waits.
 */
export class SessionReader implements AsyncIterableIterator<Uint8Array> {
  readonly #session: FetchSession;
  readonly #range: { readonly start: number; readonly end?: number } | undefined;
  readonly #store: Pick<ContentStore, 'open'>;
  readonly #onEnd: () => void;
  #inner: AsyncIterator<Uint8Array> | undefined;
  #isFromStore = false;
  #bytes = 0;
  #isEnded = false;

  constructor(parts: {
    readonly session: FetchSession;
    readonly range: { readonly start: number; readonly end?: number } | undefined;
    readonly store: Pick<ContentStore, 'open'>;
    readonly onEnd: () => void;
  }) {
    this.#session = parts.session;
    this.#range = parts.range;
    this.#store = parts.store;
    this.#onEnd = parts.onEnd;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#isEnded) return { done: true, value: undefined };
    try {
      const next = await this.#take();
      if (this.#isEnded) {
        await this.#inner?.return?.();
        return { done: true, value: undefined };
      }
      if (next.done !== true) {
        this.#bytes += next.value.length;
        return { done: false, value: next.value };
      }
      await this.#requireWhole();
      this.#end();
      return { done: true, value: undefined };
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#end();
    await this.#inner?.return?.();
    return { done: true, value: undefined };
  }

  async #take(): Promise<IteratorResult<Uint8Array, unknown>> {
    this.#inner ??= await this.#open();
    try {
      return await this.#inner.next();
    } catch (error) {
      if (!this.#session.isLocal || this.#isFromStore || this.#bytes > 0) throw error;
      this.#inner = await this.#openStored();
      return this.#inner.next();
    }
  }

  async #open(): Promise<AsyncIterator<Uint8Array>> {
    const download = await this.#session.opened();
    if (download === undefined) return this.#openStored();
    return download.read(this.#range)[Symbol.asyncIterator]();
  }

  async #openStored(): Promise<AsyncIterator<Uint8Array>> {
    this.#isFromStore = true;
    const range = this.#range;
    const { body } =
      range === undefined
        ? await this.#store.open(this.#session.request.digest)
        : await this.#store.open(this.#session.request.digest, {
            start: range.start,
            end: range.end ?? Number.MAX_SAFE_INTEGER,
          });
    return body[Symbol.asyncIterator]();
  }

  /** A download that ends without having been verified is no whole body, whatever its length. */
  async #requireWhole(): Promise<void> {
    if (this.#isFromStore) return;
    const download = await this.#session.opened();
    if (download === undefined || download.state === 'committed') return;
    const { start = 0, end } = this.#range ?? {};
    if (end !== undefined && this.#bytes === end + 1 - start) return;
    throw coordinationErrors.create('DIGEST_MISMATCH', 'the download ended before it was verified');
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd();
  }
}
