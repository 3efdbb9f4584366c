/**
 * One download of a digest on this node, with whoever waits for it (coordination spec 13.7). It lives on when its clients leave.
 */

import { errorCode, type TimerHandle } from '@muster/core';
import { coordinationErrors } from '../errors.ts';
import type { Download } from '../parts.ts';
import type { Digest, ObjectKind, Repository } from '../types.ts';
import type { FetchSessionsParts } from './context.ts';
import { SessionReader } from './session-reader.ts';
import type { SlotQueue } from './slot-queue.ts';
import { SourceSearch } from './source-search.ts';
import type { PeerCopier } from './peer-copy.ts';

export interface FetchRequest extends Repository {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  /** When it is known from elsewhere. */
  readonly size?: number;
  /** Nobody waits for it, and it is not given up for that. */
  readonly isPrefetch?: boolean;
}

export type SessionState = 'queued' | 'resolving' | 'receiving' | 'verifying' | 'committed' | 'failed';

const ABANDON_AFTER_MS = 10_000;
const ABANDON_MIN_BYTES = 67_108_864;
const ABANDON_FRACTION = 0.1;
const READVERTISE_MS = 30_000;
const READVERTISE_OP = 'peer_fetch_readvertise';

export class FetchSession {
  readonly request: FetchRequest;
  /** Resolves when the object is in the store, or at least complete; rejects with the reason of the failure. */
  readonly done: Promise<void>;
  readonly #parts: FetchSessionsParts;
  readonly #copier: PeerCopier;
  readonly #abort = new AbortController();
  readonly #opened = Promise.withResolvers<Download | undefined>();
  #download: Download | undefined;
  #isLocal = false;
  #isFailed = false;
  #readers = 0;
  #isPrefetch: boolean;
  #abandon: TimerHandle | undefined;

  constructor(parts: FetchSessionsParts, copier: PeerCopier, slots: SlotQueue, request: FetchRequest) {
    this.#parts = parts;
    this.#copier = copier;
    this.request = request;
    this.#isPrefetch = request.isPrefetch === true;
    this.#opened.promise.catch(() => {});
    this.done = this.#run(slots);
    this.done.catch(() => {});
  }

