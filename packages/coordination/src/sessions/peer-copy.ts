/**
 * Copying from one provider into a download (coordination spec 14.4), with what follows for that provider.
 *
 * Fault model: the provider refuses, lies about sizes and ranges, sends wrong bytes, too few or too many, stalls, or trickles.
 * None of it is believed: the download compares the digest, and what a provider has contributed is remembered until then.
 */

import { errorCode, type Clock, type EventBus, type Logger, type Random, type Timers } from '@muster/core';
import type { CoordinationEvents } from '../events.ts';
import type { Download, Feeder } from '../parts.ts';
import type { CoordinationSettings } from '../settings.ts';
import type { PeerOutcome, PeerReply, PeerTransfer } from '../transfer/peer-transfer.ts';
import type { Digest, ObjectKind, Provider } from '../types.ts';
import type { ProviderOrder } from './provider-order.ts';
import type { SuppressionReason, Suppressions } from './suppression.ts';

const RATE_WINDOW_MS = 10_000;
const SWITCH_INTERVAL_MS = 30_000;
/** A provider that trickles is given up after so long even when nobody else is known; so are rates below this part of the wanted. */
const TRICKLE_MS = 30_000;
const TRICKLE_FRACTION = 1 / 16;

/** How one attempt ended. */
export interface CopyResult {
  /** `slow`: given up for a faster one. `trickle`: so slow that anything is better. `taken`: somebody else writes the download. `aborted`: by us. */
  readonly outcome: PeerOutcome | 'slow' | 'trickle' | 'taken' | 'aborted';
  readonly bytes: number;
  readonly retryAfterMs?: number | undefined;
  readonly alternates?: readonly string[] | undefined;
  /** The provider was still receiving it. */
  readonly isInProgress?: boolean;
  /** The bytes of several were wrong together. */
  readonly isMixed?: boolean;
}

/** Less than this is no progress: else a peer that sends a byte at a time could keep us busy. */
export const MIN_PROGRESS_BYTES = 65_536;

/** What the attempts of one download have in common. */
export class CopyHistory {
  /** Who has contributed to the bytes that are there. */
  readonly contributors = new Set<string>();
  /** After a mismatch with several contributors: all bytes from one, so that the next mismatch has a name. */
  isSingleSource = false;
  hasRestarted = false;
  switchedAt = Number.NEGATIVE_INFINITY;
}

export interface CopyRequest {
  readonly download: Download;
  readonly provider: Provider;
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly repository: string;
  readonly isPartial: boolean;
  /** Nobody has said that this one has it: that it has not is no reason to leave it out when somebody does. */
  readonly isGuess?: boolean;
  readonly history: CopyHistory;
  /** Whether somebody else could be asked instead of a slow provider. */
  readonly hasOthers: () => boolean;
  readonly signal: AbortSignal;
}

export interface PeerCopierParts {
  readonly transfer: PeerTransfer;
  readonly suppression: Suppressions;
  readonly order: ProviderOrder;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly events: EventBus<CoordinationEvents>;
  readonly options: Pick<CoordinationSettings, 'peerAttemptMaxMs' | 'peerMinBytesPerSecond'>;
}

const SUPPRESSES: Readonly<Partial<Record<CopyResult['outcome'], SuppressionReason>>> = {
  notfound: 'not_found',
  busy: 'busy',
  auth: 'auth',
  protocol: 'unavailable',
  server: 'unavailable',
  error: 'unavailable',
  digest_mismatch: 'corrupt',
  trickle: 'unavailable',
};

/** Counted in `p2p_peer_fetch_total`. */
const UNCOUNTED: ReadonlySet<string> = new Set(['slow', 'taken', 'aborted']);

export class PeerCopier {
  readonly #parts: PeerCopierParts;

  constructor(parts: PeerCopierParts) {
    this.#parts = parts;
  }

