import type { Timers } from '@muster/core';
import type { ContentStore, Download, Downloads } from '../parts.ts';
import type { FollowableWriter } from '../store/store-writer.ts';
import type { Digest, ObjectKind } from '../types.ts';
import { StoreDownload, type DownloadLimits } from './store-download.ts';

/** A store whose writers can be followed. */
export type DownloadStore = Pick<ContentStore, 'open'> & {
  writer(digest: Digest, hint?: { readonly size?: number }): Promise<FollowableWriter>;
};

export interface DownloadRegistryParts {
  readonly store: DownloadStore;
  readonly timers: Pick<Timers, 'after'>;
  readonly options: DownloadLimits;
}

/** The running downloads of this node, one a digest (I2). */
export class DownloadRegistry implements Downloads {
  readonly #parts: DownloadRegistryParts;
  readonly #running = new Map<Digest, StoreDownload>();
  readonly #opening = new Map<Digest, Promise<StoreDownload>>();

  constructor(parts: DownloadRegistryParts) {
    this.#parts = parts;
  }

  /** The running download, or one that has ended and is not kept by the store but can still be read. */
  get(digest: Digest): Download | undefined {
    return this.#running.get(digest);
  }

  /**
   * The running download, or a new one. `size` is what is believed of the size: room is made for it, nothing else depends
   * on it. Rejects STORAGE_UNAVAILABLE, SHUTTING_DOWN.
   */
  async open(
    digest: Digest,
    options: { readonly kind: ObjectKind; readonly size?: number },
  ): Promise<Download> {
    const running = this.#running.get(digest);
    if (running !== undefined) return running;
    const opening = this.#opening.get(digest) ?? this.#begin(digest, options);
    this.#opening.set(digest, opening);
    try {
      return await opening;
    } finally {
      if (this.#opening.get(digest) === opening) this.#opening.delete(digest);
    }
  }

  list(): readonly Download[] {
    return [...this.#running.values()];
  }

  async #begin(
    digest: Digest,
    { kind, size }: { readonly kind: ObjectKind; readonly size?: number },
  ): Promise<StoreDownload> {
    const { store, options, timers } = this.#parts;
    const newWriter = async (bytes: number | undefined): Promise<FollowableWriter> =>
      store.writer(digest, bytes === undefined ? {} : { size: bytes });
    const firstWriter = await newWriter(size);
    const download: StoreDownload = new StoreDownload({
      digest,
      kind,
      sizeHint: size,
      limits: options,
      firstWriter,
      newWriter,
      timers,
      fromStore: (range) => readStored(store, digest, range),
      onEnd: () => {
        if (this.#running.get(digest) === download) this.#running.delete(digest);
      },
    });
    this.#running.set(digest, download);
    return download;
  }
}

async function* readStored(
  store: DownloadStore,
  digest: Digest,
  range: { readonly start: number; readonly end?: number } | undefined,
): AsyncIterable<Uint8Array> {
  const { body } =
    range === undefined
      ? await store.open(digest)
      : await store.open(digest, { start: range.start, end: range.end ?? Number.MAX_SAFE_INTEGER });
  yield* body;
}
