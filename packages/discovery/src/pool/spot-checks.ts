import { peerHash } from '../records/indexer-record.ts';
import type { RecordDirectory } from '../parts.ts';
import type { AddrInfo, IndexerRecord, PeerId } from '../wire/messages.ts';
import { parseTime } from '../wire/time.ts';
import { askWitness } from './witness-client.ts';
import type { PoolEntry } from './pool-entry.ts';
import type { PoolState } from './pool-state.ts';
import type { WitnessFindings } from './witness-rounds.ts';

/** A record may claim this many peers more than the indexer has ever told us, or half as many again. */
const PEERS_TOLERANCE = 5;
/** A record's fill rate may be this far from what the indexer tells us, as a witness's may. */
const FILL_TOLERANCE = 0.25;
/** Denials that wait for confirmation, of one indexer. */
const MAX_DENIALS = 16;

/**
 * Layer 2 (24.4): compares what an indexer publishes in its signed record with what its peers say, and with what it
 * tells us (DEF-48, DEF-49).
 *
 * Fault model. An honest record is up to some minutes old, and peers leave. So a peer that denies the connection only
 * counts when a record that was made long after its denial still lists it, and it still denies; and figures are only
 * compared with a record that was made while we were listening.
 */
export class SpotChecks {
  readonly #state: PoolState;
  readonly #records: RecordDirectory;
  readonly #findings: WitnessFindings;
  readonly #offered: (entry: PoolEntry) => readonly AddrInfo[];
  readonly #running = new Set<PoolEntry>();
  /** Who denied, and when (milliseconds since the epoch). */
  readonly #denials = new WeakMap<PoolEntry, Map<PeerId, { readonly peer: AddrInfo; readonly at: number }>>();

  constructor(
    state: PoolState,
    records: RecordDirectory,
    options: WitnessFindings & { readonly offered: (entry: PoolEntry) => readonly AddrInfo[] },
  ) {
    this.#state = state;
    this.#records = records;
    this.#findings = options;
    this.#offered = options.offered;
  }

  /** Starts a check, unless one runs. */
  start(entry: PoolEntry): void {
    if (this.#running.has(entry)) return;
    this.#running.add(entry);
    this.#state.run('spot check', async () => {
      try {
        await this.#check(entry);
      } finally {
        this.#running.delete(entry);
      }
    });
  }

  async #check(entry: PoolEntry): Promise<void> {
    const { context, directory } = this.#state;
    const record = await this.#records.indexerRecord(entry.peer, context.constants.spotCheckMs);
    if (!directory.holds(entry)) return;
    const madeAt = record === undefined ? undefined : this.#madeAt(record);
    if (record !== undefined && madeAt !== undefined) this.#compareFigures(entry, record, madeAt);
    const listed = new Set(record?.peers);
    await Promise.all([
      this.#checkMembership(entry, listed),
      this.#confirmDenials(entry, listed, madeAt ?? -Infinity),
    ]);
  }

  /** When the record was made, in milliseconds since the epoch. */
  #madeAt(record: IndexerRecord): number | undefined {
    const { clock, constants } = this.#state.context;
    const expiresAt = parseTime(record.expires_at);
    if (expiresAt === undefined) return undefined;
    return Math.min(clock.now(), expiresAt - constants.indexerRecordTtlMs);
  }

  #compareFigures(entry: PoolEntry, record: IndexerRecord, madeAt: number): void {
    const { oldest } = entry.readings;
    const listeningSince =
      oldest === undefined ? Infinity : this.#state.context.clock.now() - (this.#state.now() - oldest.at);
    if (madeAt < listeningSince) return;
    const most = entry.readings.mostPeers;
    if (record.peer_count > most + Math.max(PEERS_TOLERANCE, most / 2)) {
      this.#count(entry, false, `its record claims ${record.peer_count} peers, its answers at most ${most}`);
    } else if (entry.readings.fillDistance(record.fill_rate) >= FILL_TOLERANCE) {
      this.#count(entry, false, `its record claims a fill rate of ${record.fill_rate}`);
    }
  }

  async #checkMembership(entry: PoolEntry, listed: ReadonlySet<string>): Promise<void> {
    const target = this.#target(entry, listed);
    if (target === undefined) return;
    const seen = await this.#ask(entry, target);
    if (seen !== undefined) this.#state.known.noteVerdict(target.ID, entry.peer, seen);
    if (seen === true) {
      this.#denials.get(entry)?.delete(target.ID);
      this.#count(entry, true);
    } else if (seen === false && listed.has(peerHash(target.ID))) {
      const denials = this.#denials.get(entry) ?? new Map();
      this.#denials.set(entry, denials);
      const { clock } = this.#state.context;
      if (denials.size < MAX_DENIALS && !denials.has(target.ID))
        denials.set(target.ID, { peer: target, at: clock.now() });
      this.#findings.suspect(entry, 'a listed peer does not know it');
    }
  }

  /** A peer that the record lists and that somebody else told us of, else a listed one, else a witness it has named. */
  #target(entry: PoolEntry, listed: ReadonlySet<string>): AddrInfo | undefined {
    const { context, known } = this.#state;
    const denied = this.#denials.get(entry);
    const isFit = (peer: PeerId): boolean =>
      peer !== context.self &&
      peer !== entry.peer &&
      denied?.has(peer) !== true &&
      !this.#state.isBlacklisted(peer);
    const [own] = known.candidates(
      entry.peer,
      context.random,
      (peer) => isFit(peer) && known.isCredible(peer) && listed.has(peerHash(peer)),
    );
    if (own !== undefined) return own;
    const named = this.#offered(entry)
      .filter(({ ID }) => isFit(ID))
      .map((witness) => this.#state.usable(witness))
      .filter((witness) => witness !== undefined);
    return named.length === 0 ? undefined : named[context.random.integer(named.length)];
  }

  async #confirmDenials(entry: PoolEntry, listed: ReadonlySet<string>, madeAt: number): Promise<void> {
    const denials = this.#denials.get(entry);
    if (denials === undefined) return;
    const { heartbeatExpiryMs } = this.#state.context.constants;
    const ripe = [...denials.values()].filter(({ at }) => madeAt > at + heartbeatExpiryMs);
    await Promise.all(
      ripe.map(async ({ peer }) => {
        const seen = listed.has(peerHash(peer.ID)) ? await this.#ask(entry, peer) : undefined;
        denials.delete(peer.ID);
        if (seen !== false || !this.#state.known.isCredible(peer.ID)) return;
        this.#count(entry, false, 'its record lists a peer that does not know it');
        // That other listed peers are real does not make this one real: it weighs twice in the hard evidence.
        entry.evidence.add('spot-check', false);
        this.#findings.judge(entry);
        this.#findings.suspect(entry, 'it has invented a peer');
      }),
    );
  }

  async #ask(entry: PoolEntry, peer: AddrInfo): Promise<boolean | undefined> {
    const report = await askWitness(this.#state, peer, entry.peer, this.#state.context.constants.spotCheckMs);
    return report?.seen;
  }

  #count(entry: PoolEntry, isGood: boolean, note?: string): void {
    if (!this.#state.directory.holds(entry)) return;
    entry.confidence.add('spot-check', isGood);
    entry.evidence.add('spot-check', isGood);
    this.#state.context.events.publish('evidence', {
      peer: entry.peer,
      kind: 'spot-check',
      isGood,
      ...(note !== undefined && { note }),
    });
    this.#findings.judge(entry);
  }
}