  /** One attempt. Rejects only when the download itself has failed, for example as STORAGE_UNAVAILABLE. */
  async copy(request: CopyRequest): Promise<CopyResult> {
    const { clock, timers, order, events } = this.#parts;
    const { download, provider, signal, history } = request;
    const feeder = download.feed();
    if (feeder === undefined) return { outcome: 'taken', bytes: 0 };
    const attempt = new AbortController();
    const onAbort = (): void => attempt.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const limit = timers.after(this.#parts.options.peerAttemptMaxMs, () =>
      attempt.abort(new Error('the attempt took too long')),
    );
    const startedAt = clock.monotonic();
    order.begin(provider);
    let result: CopyResult = { outcome: 'aborted', bytes: 0 };
    try {
      if (history.isSingleSource && feeder.offset > 0) {
        await feeder.restart();
        history.contributors.clear();
      }
      result = await this.#attempt(request, feeder, attempt.signal);
      return result;
    } catch (error) {
      if (download.state === 'failed') throw error;
      result = { outcome: signal.aborted ? 'aborted' : 'stall', bytes: 0 };
      return result;
    } finally {
      limit.cancel();
      signal.removeEventListener('abort', onAbort);
      feeder.release();
      order.end(provider);
      this.#conclude(request, result);
      if (!UNCOUNTED.has(result.outcome)) {
        events.publish('peer.fetched', {
          outcome: result.outcome,
          ms: clock.monotonic() - startedAt,
          bytes: result.bytes,
          kind: request.kind,
          digest: request.digest,
          peer: provider.nodeId === '' ? provider.addr : provider.nodeId,
        });
      }
    }
  }

