/**
 * The indexer side of heartbeats (discovery spec sections 12 and 17, 5.4.2): wires the table, the behaviour tracker, the
 * burst guard and the server, and runs the periodic work.
 */

import type { TimerHandle } from '@muster/core';
import { ConnectionGuard } from '../behaviour/connection-guard.ts';
import type { DiscoveryContext } from '../context.ts';
import type { IndexerFacts } from '../parts.ts';
import type { PeerId } from '../wire/messages.ts';
import { AfterHeartbeat } from './after-heartbeat.ts';
import { HeartbeatHandler } from './heartbeat-handler.ts';
import { HeartbeatServer } from './heartbeat-server.ts';
import { LiveNodeTable } from './node-table.ts';
import type { IndexerParts } from './parts.ts';
import { ProbeSchedule } from './probe-schedule.ts';
import { Responder } from './responder.ts';

/** DIDs that one line of the log holds. */
const DIDS_LOGGED = 1_000;

export class IndexerAgent implements IndexerFacts {
  readonly table: LiveNodeTable;
  readonly #context: DiscoveryContext;
  readonly #parts: IndexerParts;
  readonly #guard: ConnectionGuard;
  readonly #probes: ProbeSchedule;
  readonly #responder: Responder;
  readonly #after: AfterHeartbeat;
  readonly #server: HeartbeatServer;
  readonly #seeds: ReadonlySet<PeerId>;
  #timers: readonly TimerHandle[] = [];

  constructor(context: DiscoveryContext, parts: IndexerParts) {
    this.#context = context;
    this.#parts = parts;
    const { settings, constants, clock } = context;
    this.table = new LiveNodeTable({ maxNodes: settings.maxNodes, constants, clock });
    this.#guard = new ConnectionGuard({
      limit: settings.maxConnPerWindow,
      windowMs: settings.connWindowMs,
      memoryMs: constants.guardMemoryMs,
      maxRemembered: constants.behaviourStatesPerSlot * Math.max(1, settings.maxNodes),
    });
    this.#probes = new ProbeSchedule(constants);
    this.#responder = new Responder(context, parts, this.table);
    this.#after = new AfterHeartbeat(context, parts.directory, this.#probes);
    this.#seeds = new Set(settings.indexerAddresses.map(({ ID }) => ID));
    const isExempt = (peer: PeerId): boolean => this.#seeds.has(peer) || parts.pool.has(peer);
    const handler = new HeartbeatHandler(context, {
      ...parts,
      table: this.table,
      guard: this.#guard,
      probes: this.#probes,
      responder: this.#responder,
      isExempt,
    });
    this.#server = new HeartbeatServer(context, {
      behaviour: parts.behaviour,
      guard: this.#guard,
      table: this.table,
      handler,
      isExempt,
      onServed: (served) => this.#after.begin(served),
      onEnded: (peer) => this.#hasEnded(peer),
    });
  }

  /** Start of this run, in milliseconds since the epoch. */
  get bornAt(): number {
    return this.#responder.bornAt;
  }

  /** 24.6. */
  cachedScore(): number {
    return this.#responder.cachedScore();
  }

  /** Serves heartbeats from here on (5.3.6: everything that answers need has to run). */
  start(): void {
    const { timers, constants, signal } = this.#context;
    this.#responder.beginRun();
    void this.#loadSeen();
    this.#server.start();
    this.#timers = [
      timers.every(constants.recordGcMs, () => this.#collect()),
      timers.every(constants.snapshotLogMs, () => this.#logSnapshot()),
    ];
    signal.addEventListener('abort', () => this.#halt(), { once: true });
  }

  /** Sends every node the notice of 5.4.2, and answers new streams with `shutting_down`. Never rejects. */
  async stop(): Promise<void> {
    this.#halt();
    await this.#server.stop((peer) => {
      const suggestions = this.#responder.alternatives(peer, this.#context.constants.spreadWindow);
      return {
        ...this.#responder.minimal(undefined),
        suggest_migrate: true,
        ...(suggestions.length > 0 && { suggestions }),
      };
    });
    await this.#saveSeen();
  }

  /** Forgets a blacklisted peer and ends its stream (spec section 18). Its strikes stay. */
  drop(peer: PeerId): void {
    this.#forget(peer, 'blacklisted');
    this.#guard.forget(peer);
    this.#parts.gate?.forget(peer);
  }

  /** Sizes of everything that grows with peers, for metrics and tests. */
  counts(): Readonly<Record<string, number>> {
    const { batch, alreadyTried } = this.#responder.offload.sizes;
    return {
      records: this.table.size,
      streams: this.#server.size,
      behaviour: this.#parts.behaviour.size,
      pins: this.#parts.behaviour.pins,
      guard: this.#guard.size,
      probes: this.#probes.size,
      background: this.#after.size,
      offload: batch + alreadyTried,
    };
  }

  #halt(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#after.stop();
  }

  /** 12.7. */
  #collect(): void {
    for (const { peer } of this.table.takeExpired()) this.#forget(peer, 'expired');
    this.#parts.behaviour.sweep();
    this.#guard.sweep(this.#context.clock.monotonic());
    void this.#saveSeen();
  }

  /**
   * A heartbeat stream has ended. The record of the node outlives it, unless we have asked the node to move: then it has
   * done so, and as long as we counted it, we would ask more nodes than need be.
   */
  #hasEnded(peer: PeerId): void {
    const wasAsked = this.#responder.offload.drop(peer);
    const expiresAt = this.table.get(peer)?.expiresAt ?? 0;
    // A stream that ends because nothing comes any more says nothing of a move: the record ends with it.
    if (wasAsked && expiresAt > this.#context.clock.monotonic()) this.#forget(peer, 'moved');
  }

  #forget(peer: PeerId, reason: string): void {
    const wasLive = this.table.remove(peer) !== undefined;
    this.#server.end(peer);
    this.#parts.referenced.delete(peer);
    this.#responder.offload.drop(peer);
    this.#after.drop(peer);
    if (wasLive || reason === 'expired') this.#context.events.publish('record.removed', { peer, reason });
  }

  #logSnapshot(): void {
    const dids: string[] = [];
    for (const { did } of this.table.values()) {
      if (did !== undefined && dids.length < DIDS_LOGGED) dids.push(did);
    }
    this.#context.logger.info({ nodes: this.table.size, dids }, 'nodes known to this indexer');
  }

  async #loadSeen(): Promise<void> {
    const { clock, logger } = this.#context;
    try {
      const peers = (await this.#parts.seenPeers?.load()) ?? [];
      for (const { peer, seenAt } of peers) {
        const ageMs = Math.max(0, clock.now() - seenAt);
        const at = clock.monotonic() - ageMs;
        if (!this.#guard.remembers(peer, clock.monotonic())) this.#guard.noteSeen(peer, at);
      }
    } catch (error) {
      logger.warn({ error }, 'the peers of the last run could not be read: they count as new');
    }
  }

  async #saveSeen(): Promise<void> {
    const { seenPeers } = this.#parts;
    if (seenPeers === undefined) return;
    const { clock, logger } = this.#context;
    const monotonic = clock.monotonic();
    const peers = [...this.#guard.seen(monotonic)].map(({ peer, at }) => ({
      peer,
      seenAt: clock.now() - (monotonic - at),
    }));
    try {
      await seenPeers.save(peers);
    } catch (error) {
      logger.warn({ error }, 'the peers of this run could not be saved: after a restart they count as new');
    }
  }
}
