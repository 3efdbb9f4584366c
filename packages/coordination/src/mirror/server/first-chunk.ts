import type { ServerResponse } from 'node:http';

const GONE = 'the client went away';

/** The outcome of the promise; rejects when the client goes away first. */
export async function untilGone<T>(response: ServerResponse, promise: Promise<T>): Promise<T> {
  if (response.destroyed) {
    promise.catch(() => {});
    throw new Error(GONE);
  }
  const { promise: gone, reject } = Promise.withResolvers<never>();
  const onClose = (): void => reject(new Error(GONE));
  response.once('close', onClose);
  try {
    return await Promise.race([promise, gone]);
  } finally {
    response.off('close', onClose);
    promise.catch(() => {});
    gone.catch(() => {});
  }
}

/** Waits for the first chunk of a body; `body` gives it again, with the rest. Leaves the body when the client goes away. */
export async function firstChunk(
  response: ServerResponse,
  body: AsyncIterableIterator<Uint8Array>,
): Promise<{ readonly chunk: Uint8Array | undefined; readonly body: AsyncIterable<Uint8Array> }> {
  try {
    const first = await untilGone(response, body.next());
    const chunk = first.done === true ? undefined : first.value;
    return { chunk, body: new Resumed(chunk, body) };
  } catch (error) {
    await body.return?.();
    throw error;
  }
}

/** A body whose first chunk was taken and put back. Not a generator, for `return` must work while `next` waits. */
class Resumed implements AsyncIterableIterator<Uint8Array> {
  #first: Uint8Array | undefined;
  readonly #rest: AsyncIterableIterator<Uint8Array>;

  constructor(first: Uint8Array | undefined, rest: AsyncIterableIterator<Uint8Array>) {
    this.#first = first;
    this.#rest = rest;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const value = this.#first;
    if (value === undefined) return this.#rest.next();
    this.#first = undefined;
    return { done: false, value };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#rest.return?.();
    return { done: true, value: undefined };
  }
}
