import type { DiscoveryContext } from '../context.ts';
import { checkHeartbeatRate } from '../heartbeat/heartbeat-rate.ts';
import { judgeOwnRecord } from '../heartbeat/own-record.ts';
import type { Pool, PoolEntryView, RecordDirectory } from '../parts.ts';
import type { AddrInfo, HeartbeatResponse, PeerId, PeerRecord, WitnessReport } from '../wire/messages.ts';
import { HeartbeatSender } from './beat.ts';
import { ConsensusRun } from './consensus-run.ts';
import { Decisions } from './decisions.ts';
import { InboundWatch } from './inbound-watch.ts';
import { shuffled } from './known-peers.ts';
import { PoolState } from './pool-state.ts';
import { Recovery } from './recovery.ts';
import { Replenisher } from './replenish.ts';
import { Tick } from './tick.ts';
import { Ticker, type TickScope } from './ticker.ts';
import { Verification } from './verification.ts';
import { WitnessServer } from './witness-server.ts';

export interface PoolAgentParts {
  readonly directory: RecordDirectory;
  /** A fresh signed record for each tick. Absent on strict indexers. */
  readonly recordBuilder?: () => PeerRecord;
  /** Pool ceiling: `maxIndexer` of a node, twice that of a strict indexer (14). */
  readonly maxSize: number;
  /** Our DID, once it is known; without one no DHT challenge is sent. */
  readonly ownDid?: () => string | undefined;
}

/**
 * The node's side of discovery (sections 11, 13.6 to 13.8, 14, 24.4): keeps a pool of indexers by heartbeats, judges
 * them by evidence, replaces those that fail or lie, and answers what others ask about them (P3).
 *
 * Fault model. Indexers crash, hang, answer late, lie to some or to all, and suggest their friends; witnesses lie as
 * well; our own network may be down. Whatever happens, seeds stay, no indexer is heartbeated more often than it allows,
 * a pool with nobody healthy keeps looking for somebody, and all work ends with the daemon.
 */
export class PoolAgent implements Pool {
  readonly #state: PoolState;
  readonly #parts: PoolAgentParts;
  readonly #sender: HeartbeatSender;
  readonly #verification: Verification;
  readonly #tick: Tick;
  readonly #ticker: Ticker;
  readonly #decisions: Decisions;
  readonly #replenisher: Replenisher;
  readonly #recovery: Recovery;
  readonly #inbound: InboundWatch;
  readonly #witnessServer: WitnessServer;