  async #attempt(request: CopyRequest, feeder: Feeder, signal: AbortSignal): Promise<CopyResult> {
    const { clock, events, order } = this.#parts;
    const { digest, kind, repository, isPartial, provider } = request;
    signal.throwIfAborted();
    const startedAt = clock.monotonic();
    const reply = await this.#parts.transfer.open({
      provider,
      digest,
      kind,
      repository,
      offset: feeder.offset,
      acceptsPartial: isPartial,
      signal,
    });
    events.publish('peer.dialed', { isReached: reply.kind !== 'unreachable' });
    if (reply.kind === 'unreachable') {
      this.#parts.logger.debug({ digest, peer: provider.addr, reason: 'unavailable' }, reply.reason);
      return { outcome: 'error', bytes: 0 };
    }
    if (reply.kind === 'refused') {
      return { ...reply, bytes: 0 };
    }
    order.answered(provider, clock.monotonic() - startedAt);
    return this.#take(request, feeder, reply);
  }

  async #take(
    request: CopyRequest,
    feeder: Feeder,
    reply: Extract<PeerReply, { kind: 'body' }>,
  ): Promise<CopyResult> {
    const { history, provider } = request;
    if (!(await this.#agreeOnSize(request, feeder, reply))) {
      await leave(reply.body);
      return { outcome: 'protocol', bytes: 0 };
    }
    feeder.setSource({ kind: 'peer', nodeId: provider.nodeId });
    const counter = { bytes: 0 };
    const ending = await this.#pour(request, feeder, reply, counter);
    const { bytes } = counter;
    if (ending === 'slow' || ending === 'trickle') {
      history.switchedAt = this.#parts.clock.monotonic();
      return { outcome: ending, bytes };
    }
    if (ending === 'broken') return { outcome: request.signal.aborted ? 'aborted' : 'stall', bytes };
    return { ...(await this.#finish(request, feeder, bytes)), isInProgress: reply.isPartial };
  }

  /** False when the provider contradicts what is there and is not to be followed. */
  async #agreeOnSize(
    { history }: CopyRequest,
    feeder: Feeder,
    { offset, size }: Extract<PeerReply, { kind: 'body' }>,
  ): Promise<boolean> {
    if (offset > feeder.offset) return false;
    if (size === undefined) return true;
    try {
      feeder.setSize(size);
      return true;
    } catch (error) {
      if (errorCode(error) !== 'DIGEST_MISMATCH') throw error;
    }
    // Either may lie. The new one is given a chance, once, if it can begin from zero.
    if (history.hasRestarted || offset > 0) return false;
    history.hasRestarted = true;
    await feeder.restart();
    history.contributors.clear();
    feeder.setSize(size);
    return true;
  }

  async #pour(
    request: CopyRequest,
    feeder: Feeder,
    reply: Extract<PeerReply, { kind: 'body' }>,
    counter: { bytes: number },
  ): Promise<'complete' | 'broken' | 'slow' | 'trickle'> {
    const { clock, logger } = this.#parts;
    const { history, provider, digest } = request;
    const { size } = reply;
    let skip = feeder.offset - reply.offset;
    let windowAt = clock.monotonic();
    let windowBytes = 0;
    let trickleMs = 0;
    try {
      for await (const chunk of reply.body) {
        let data = chunk;
        if (skip > 0) {
          data = chunk.subarray(Math.min(skip, chunk.length));
          skip -= chunk.length - data.length;
        }
        // What comes behind the announced end is nobody's.
        if (size !== undefined) data = data.subarray(0, size - feeder.offset);
        if (data.length > 0) {
          history.contributors.add(nameOf(provider));
          await feeder.write(data);
        }
        counter.bytes += data.length;
        windowBytes += chunk.length;
        if (size !== undefined && feeder.offset >= size) return 'complete';
        const elapsed = clock.monotonic() - windowAt;
        if (elapsed < RATE_WINDOW_MS) continue;
        if (this.#isTooSlow(request, windowBytes, elapsed)) return 'slow';
        trickleMs = this.#isTrickle(request, windowBytes, elapsed) ? trickleMs + elapsed : 0;
        if (trickleMs >= TRICKLE_MS) return 'trickle';
        windowAt += elapsed;
        windowBytes = 0;
      }
    } catch (error) {
      if (request.download.state === 'failed') throw error;
      logger.debug({ digest, peer: provider.addr, err: error }, 'a copy broke off');
      return 'broken';
    }
    return size === undefined || feeder.offset >= size ? 'complete' : 'broken';
  }

  #isTooSlow({ history, hasOthers }: CopyRequest, bytes: number, ms: number): boolean {
    const { clock, options } = this.#parts;
    if (options.peerMinBytesPerSecond <= 0 || (bytes * 1_000) / ms >= options.peerMinBytesPerSecond)
      return false;
    return clock.monotonic() - history.switchedAt >= SWITCH_INTERVAL_MS && hasOthers();
  }

  /** What is still being pulled comes as slowly as its origin sends it. */
  #isTrickle({ isPartial }: CopyRequest, bytes: number, ms: number): boolean {
    const least = this.#parts.options.peerMinBytesPerSecond * TRICKLE_FRACTION;
    return !isPartial && (bytes * 1_000) / ms < least;
  }

  async #finish(request: CopyRequest, feeder: Feeder, bytes: number): Promise<CopyResult> {
    const { history, digest, kind, provider, download } = request;
    try {
      await feeder.complete();
      return { outcome: 'hit', bytes };
    } catch (error) {
      if (download.state === 'failed' || errorCode(error) !== 'DIGEST_MISMATCH') throw error;
    }
    const isSingle = history.contributors.size <= 1;
    // Who had got some of them by now is told of by the mirror, once for each client.
    this.#parts.logger.warn(
      {
        digest,
        kind,
        peer: provider.addr,
        node_id: provider.nodeId,
        bytes,
        sources: history.contributors.size,
      },
      'the bytes that were copied are not those of the digest',
    );
    history.contributors.clear();
    // With several sources nobody knows whose fault it was: the next attempt has one only.
    if (!isSingle) history.isSingleSource = true;
    return { outcome: isSingle ? 'digest_mismatch' : 'stall', bytes, isMixed: !isSingle };
  }

  #conclude(request: CopyRequest, result: CopyResult): void {
    const { suppression, order, clock, random } = this.#parts;
    const { provider, digest, isPartial, isGuess = false } = request;
    if (result.outcome === 'hit' || UNCOUNTED.has(result.outcome)) return;
    const now = clock.monotonic();
    // Being busy is no failure, and a puller that does not serve what it has not got yet is none either.
    if (result.outcome === 'busy' || (result.outcome === 'notfound' && (isPartial || isGuess))) {
      if (result.outcome === 'notfound') return;
    } else if (result.outcome !== 'notfound') order.failed(provider, now);
    const reason = reasonOf(request, result);
    if (reason === undefined) return;
    const { retryAfterMs } = result;
    suppression.table.add(digest, provider, reason, now, { retryAfterMs, random: random.fraction() });
  }
}

/** Why the provider is to be left alone; undefined when it is not. */
function reasonOf({ isPartial }: CopyRequest, result: CopyResult): SuppressionReason | undefined {
  const { outcome, bytes, isInProgress = false, isMixed = false } = result;
  // What it passes on it has not verified itself.
  if (outcome === 'digest_mismatch' && isInProgress) return 'unproven';
  if (outcome === 'stall') {
    return isPartial || isMixed || bytes >= MIN_PROGRESS_BYTES ? undefined : 'unavailable';
  }
  return SUPPRESSES[outcome];
}

function nameOf({ nodeId, addr }: Provider): string {
  return addr === '' ? nodeId : addr;
}

async function leave(body: AsyncIterable<Uint8Array>): Promise<void> {
  await body[Symbol.asyncIterator]().return?.();
}
