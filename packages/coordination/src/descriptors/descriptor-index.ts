/**
 * What manifests tell of objects (3.6): sizes, kinds, media types and where they are from. Believed for that, never for
 * presence.
 */

import { LogSampler, type Logger, type Timers } from '@muster/core';
import type { Descriptor } from '../parts.ts';
import { MAX_MANIFEST_BYTES, readManifest } from '../prefetch/children.ts';
import type { Digest, Repository } from '../types.ts';

/** Most objects that are known of; the least recently used leaves first. */
const CAPACITY = 65_536;
const OPENING_BRACE = 0x7b;

/** A store that can be looked through without disturbing the order of use. */
export interface PeekableStore {
  inventory(): Iterable<{ readonly digest: Digest; readonly size: number }>;
  peek(digest: Digest, length: number): Promise<Uint8Array | undefined>;
}

/** A bounded map from digests to what is known of them. */
export class DescriptorIndex {
  readonly #entries = new Map<Digest, Descriptor>();
  readonly #logger: Logger;
  readonly #contradictions = new LogSampler();
  readonly #capacity: number;

  constructor(options: { readonly logger: Logger; readonly capacity?: number }) {
    this.#logger = options.logger;
    this.#capacity = options.capacity ?? CAPACITY;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** What is known of the object. */
  get(digest: Digest): Descriptor | undefined {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return undefined;
    this.#entries.delete(digest);
    this.#entries.set(digest, entry);
    return entry;
  }

  /** The size of the object, as far as known; also without it, the object may exist. */
  sizeOf(digest: Digest): number | undefined {
    return this.get(digest)?.size;
  }

  /** Adds to what is known; what is told again replaces. */
  learn(digest: Digest, descriptor: Descriptor): void {
    const entry = { ...this.#entries.get(digest), ...descriptor };
    this.#entries.delete(digest);
    this.#entries.set(digest, entry);
    if (this.#entries.size <= this.#capacity) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }

  /** Takes in the descriptors of a manifest or index; anything else is passed over. Gives how many there were. */
  learnManifest(body: Uint8Array, repository?: Repository): number {
    if (body[0] !== OPENING_BRACE || body.length >= MAX_MANIFEST_BYTES) return 0;
    try {
      const { children, manifests } = readManifest(body);
      for (const { digest, ...known } of [...children, ...manifests]) {
        this.learn(digest, {
          ...known,
          ...(repository === undefined
            ? {}
            : { registry: repository.registry, repository: repository.repository }),
        });
      }
      return children.length + manifests.length;
    } catch {
      return 0;
    }
  }

  /** Takes in the size of a verified body. A contradiction is logged once an object; the body is right. */
  verified(digest: Digest, size: number): void {
    const known = this.#entries.get(digest)?.size;
    if (known === size) return;
    this.learn(digest, { size });
    if (known === undefined || this.#contradictions.admit(digest) !== 1) return;
    this.#logger.warn({ digest, said: known, size }, 'a manifest told a wrong size of an object');
  }

  /** Looks through the small objects of a store for manifests, at start. Ends when the signal is aborted; never rejects. */
  async scan(
    store: PeekableStore,
    options: { readonly timers: Pick<Timers, 'yield'>; readonly signal: AbortSignal },
  ): Promise<void> {
    for (const { digest, size } of store.inventory()) {
      if (options.signal.aborted) return;
      if (size === 0 || size >= MAX_MANIFEST_BYTES) continue;
      try {
        const first = await store.peek(digest, 1);
        if (first?.[0] !== OPENING_BRACE) continue;
        const body = await store.peek(digest, size);
        if (body !== undefined) this.learnManifest(body);
      } catch (error) {
        this.#logger.debug({ digest, err: error }, 'an object could not be looked at');
      }
      await options.timers.yield();
    }
  }
}
