/**
 * Where a session gets its bytes from (coordination spec 13.8): providers that discovery names, then the cascade, then what it
 * says, then the last resort, and again, as long as somebody waits.
 */

import { errorCode } from '@muster/core';
import type { Resolution, TailRefusal } from '../cold-start/resolution.ts';
import { coordinationErrors } from '../errors.ts';
import type { Download } from '../parts.ts';
import type { Digest, Provider } from '../types.ts';
import { within } from '../within.ts';
import { askableProviders, type FetchSessionsParts, providerAt, usableProviders } from './context.ts';
import type { FetchRequest } from './fetch-session.ts';
import { followOwnPull } from './own-pull.ts';
import { CopyHistory, type CopyResult, MIN_PROGRESS_BYTES, type PeerCopier } from './peer-copy.ts';

const LOOKUP_MS = 2_000;
const MAX_FRUITLESS = 6;
const CASCADE_INTERVAL_MS = 10_000;
const REDISCOVER_MS = 1_000;
const REDISCOVER_FACTOR = 1.5;
const REDISCOVER_MAX_MS = 5_000;
/** Without a byte for so long, the cascade is asked even though providers seem healthy: a pull must not be slower than without them. */
const STUCK_MS = 15_000;
/** And after so long the last resort, which is bounded by itself: a cluster whose only copy cannot be had is no better than none. */
const HEDGE_MS = 30_000;
/** Nodes that are asked for a place to follow a pull before there is a pause. */
const MAX_TAIL_ASKS = 24;
/** Liars that may be found out one after the other before the usual interval holds again. */
const MAX_DECEPTIONS = 5;
const HEALTHY_SCORE = 0.7;
const MAX_KNOWN = 64;

type Found = 'committed' | 'local';

export interface SearchTarget {
  readonly request: FetchRequest;
  readonly download: Download;
  /** Whether somebody waits. */
  readonly isWanted: () => boolean;
  readonly signal: AbortSignal;
}

export class SourceSearch {
  readonly #parts: FetchSessionsParts;
  readonly #copier: PeerCopier;
  readonly #target: SearchTarget;
  readonly #history = new CopyHistory();
  /** Providers whose last attempt brought nothing, since the last lookup. */
  readonly #attempted = new Set<string>();
  /** Those that a busy node has named: they have some of the object, perhaps not all of it yet. */
  readonly #copying = new Set<string>();
  /** Those that were only asked for their intent, and had nothing to tell (10.2, rule 2). */
  readonly #guesses = new Set<string>();
  #queue: Provider[] = [];
  #fruitless = 0;
  #areAllMissing = true;
  #lastCascadeAt = Number.NEGATIVE_INFINITY;
  #lastProgressAt: number;
  #hasHedged = false;
  /** Who leads the providers of the last cascade. */
  #leader: Provider | undefined;
  #deceptions = 0;

  constructor(parts: FetchSessionsParts, copier: PeerCopier, target: SearchTarget) {
    this.#parts = parts;
    this.#copier = copier;
    this.#target = target;
    this.#lastProgressAt = parts.clock.monotonic();
  }

