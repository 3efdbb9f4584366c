import type { DiscoveryContext } from '../context.ts';
import type { EvictionReason } from '../events.ts';
import { chooseReferent } from '../heartbeat/referent.ts';
import { RELATIONS } from '../stores/peer-store.ts';
import type { AddrInfo, PeerId } from '../wire/messages.ts';
import { usableAddrInfo } from '../wire/addresses.ts';
import type { DiversityOptions } from './subnet-diversity.ts';
import { Denylist } from './denylist.ts';
import { KnownPeers } from './known-peers.ts';
import { NamedIndexers } from './named-indexers.ts';
import { PoolDirectory } from './pool-directory.ts';
import type { PoolEntry } from './pool-entry.ts';
import { StandbyList } from './standby-list.ts';

/** So many times within ten minutes an indexer was full, or asked us to move: slots are short everywhere. */
const SHORTAGES_TO_WAIT = 2;

/** Bound of the lists of peers that are kept out. */
const MAX_DENIED = 1_024;

/**
 * The pool and the lists around it, with the changes that all parts of the agent make to them: each change keeps the
 * lists consistent and says what happened on the event bus. Synchronous, like the models that it holds.
 */
export class PoolState {
  readonly context: DiscoveryContext;
  readonly directory: PoolDirectory;
  /** Indexers that were shown to lie (13.8). */
  readonly quarantine = new Denylist(MAX_DENIED);
  /** Indexers that left for another reason and should not come right back on the word of others. */
  readonly avoided = new Denylist(MAX_DENIED);
  /** Indexers that we have just left: they hold our record, and name us as one of theirs, until it expires. */
  readonly leftLately = new Denylist(MAX_DENIED);
  /** Indexers that our record could not be found through while they represented us. */
  readonly doubtedReferents = new Denylist(MAX_DENIED);
  readonly standby: StandbyList;
  readonly known: KnownPeers;
  /** Indexers that a registry names. */
  readonly named: NamedIndexers;
  /** Ends all work of the agent. */
  readonly signal: AbortSignal;
  referent: PeerId | undefined;
  readonly #abort = new AbortController();
  readonly #evictionListeners = new Set<(entry: PoolEntry) => void>();
  readonly #background = new Set<Promise<void>>();
  #nudge: () => void = () => {};
  #lastHealthy = '';
  #shortages: readonly number[] = [];

