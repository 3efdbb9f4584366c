/** What an origin was asked for, by digest: that each object is asked for once is what mirrors are for. */

/** Of one object. */
export interface DigestCount {
  /** Reads of its bytes, whole or in part. */
  readonly get: number;
  /** Questions whether it is there. */
  readonly head: number;
  /** Bytes of it that were sent. */
  readonly bytes: number;
  /** Most reads of it that went on at the same time. */
  readonly mostAtOnce: number;
}

interface Count {
  get: number;
  head: number;
  bytes: number;
  mostAtOnce: number;
  /** Reads that go on. */
  open: number;
}

export interface OriginCounts {
  /** All requests for objects, those for what is not here too. */
  readonly requests: number;
  readonly bytes: number;
  readonly digests: Readonly<Record<string, DigestCount>>;
}

/** Objects that are counted by themselves; what comes after them is in the sums only. */
export const MAX_COUNTED_DIGESTS = 10_000;

export class Counter {
  #requests = 0;
  #bytes = 0;
  readonly #digests = new Map<string, Count>();

  /** A request; of an object when one was found. */
  request(method: 'GET' | 'HEAD', digest: string | undefined): void {
    this.#requests += 1;
    if (digest === undefined) return;
    const count = this.#of(digest);
    if (count === undefined) return;
    if (method === 'GET') count.get += 1;
    else count.head += 1;
  }

  /** Its bytes are about to be sent. Returns what ends that. */
  reading(digest: string): () => void {
    const count = this.#of(digest);
    if (count === undefined) return () => {};
    count.open += 1;
    count.mostAtOnce = Math.max(count.mostAtOnce, count.open);
    return () => {
      count.open -= 1;
    };
  }

  sent(digest: string, bytes: number): void {
    this.#bytes += bytes;
    const count = this.#of(digest);
    if (count !== undefined) count.bytes += bytes;
  }

  reset(): void {
    this.#requests = 0;
    this.#bytes = 0;
    this.#digests.clear();
  }

  get counts(): OriginCounts {
    const digests = Object.fromEntries(
      [...this.#digests].map(([digest, { open: _open, ...count }]) => [digest, count]),
    );
    return { requests: this.#requests, bytes: this.#bytes, digests };
  }

  #of(digest: string): Count | undefined {
    let count = this.#digests.get(digest);
    if (count === undefined && this.#digests.size < MAX_COUNTED_DIGESTS) {
      count = { get: 0, head: 0, bytes: 0, mostAtOnce: 0, open: 0 };
      this.#digests.set(digest, count);
    }
    return count;
  }
}