  /** Resolves when the object is here. Rejects with the errors of cascade and fallback, WARM_PATH_EXHAUSTED, and the signal's reason. */
  async run(): Promise<Found> {
    const { inflight, clock } = this.#parts;
    const { request } = this.#target;
    if (inflight?.lookup(request.digest, clock.now()) !== undefined) return this.#follow();
    this.#queue = [...(await this.#lookup())];
    let rediscoverMs = REDISCOVER_MS;
    let rediscoverSince: number | undefined;
    for (;;) {
      this.#target.signal.throwIfAborted();
      const wasEmpty = this.#queue.length === 0;
      const before = this.#target.download.receivedBytes;
      if (await this.#tryProviders()) return 'committed';
      if (this.#target.download.receivedBytes > before) rediscoverSince = undefined;
      if (this.#shouldCascade(wasEmpty)) {
        this.#startRound();
        const found = await this.#cascade();
        if (typeof found === 'string') return found;
        // In the order of the cascade: in a probe, only the first one has said that it has the object.
        this.#queue = [...askableProviders(this.#parts, request.digest, found)];
        this.#leader = this.#queue[0];
      }
      if (this.#queue.length > 0) continue;
      const hedged = await this.#hedge();
      if (typeof hedged === 'string') return hedged;
      rediscoverSince ??= clock.monotonic();
      this.#requirePatience(rediscoverSince);
      await this.#parts.timers.sleep(rediscoverMs, this.#target.signal);
      rediscoverMs = Math.min(rediscoverMs * REDISCOVER_FACTOR, REDISCOVER_MAX_MS);
      this.#startRound();
      this.#queue = [...(await this.#lookup())];
    }
  }

  #startRound(): void {
    this.#attempted.clear();
    this.#copying.clear();
    this.#guesses.clear();
    this.#fruitless = 0;
    this.#areAllMissing = true;
  }

  #requirePatience(since: number): void {
    const { clock, options } = this.#parts;
    if (this.#target.isWanted() && clock.monotonic() - since < options.rediscoverBudgetMs) return;
    throw coordinationErrors.create('WARM_PATH_EXHAUSTED', 'nobody who has the object could be reached');
  }

  #shouldCascade(wasEmpty: boolean): boolean {
    const now = this.#parts.clock.monotonic();
    if (this.#wasDeceived()) return true;
    if (now - this.#lastCascadeAt < CASCADE_INTERVAL_MS) return false;
    if (wasEmpty) return true;
    if (now - this.#lastProgressAt >= STUCK_MS) return true;
    return this.#areAllMissing || this.#parts.discovery.health() < HEALTHY_SCORE;
  }

  /** Whether the cascade believed one that has turned out to lie: now it will come to something else. */
  #wasDeceived(): boolean {
    const leader = this.#leader;
    this.#leader = undefined;
    if (leader === undefined || this.#deceptions >= MAX_DECEPTIONS) return false;
    if (!this.#parts.suppression.isUseless(this.#target.request.digest, leader)) return false;
    this.#deceptions += 1;
    return true;
  }

  /** Asks one provider after the other; true when the object is complete. */
  async #tryProviders(): Promise<boolean> {
    for (;;) {
      const provider = this.#queue.shift();
      if (provider === undefined || this.#fruitless >= MAX_FRUITLESS) return false;
      // With one source only, what a broken attempt has brought is thrown away again.
      const isKept = !this.#history.isSingleSource;
      const { outcome, bytes, alternates } = await this.#copy(provider, this.#copying.has(provider.addr));
      if (outcome === 'hit') return true;
      if (outcome === 'taken') return (await this.#follow()) !== undefined;
      this.#enqueue(alternates ?? []);
      if (bytes >= MIN_PROGRESS_BYTES && isKept && outcome !== 'digest_mismatch' && outcome !== 'trickle') {
        this.#areAllMissing = false;
        await this.#rediscover(provider);
        continue;
      }
      this.#attempted.add(provider.addr);
      this.#fruitless += 1;
      if (outcome !== 'notfound') this.#areAllMissing = false;
    }
  }

  async #copy(provider: Provider, isPartial: boolean): Promise<CopyResult> {
    const { request, download, signal } = this.#target;
    const { digest, kind, repository } = request;
    // The own pump was asked to pull it meanwhile, and waits for its turn at the download.
    if (this.#isPulledHere()) return { outcome: 'taken', bytes: 0 };
    const result = await this.#copier.copy({
      download,
      provider,
      digest,
      kind,
      repository,
      isPartial: isPartial && this.#parts.options.partialTransfer,
      isGuess: this.#guesses.has(provider.addr),
      history: this.#history,
      hasOthers: () => this.#queue.length > 0,
      signal,
    });
    signal.throwIfAborted();
    if (result.bytes > 0 && result.outcome !== 'trickle')
      this.#lastProgressAt = this.#parts.clock.monotonic();
    return result;
  }

  #isPulledHere(): boolean {
    const { inflight, clock } = this.#parts;
    return inflight?.lookup(this.#target.request.digest, clock.now())?.isQueued === false;
  }

  /** After some progress: who else is there? The one that broke off comes last. */
  async #rediscover(after: Provider): Promise<void> {
    const known = new Set(this.#queue.map(({ addr }) => addr));
    const found = (await this.#lookup()).filter(
      ({ addr }) => !known.has(addr) && !this.#attempted.has(addr) && addr !== after.addr,
    );
    const usable = usableProviders(this.#parts, this.#target.request.digest, [after]);
    this.#queue = [...this.#queue, ...found, ...usable].slice(0, MAX_KNOWN);
  }

  /** Others that a busy node has named: before those of whom nothing is known. */
  #enqueue(addresses: readonly string[]): void {
    const providers = addresses.map((addr) => providerAt(this.#parts, addr));
    const known = new Set(this.#queue.filter(({ addr }) => !this.#guesses.has(addr)).map(({ addr }) => addr));
    const fresh = usableProviders(this.#parts, this.#target.request.digest, providers).filter(
      ({ addr }) => !known.has(addr) && !this.#attempted.has(addr),
    );
    for (const { addr } of fresh) {
      this.#copying.add(addr);
      this.#guesses.delete(addr);
    }
    const rest = this.#queue.filter(({ addr }) => !this.#copying.has(addr));
    this.#queue = [...fresh, ...rest].slice(0, MAX_KNOWN);
  }

  async #lookup(): Promise<readonly Provider[]> {
    const { discovery, timers, clock, events } = this.#parts;
    const { request, signal } = this.#target;
    const { digest } = request;
    const startedAt = clock.monotonic();
    let outcome: 'hit' | 'miss' | 'timeout' | 'error' = 'error';
    try {
      const found = await within(timers, LOOKUP_MS, signal, async (inner) =>
        discovery.findProviders(digest, { timeoutMs: LOOKUP_MS, signal: inner }),
      );
      outcome = found.length > 0 ? 'hit' : 'miss';
      const usable = usableProviders(this.#parts, digest, found);
      if (found.length > 0 && usable.length === 0) events.publish('provider.stale-only', { digest });
      return usable;
    } catch (error) {
      signal.throwIfAborted();
      if (errorCode(error) === 'RPC_TIMEOUT') outcome = 'timeout';
      return [];
    } finally {
      events.publish('lookup.finished', { outcome, ms: clock.monotonic() - startedAt });
    }
  }

  async #cascade(): Promise<Found | readonly Provider[]> {
    const { coldStart, clock } = this.#parts;
    const { request, download, signal } = this.#target;
    const { digest, kind, registry, repository } = request;
    const expectedSize = download.size ?? 0;
    try {
      let resolution = await coldStart.resolve({
        digest,
        kind,
        registry,
        repository,
        expectedSize,
        trigger: request.isPrefetch === true ? 'prefetch' : 'mirror',
        signal,
      });
      for (;;) {
        const found = await this.#pursue(resolution);
        if (!('how' in Object(found))) return found as Found | readonly Provider[];
        resolution = found as Resolution;
      }
    } catch (error) {
      if (errorCode(error) !== 'CASCADE_EXHAUSTED') throw error;
      return await this.#fallBack(expectedSize, error);
    } finally {
      this.#lastCascadeAt = clock.monotonic();
    }
  }

  async #pursue(resolution: Resolution): Promise<Found | readonly Provider[] | Resolution> {
    switch (resolution.how) {
      case 'providers':
        if (resolution.outcome.endsWith('rule2_cache_hit')) {
          for (const { addr } of resolution.providers.slice(1)) this.#guesses.add(addr);
        }
        return resolution.providers;
      case 'local':
        // What cannot be opened after all is looked for elsewhere.
        return (await this.#isStored(this.#target.request.digest)) ? 'local' : [];
      case 'own-pull':
        return this.#follow();
      case 'tail':
        return this.#tail(resolution);
    }
  }

  async #tail(
    resolution: Extract<Resolution, { how: 'tail' }>,
  ): Promise<Found | readonly Provider[] | Resolution> {
    const { signal } = this.#target;
    const result = await this.#copy(resolution.provider, true);
    if (result.outcome === 'hit') return 'committed';
    if (result.outcome === 'taken') return this.#follow();
    if (result.outcome === 'busy') {
      const found = await this.#tailOthers(resolution.provider, result.alternates ?? []);
      if (found === 'hit') return 'committed';
      if (found === 'taken') return this.#follow();
    }
    return resolution.resume(refusalOf(result), signal);
  }

  /**
   * Those that a busy puller has named, and whom they name: nodes that follow a pull make a tree, and a place in it is found
   * by going down one of its branches.
   */
  async #tailOthers(puller: Provider, named: readonly string[]): Promise<'hit' | 'taken' | undefined> {
    const asked = new Set([puller.addr]);
    const stack = [...named];
    while (asked.size <= MAX_TAIL_ASKS) {
      const addr = stack.shift();
      if (addr === undefined) return undefined;
      if (asked.has(addr)) continue;
      asked.add(addr);
      const [provider] = usableProviders(this.#parts, this.#target.request.digest, [
        providerAt(this.#parts, addr),
      ]);
      if (provider === undefined) continue;
      const { outcome, alternates = [] } = await this.#copy(provider, true);
      if (outcome === 'hit' || outcome === 'taken') return outcome;
      if (outcome === 'busy') stack.unshift(...alternates);
    }
    return undefined;
  }

  async #fallBack(expectedSize: number, exhausted: unknown): Promise<Found | readonly Provider[]> {
    const { fallback } = this.#parts;
    const { request, signal } = this.#target;
    if (fallback === undefined) throw exhausted;
    const { digest, kind, registry, repository } = request;
    const verdict = await fallback.attempt({ digest, kind, registry, repository, expectedSize, signal });
    signal.throwIfAborted();
    switch (verdict.kind) {
      case 'pulling':
      case 'follow':
        return this.#follow();
      case 'providers':
        return verdict.providers;
      case 'declined': {
        const { reason, entry } = verdict;
        const { failureClass, cooldownUntil } = entry ?? {};
        throw coordinationErrors.create('FALLBACK_DECLINED', `the origin was not asked: ${reason}`, {
          details: { digest, reason, failureClass, cooldownUntil },
        });
      }
    }
  }

  /** Asks the gate once when nothing has come for long, though somebody is said to have it. */
  async #hedge(): Promise<Found | undefined> {
    const { clock } = this.#parts;
    if (this.#hasHedged || clock.monotonic() - this.#lastProgressAt < HEDGE_MS) return undefined;
    this.#hasHedged = true;
    try {
      const found = await this.#fallBack(this.#target.download.size ?? 0, undefined);
      if (typeof found === 'string') return found;
      this.#queue.push(...usableProviders(this.#parts, this.#target.request.digest, found));
    } catch (error) {
      if (error !== undefined && errorCode(error) !== 'FALLBACK_DECLINED') throw error;
    }
    return undefined;
  }

  async #follow(): Promise<Found> {
    return followOwnPull(this.#parts, this.#target);
  }

  async #isStored(digest: Digest): Promise<boolean> {
    try {
      return await this.#parts.store.has(digest);
    } catch {
      return false;
    }
  }
}

function refusalOf({ outcome, retryAfterMs }: CopyResult): TailRefusal {
  if (outcome === 'notfound') return { kind: 'refused' };
  if (outcome === 'busy') return { kind: 'busy', retryAfterMs: retryAfterMs ?? 1_000 };
  return { kind: 'unreachable' };
}