  /** Throws OVERLAY_START_FAILED when the periods would break the heartbeat limit of our own indexers (11.2). */
  constructor(context: DiscoveryContext, parts: PoolAgentParts) {
    checkHeartbeatRate(context.constants, context.settings.maxHeartbeatsPerMinute);
    const state = new PoolState(context, parts.maxSize);
    const ownDid = (): string | undefined => parts.ownDid?.();
    this.#state = state;
    this.#parts = parts;
    this.#sender = new HeartbeatSender(state, (peer, notice) => this.#takeNotice(peer, notice));
    this.#verification = new Verification(state, {
      records: parts.directory,
      ownDid,
      judge: (entry) => this.#decisions.judge(entry),
    });
    this.#tick = new Tick(state, this.#sender, this.#verification, {
      ownDid,
      recordBuilder: parts.recordBuilder,
      judgeOwnRecord: (payload) => this.#judgeOwnRecord(payload),
      name: () => context.settings.name,
    });
    this.#replenisher = new Replenisher(state, parts.directory);
    this.#recovery = new Recovery(state, parts.directory, this.#replenisher);
    this.#decisions = new Decisions(state, {
      consensus: new ConsensusRun(state, parts.directory, this.#replenisher),
      replenisher: this.#replenisher,
      recovery: this.#recovery,
    });
    this.#ticker = new Ticker(state, (scope) => this.#runTick(scope));
    this.#inbound = new InboundWatch(state, parts.directory, (candidate, from) =>
      this.consider(candidate, from),
    );
    this.#witnessServer = new WitnessServer(state, (asked) => this.witnessReport(asked));
  }

  /** `connectToIndexers` (14.1): takes the seeds, begins to heartbeat and to listen. Never throws for want of seeds (F:20). */
  start(): void {
    const { settings, logger, peers } = this.#state.context;
    this.#witnessServer.start();
    for (const seed of settings.indexerAddresses.slice(0, this.#parts.maxSize)) {
      this.#state.add(seed, { isSeed: true, from: 'seed' });
    }
    if (this.#state.directory.size < settings.minIndexer) {
      logger.warn(
        { seeds: this.#state.directory.size },
        'too few seeds: isolated until an indexer connects to us or the DHT knows one',
      );
    }
    this.#inbound.start();
    const unwatch = peers.watch(({ peer_id: peer }) => {
      if (this.#state.isBlacklisted(peer)) this.drop(peer, 'blacklisted');
    });
    this.#state.signal.addEventListener('abort', unwatch, { once: true });
    this.#state.run('heartbeats', () => this.#ticker.run());
    this.#state.run('warm-up', () => this.#warmUp());
  }

  /** Ends all loops, requests and heartbeat streams. */
  async stop(): Promise<void> {
    this.#witnessServer.stop();
    const ended = this.#state.stop();
    await this.#sender.stop();
    await ended;
  }

  async #warmUp(): Promise<void> {
    const { context, directory } = this.#state;
    if (!(await this.#state.sleep(context.constants.warmupMs))) return;
    await this.#parts.directory.ensureClient();
    if (this.#state.signal.aborted) return;
    // Seeds that came up a moment after us, as when a whole fleet starts, need not wait for the back-off.
    if (this.#state.healthy().length === 0) {
      this.#recovery.reconnectToSeeds();
      this.#state.nudge();
    }
    if (directory.need > 0) this.#replenisher.start(directory.need);
    else await this.#replenisher.fillStandby(Math.floor(directory.maxSize / 2));
  }

  async #runTick(scope: TickScope): Promise<void> {
    const result = await this.#tick.run(scope);
    if (!this.#state.signal.aborted) this.#decisions.afterTick(result);
  }

  #takeNotice(peer: PeerId, notice: HeartbeatResponse): void {
    const entry = this.#state.directory.get(peer);
    if (entry !== undefined) this.#decisions.takeNotice(entry, notice);
  }

  #judgeOwnRecord(payload: unknown): ReturnType<typeof judgeOwnRecord> {
    const { context } = this.#state;
    return judgeOwnRecord(payload, {
      ownDid: this.#parts.ownDid?.() ?? '',
      crypto: context.crypto,
      didMode: context.settings.didMode,
      date: context.clock.now(),
      constants: context.constants,
    });
  }

  get size(): number {
    return this.#state.directory.size;
  }

  get maxSize(): number {
    return this.#state.directory.maxSize;
  }

  get healthyCount(): number {
    return this.#state.healthy().length;
  }

  has(peer: PeerId): boolean {
    return this.#state.directory.has(peer);
  }

  reachable(): readonly AddrInfo[] {
    const now = this.#state.now();
    const entries = shuffled(this.#state.directory.entries(), this.#state.context.random).filter(
      ({ peer }) => !this.#state.isBlacklisted(peer),
    );
    return [
      ...entries.filter((entry) => entry.isHealthy(now)),
      ...entries.filter((entry) => !entry.isHealthy(now)),
    ].map(({ peer, addresses }) => ({ ID: peer, Addrs: [...addresses] }));
  }

  view(): readonly PoolEntryView[] {
    return this.#state.directory.view(this.#state.now(), this.#state.referent);
  }

  entry(peer: PeerId): PoolEntryView | undefined {
    return this.#state.directory.get(peer)?.view(this.#state.now(), peer === this.#state.referent);
  }

  witnessReport(asked: PeerId): WitnessReport {
    const entry = this.#state.directory.get(asked);
    if (entry?.lastAnswered === undefined) {
      // Who changes its indexers often must not make liars of those that it has left.
      return { seen: this.#state.leftLately.has(asked, this.#state.now()) };
    }
    return {
      seen: true,
      fill_rate: entry.fillRate,
      ...(entry.bornAt !== undefined && { born_at: entry.bornAt }),
      ...(entry.score !== undefined && { score: entry.score }),
    };
  }

  isQuarantined(peer: PeerId): boolean {
    return this.#state.quarantine.has(peer, this.#state.now());
  }

  quarantined(): readonly { readonly peer: PeerId; readonly until: number; readonly evidence: string }[] {
    return this.#state.quarantine
      .list(this.#state.now())
      .map(({ peer, until, reason }) => ({ peer, until, evidence: reason }));
  }

  consider(candidate: AddrInfo, from: string): boolean {
    const { avoided } = this.#state;
    const info = this.#state.usable(candidate);
    if (info === undefined || this.#state.need === 0) return false;
    // It had asked us to leave: that it is alive says nothing of its load.
    const hasSentUsAway = avoided.reasonOf(info.ID, this.#state.now()) === 'migration';
    if (hasSentUsAway && this.healthyCount >= this.#state.context.settings.minIndexer) return false;
    // It has contacted us, so it lives: what else we avoided it for is over.
    avoided.delete(info.ID);
    if (this.#state.isSkipped(info.ID) || !this.#state.add(info, { from })) return false;
    this.#state.nudge();
    return true;
  }

  /** Indexers named by who knows some: candidates, kept for the way back from isolation. Returns those that are new. */
  nameIndexers(indexers: readonly AddrInfo[]): readonly AddrInfo[] {
    const fresh = this.#state.named.replace(indexers.flatMap((info) => this.#state.usable(info) ?? []));
    let added = 0;
    for (const info of fresh) {
      if (this.#state.directory.need <= 0) this.#state.standby.add(info, this.#state.now());
      else if (!this.#state.isSkipped(info.ID) && this.#state.add(info, { from: 'registry' })) added += 1;
    }
    if (added > 0) this.#state.nudge();
    return fresh;
  }

  noteKnownPeer(peer: AddrInfo): void {
    if (peer.ID !== this.#state.context.self) this.#state.known.note(peer);
  }

  drop(peer: PeerId, reason: 'blacklisted' | 'gone'): void {
    const { directory, standby, known } = this.#state;
    standby.drop(peer);
    known.drop(peer);
    const entry = directory.get(peer);
    if (entry !== undefined) this.#state.evict(entry, reason);
  }

  nudge(): void {
    this.#state.nudge();
  }
}