  get state(): SessionState {
    if (this.#isFailed) return 'failed';
    if (this.#isLocal) return 'committed';
    const download = this.#download;
    if (download === undefined) return 'queued';
    if (download.state === 'failed') return 'failed';
    if (download.state !== 'open') return download.state;
    return download.source === undefined ? 'resolving' : 'receiving';
  }

  get readers(): number {
    return this.#readers;
  }

  /** True once the object turned out to be in the store already. */
  get isLocal(): boolean {
    return this.#isLocal;
  }

  /** Where the bytes come from, for the header of the answer. */
  get source(): 'cache' | 'peer' | 'origin' {
    if (this.#isLocal) return 'cache';
    return this.#download?.source?.kind ?? 'peer';
  }

  get receivedBytes(): number {
    return this.#download?.receivedBytes ?? 0;
  }

  /** The download, once there is one; undefined when the store has the object. Rejects when it comes to nothing before. */
  async opened(): Promise<Download | undefined> {
    return this.#opened.promise;
  }

  /** Resolves with the size as soon as a source has told it. */
  async whenSize(): Promise<number> {
    const download = await this.opened();
    if (download !== undefined && !this.#isLocal) {
      try {
        return await download.whenSize();
      } catch (error) {
        if (!this.#isLocal) throw error;
      }
    }
    const { size, body } = await this.#parts.store.open(this.request.digest);
    await body[Symbol.asyncIterator]().return?.();
    return size;
  }

  /** The bytes, as they may be shown. The session counts the reader from now on until it ends or returns. */
  read(range?: { readonly start: number; readonly end?: number }): SessionReader {
    this.join();
    return new SessionReader({
      session: this,
      range,
      store: this.#parts.store,
      onEnd: () => this.leave(),
    });
  }

  /** Somebody waits for the object. To be followed by `leave`. */
  join(): void {
    this.#readers += 1;
    this.#abandon?.cancel();
  }

  leave(): void {
    this.#readers -= 1;
    if (this.#readers > 0 || this.#isPrefetch) return;
    this.#abandon?.cancel();
    this.#abandon = this.#parts.timers.after(ABANDON_AFTER_MS, () => this.#abandonIfUseless());
  }

  /** It is wanted for its own sake from now on. */
  keep(): void {
    this.#isPrefetch = true;
  }

  cancel(reason: unknown): void {
    this.#abort.abort(reason);
  }

  #abandonIfUseless(): void {
    const size = this.#download?.size;
    if (this.#readers > 0 || this.#isPrefetch || size === undefined || size <= ABANDON_MIN_BYTES) return;
    if (this.receivedBytes >= size * ABANDON_FRACTION) return;
    this.cancel(coordinationErrors.create('WARM_PATH_EXHAUSTED', 'nobody waits for the object any more'));
  }

  async #run(slots: SlotQueue): Promise<void> {
    const { clock, timers, events, options, logger } = this.#parts;
    const { digest, kind } = this.request;
    const startedAt = clock.monotonic();
    const limit = timers.after(options.sessionMaxMs, () =>
      this.cancel(
        coordinationErrors.create('WARM_PATH_EXHAUSTED', 'the object could not be had in the longest time'),
      ),
    );
    events.publish('session.started', { digest, kind });
    let release = (): void => {};
    try {
      release = await slots.acquire(kind === 'manifest', this.#abort.signal);
      await this.#obtain();
      const outcome = this.#isLocal ? 'local' : 'committed';
      events.publish('session.finished', { digest, kind, outcome, ms: clock.monotonic() - startedAt });
    } catch (error) {
      this.#isFailed = true;
      events.publish('session.finished', {
        digest,
        kind,
        outcome: 'failed',
        reason: errorCode(error) ?? 'unknown',
        ms: clock.monotonic() - startedAt,
      });
      logger.debug({ digest, err: error, reason: errorCode(error) }, 'an object could not be had');
      this.#opened.reject(error);
      this.#end(error);
      throw error;
    } finally {
      limit.cancel();
      this.#abandon?.cancel();
      release();
    }
  }

  async #obtain(): Promise<void> {
    const { downloads, descriptors, store } = this.#parts;
    const { digest, kind } = this.request;
    // It may have come in while this waited for its turn.
    if (await hasObject(store, digest)) {
      this.#isLocal = true;
      this.#opened.resolve(undefined);
      return;
    }
    const size = this.request.size ?? descriptors?.get(digest)?.size;
    const download = await downloads.open(digest, { kind, ...(size === undefined ? {} : { size }) });
    this.#download = download;
    this.#opened.resolve(download);
    // What the store does not keep can be read for a while.
    if (isComplete(download)) return;
    // Whoever feeds it, the search is over when the download is.
    download.done.then(
      () => this.#abort.abort(),
      (error: unknown) => this.#abort.abort(error),
    );
    const search = new SourceSearch(this.#parts, this.#copier, {
      request: this.request,
      download,
      isWanted: () => this.#readers > 0 || this.#isPrefetch,
      signal: this.#abort.signal,
    });
    let found: 'committed' | 'local';
    try {
      found = await search.run();
    } catch (error) {
      if (download.state !== 'verifying' && download.state !== 'committed') throw this.#reasonOf(error);
      await download.done;
      found = 'committed';
    }
    if (found === 'local') {
      this.#isLocal = true;
      this.#end(new Error('the object is in the store'));
    } else if (download.source?.kind !== 'origin' && (await hasObject(store, digest))) this.#advertise();
  }

  /** The failure of the download says more than that the search was ended by it. */
  #reasonOf(error: unknown): unknown {
    return this.#abort.signal.aborted ? (this.#abort.signal.reason ?? error) : error;
  }

  /** Ends the download, unless somebody else is writing it: then it is theirs. */
  #end(reason: unknown): void {
    const download = this.#download;
    if (download === undefined || download.state !== 'open') return;
    const feeder = download.feed();
    if (feeder === undefined) return;
    feeder.release();
    download.fail(reason);
  }

  #advertise(): void {
    const { discovery, events } = this.#parts;
    const options = { timeoutMs: READVERTISE_MS, op: READVERTISE_OP };
    discovery
      .provide(this.request.digest, options)
      .catch(() => events.publish('advertise.failed', { op: READVERTISE_OP }));
  }
}

function isComplete({ state }: Download): boolean {
  return state === 'committed';
}

/** A disk that cannot say has the object for nobody. */
async function hasObject(store: FetchSessionsParts['store'], digest: Digest): Promise<boolean> {
  try {
    return await store.has(digest);
  } catch {
    return false;
  }
}