  constructor(context: DiscoveryContext, maxSize: number) {
    const { constants, random, self } = context;
    this.context = context;
    this.directory = new PoolDirectory({ self, maxSize, constants, random });
    this.standby = new StandbyList(constants.standbyMax, constants.standbyMs);
    this.named = new NamedIndexers(self, 2 * maxSize);
    this.known = new KnownPeers(constants.knownPeersLru);
    this.signal = AbortSignal.any([context.signal, this.#abort.signal]);
  }

  /** Monotonic milliseconds. */
  now(): number {
    return this.context.clock.monotonic();
  }

  healthy(): PoolEntry[] {
    return this.directory.healthy(this.now());
  }

  /** An indexer had no slot for us, or asks us to give ours up. */
  noteShortage(): void {
    const now = this.now();
    this.#shortages = [
      ...this.#shortages.filter((at) => now - at < this.context.constants.standbyMs),
      now,
    ].slice(-SHORTAGES_TO_WAIT);
  }

  /**
   * How many indexers we look for. None for a while when the fleet is short of slots and we have enough to live on: nodes
   * that go on looking would take each slot that another has just been asked to give up.
   */
  get need(): number {
    const [oldest] = this.#shortages;
    const isShort =
      oldest !== undefined &&
      this.#shortages.length >= SHORTAGES_TO_WAIT &&
      this.now() - oldest < this.context.constants.standbyMs;
    return isShort && this.healthy().length >= this.context.settings.minIndexer ? 0 : this.directory.need;
  }

  isBlacklisted(peer: PeerId): boolean {
    return this.context.peers.findByPeerId(peer)?.relation === RELATIONS.BLACKLIST;
  }

  /** Who is no candidate for the pool. */
  isSkipped(peer: PeerId): boolean {
    const now = this.now();
    return (
      peer === this.context.self ||
      this.directory.has(peer) ||
      this.quarantine.has(peer, now) ||
      this.avoided.has(peer, now) ||
      this.isBlacklisted(peer)
    );
  }

  usable(info: AddrInfo): AddrInfo | undefined {
    return usableAddrInfo(info, { allowLoopback: this.context.settings.allowLoopback });
  }

  diversity(): DiversityOptions {
    return {
      mode: this.context.settings.subnetDiversity,
      maxPool: this.directory.maxSize,
      pool: this.directory.entries().map(({ addresses }) => addresses),
    };
  }

  /** Takes an indexer into the pool. What there is no room for goes to the standby list. */
  add(
    candidate: AddrInfo,
    options: { readonly isSeed?: boolean; readonly from: string; readonly suggestedBy?: PeerId },
  ): boolean {
    const now = this.now();
    const isSeed = options.isSeed ?? false;
    if (this.isBlacklisted(candidate.ID) || this.quarantine.has(candidate.ID, now)) return false;
    const insertion = this.directory.insert(candidate, { ...options, isSeed, now });
    if ('refused' in insertion) {
      if (insertion.refused === 'full') this.standby.add(candidate, now);
      return false;
    }
    if (insertion.replaced !== undefined) this.#left(insertion.replaced, 'gone');
    this.standby.drop(candidate.ID);
    this.avoided.delete(candidate.ID);
    this.context.overlay.protect(candidate.ID, true);
    this.context.events.publish('pool.added', { peer: candidate.ID, isSeed, from: options.from });
    return true;
  }

  /** Removes an entry, closes its heartbeat stream and no other (F:4), and keeps it away for as long as the reason asks. */
  evict(entry: PoolEntry, reason: EvictionReason, evidence?: string): boolean {
    if (!this.directory.remove(entry)) return false;
    this.#left(entry, reason);
    if (reason !== 'hard-evidence') return true;
    const { quarantineMs } = this.context.constants;
    this.quarantine.add(entry.peer, this.now() + quarantineMs, evidence ?? reason);
    this.context.events.publish('pool.quarantined', { peer: entry.peer, evidence: evidence ?? reason });
    const suggester = entry.suggestedBy === undefined ? undefined : this.directory.get(entry.suggestedBy);
    suggester?.confidence.add('suggestion', false);
    return true;
  }

  #left(entry: PoolEntry, reason: EvictionReason): void {
    const { constants, overlay, events } = this.context;
    const awayMs: Record<EvictionReason, number> = {
      failed: constants.replenishRetryMs,
      score: constants.standbyMs,
      migration: constants.offloadGraceMs,
      'hard-evidence': 0,
      blacklisted: 0,
      gone: constants.fullBackoffMs,
    };
    if (awayMs[reason] > 0) this.avoided.add(entry.peer, this.now() + awayMs[reason], reason);
    if (reason === 'migration') this.noteShortage();
    if (entry.lastAnswered !== undefined && awayMs[reason] > 0)
      this.leftLately.add(entry.peer, this.now() + constants.heartbeatExpiryMs, reason);
    overlay.protect(entry.peer, false);
    for (const listener of this.#evictionListeners) listener(entry);
    events.publish('pool.evicted', {
      peer: entry.peer,
      reason,
      ...(entry.score !== undefined && { score: entry.score }),
    });
    if (this.referent === entry.peer) this.updateReferent();
    this.publishHealth();
  }

  onEvicted(listener: (entry: PoolEntry) => void): void {
    this.#evictionListeners.add(listener);
  }

  /** 11.4. Strict indexers designate nobody (F:59), so only nodes call it with `designates`. */
  updateReferent(): void {
    const now = this.now();
    const candidates = this.directory.entries().map((entry) => ({
      peer: entry.peer,
      score: entry.score,
      isHealthy: entry.isHealthy(now),
      wasTried: entry.lastTried !== undefined,
    }));
    const trusted = candidates.filter(({ peer }) => !this.doubtedReferents.has(peer, now));
    const referent =
      chooseReferent(trusted, this.referent, this.context.constants.referentHysteresis) ??
      chooseReferent(candidates, this.referent, this.context.constants.referentHysteresis);
    if (referent === this.referent) return;
    this.referent = referent;
    this.context.events.publish('pool.referent', { peer: referent });
  }

  /** Says how many entries are healthy, when that has changed. */
  publishHealth(): void {
    const healthy = this.healthy().length;
    const { size } = this.directory;
    if (`${healthy}/${size}` === this.#lastHealthy) return;
    this.#lastHealthy = `${healthy}/${size}`;
    this.context.events.publish('pool.healthy', { healthy, size });
  }

  /** Who runs the partial ticks. */
  onNudge(nudge: () => void): void {
    this.#nudge = nudge;
  }

  nudge(): void {
    if (!this.signal.aborted) this.#nudge();
  }

  /** Runs a task of the agent; its failure is logged, and {@link stop} waits for it. */
  run(name: string, task: () => Promise<void>): void {
    if (this.signal.aborted) return;
    const running = task().catch((error: unknown) => {
      if (!this.signal.aborted) this.context.logger.error({ task: name, error }, 'task of the pool failed');
    });
    const tracked = running.finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  /** Waits; false when the agent stops first. */
  async sleep(delayMs: number): Promise<boolean> {
    try {
      await this.context.timers.sleep(delayMs, this.signal);
      return true;
    } catch {
      return false;
    }
  }

  /** Ends all tasks and waits for them. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#background);
  }
}
