import { peerHash } from '../records/indexer-record.ts';
import type { RecordDirectory } from '../parts.ts';
import type { AddrInfo, IndexerRecord, PeerId } from '../wire/messages.ts';
import { parseTime } from '../wire/time.ts';
import { askWitness } from './witness-client.ts';
import type { PoolEntry } from './pool-entry.ts';
import type { PoolState } from './pool-state.ts';
import type { Opinion, WitnessFindings, WitnessRounds } from './witness-rounds.ts';

/** A record may count this many peers more or less than the indexer has told us, or this share. */
const PEERS_TOLERANCE = 5;
const PEERS_TOLERANCE_SHARE = 0.35;
/** A record's fill rate may be this far from what the indexer tells us, as a witness's may. */
const FILL_TOLERANCE = 0.25;
/** Denials that wait for confirmation, of one indexer. */
const MAX_DENIALS = 16;
/** Peers remembered as asked about one indexer: as many as are known at all. */
const MAX_ASKED = 64;
/** Peers asked in one check, and in one of an indexer that is under suspicion (24.5). */
const ASKED = 1;
const ASKED_WHEN_SUSPECT = 3;
/**
 * Weight of an invented peer in the hard evidence, as in the confidence (13.8): that other peers of the list are real
 * does not make this one real.
 */
const INVENTED_WEIGHT = 3;

interface Denial {
  readonly peer: AddrInfo;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * Layer 2 (24.4): compares what an indexer publishes in its signed record with what its peers say, and with what it
 * tells us (DEF-48, DEF-49).
 *
 * Fault model. An honest record is up to some minutes old, peers leave, and peers lie. So a peer that denies the
 * connection only counts when a record that was made long after its denial still lists it, it still denies, and it has
 * told the truth about another indexer of ours; and figures are only compared with a record that was made while we were
 * listening.
 */
export class SpotChecks {
  readonly #state: PoolState;
  readonly #records: RecordDirectory;
  readonly #findings: WitnessFindings;
  readonly #witnesses: Pick<WitnessRounds, 'offered' | 'testify'>;
  readonly #running = new Set<PoolEntry>();
  /** Who has denied, and was not asked again yet. */
  readonly #denials = new WeakMap<PoolEntry, Map<PeerId, Denial>>();
  /** The peers of the newest record, and who was asked about the indexer, the longest ago first. */
  readonly #lists = new WeakMap<PoolEntry, ReadonlySet<string>>();
  readonly #asked = new WeakMap<PoolEntry, Set<PeerId>>();

  constructor(
    state: PoolState,
    records: RecordDirectory,
    findings: WitnessFindings,
    witnesses: Pick<WitnessRounds, 'offered' | 'testify'>,
  ) {
    this.#state = state;
    this.#records = records;
    this.#findings = findings;
    this.#witnesses = witnesses;
  }

  /** Starts a check, unless one runs. */
  start(entry: PoolEntry, isSuspect = false): void {
    if (this.#running.has(entry)) return;
    this.#running.add(entry);
    this.#state.run('spot check', async () => {
      try {
        await this.#check(entry, isSuspect ? ASKED_WHEN_SUSPECT : ASKED);
      } finally {
        this.#running.delete(entry);
      }
    });
  }

  /** Peers were asked what they see of it: one that the record lists and that does not know it is as good as asked here. */
  heard(entry: PoolEntry, opinions: readonly Opinion[]): void {
    const listed = this.#lists.get(entry);
    if (listed === undefined) return;
    for (const { witness, report } of opinions) {
      if (report === undefined || !listed.has(peerHash(witness.ID))) continue;
      this.#noteAsked(entry, witness.ID);
      if (report.seen || this.#denials.get(entry)?.has(witness.ID) === true) continue;
      this.#takeMembership(entry, { witness, report }, listed);
      this.#suspect(entry, 'listed peers do not know it');
    }
  }

  async #check(entry: PoolEntry, asked: number): Promise<void> {
    const { context, directory } = this.#state;
    const record = await this.#records.indexerRecord(entry.peer, context.constants.spotCheckMs);
    if (!directory.holds(entry)) return;
    const madeAt = record === undefined ? undefined : this.#madeAt(record);
    const contradiction =
      record === undefined || madeAt === undefined ? undefined : this.#contradiction(entry, record, madeAt);
    if (contradiction !== undefined) {
      this.#count(entry, false, contradiction);
      this.#suspect(entry, 'its record contradicts its answers');
    }
    const listed = new Set(record?.peers);
    this.#lists.set(entry, listed);
    const denied = new Map(this.#denials.get(entry));
    const [opinions] = await Promise.all([
      Promise.all(this.#targets(entry, listed, asked).map((target) => this.#opinion(entry, target))),
      this.#confirmDenials(entry, denied, listed, madeAt ?? -Infinity),
    ]);
    if (!directory.holds(entry)) return;
    const seen = opinions.map((opinion) => this.#takeMembership(entry, opinion, listed));
    // Real peers prove nothing while others of the same list, or its figures, are in doubt.
    if (contradiction === undefined && seen.includes(true) && !seen.includes(false)) this.#count(entry, true);
    // They have also said what they see of it.
    this.#witnesses.testify(entry, opinions);
    // Checked again as soon as it may be, until nothing is in doubt any more.
    if ((this.#denials.get(entry)?.size ?? 0) > 0) this.#suspect(entry, 'listed peers do not know it');
  }

  /** One round now, if it may be, and one as soon as the next may be: this check is not over yet, and so runs only then. */
  #suspect(entry: PoolEntry, cause: string): void {
    this.#findings.suspect(entry, cause);
    entry.suspicionDue = cause;
  }

  /** When the record was made, in milliseconds since the epoch. */
  #madeAt(record: IndexerRecord): number | undefined {
    const { clock, constants } = this.#state.context;
    const expiresAt = parseTime(record.expires_at);
    if (expiresAt === undefined) return undefined;
    return Math.min(clock.now(), expiresAt - constants.indexerRecordTtlMs);
  }

  /** What a record that was made while we were listening says otherwise than the indexer's answers did. */
  #contradiction(entry: PoolEntry, record: IndexerRecord, madeAt: number): string | undefined {
    const { readings } = entry;
    const { oldest } = readings;
    if (oldest === undefined || madeAt < this.#state.context.clock.now() - (this.#state.now() - oldest.at)) {
      return undefined;
    }
    const off = readings.peersDistance(record.peer_count);
    if (off > Math.max(PEERS_TOLERANCE, PEERS_TOLERANCE_SHARE * readings.mostPeers)) {
      return `its record claims ${record.peer_count} peers, its answers ${off} ${record.peer_count < readings.mostPeers ? 'more' : 'less'}`;
    }
    if (readings.fillDistance(record.fill_rate) >= FILL_TOLERANCE) {
      return `its record claims a fill rate of ${record.fill_rate}`;
    }
    return undefined;
  }

  async #opinion(entry: PoolEntry, witness: AddrInfo): Promise<Opinion> {
    const { spotCheckMs } = this.#state.context.constants;
    this.#noteAsked(entry, witness.ID);
    const report = await askWitness(this.#state, witness, entry.peer, spotCheckMs);
    const isNamed = this.#witnesses.offered(entry).some(({ ID }) => ID === witness.ID);
    return { witness, report, isOwnChoice: !isNamed };
  }

  /** Whether the peer confirms that it is connected; undefined when its answer says nothing of the record. */
  #takeMembership(
    entry: PoolEntry,
    { witness, report }: Pick<Opinion, 'witness' | 'report'>,
    listed: ReadonlySet<string>,
  ): boolean | undefined {
    if (report === undefined) return undefined;
    this.#state.known.noteVerdict(witness.ID, entry.peer, report.seen);
    if (report.seen) {
      this.#denials.get(entry)?.delete(witness.ID);
      return true;
    }
    // Somebody whom the record does not list may well not know it.
    if (!listed.has(peerHash(witness.ID))) return undefined;
    const denials = this.#denials.get(entry) ?? new Map<PeerId, Denial>();
    this.#denials.set(entry, denials);
    if (denials.size < MAX_DENIALS) {
      denials.set(witness.ID, { peer: witness, at: this.#state.context.clock.now() });
    }
    return false;
  }

  /** Listed peers, first those that somebody else told us of; without any, a witness that it has named. */
  #targets(entry: PoolEntry, listed: ReadonlySet<string>, count: number): readonly AddrInfo[] {
    const { context, known } = this.#state;
    const denied = this.#denials.get(entry);
    const isFit = (peer: PeerId): boolean =>
      peer !== context.self &&
      peer !== entry.peer &&
      denied?.has(peer) !== true &&
      !this.#state.isBlacklisted(peer);
    const own = known.candidates(
      entry.peer,
      context.random,
      (peer) => isFit(peer) && known.isCredible(peer) && listed.has(peerHash(peer)),
    );
    if (own.length > 0) return this.#longestAgoFirst(entry, own).slice(0, count);
    const named = this.#witnesses
      .offered(entry)
      .filter(({ ID }) => isFit(ID))
      .map((witness) => this.#state.usable(witness))
      .filter((witness) => witness !== undefined);
    return named.length === 0 ? [] : named.slice(context.random.integer(named.length)).slice(0, 1);
  }

  /** Who has confirmed its connection proves nothing new by doing so again: the others of the list are asked before it. */
  #longestAgoFirst(entry: PoolEntry, peers: readonly AddrInfo[]): readonly AddrInfo[] {
    const order = [...(this.#asked.get(entry) ?? [])];
    return peers.toSorted((a, b) => order.indexOf(a.ID) - order.indexOf(b.ID));
  }

  #noteAsked(entry: PoolEntry, peer: PeerId): void {
    const asked = this.#asked.get(entry) ?? new Set<PeerId>();
    this.#asked.set(entry, asked);
    asked.delete(peer);
    asked.add(peer);
    for (const oldest of asked) {
      if (asked.size <= MAX_ASKED) break;
      asked.delete(oldest);
    }
  }

  async #confirmDenials(
    entry: PoolEntry,
    denied: ReadonlyMap<PeerId, Denial>,
    listed: ReadonlySet<string>,
    madeAt: number,
  ): Promise<void> {
    const { known, context } = this.#state;
    const { heartbeatExpiryMs } = context.constants;
    const ripe = [...denied.values()].filter(({ at }) => madeAt > at + heartbeatExpiryMs);
    await Promise.all(
      ripe.map(async ({ peer }) => {
        const isListed = listed.has(peerHash(peer.ID));
        const seen = isListed ? await this.#ask(entry, peer) : undefined;
        // Out of reach for now: it stays in doubt.
        if (isListed && seen === undefined) return;
        const counts = seen === false && known.isCredible(peer.ID) && (await this.#isTruthful(entry, peer));
        this.#denials.get(entry)?.delete(peer.ID);
        if (counts)
          this.#count(entry, false, 'its record lists a peer that does not know it', INVENTED_WEIGHT);
      }),
    );
  }

  /** Whether the peer has told the truth about another indexer; if it was not asked about any, it is asked now. */
  async #isTruthful(entry: PoolEntry, peer: AddrInfo): Promise<boolean> {
    const { known, context } = this.#state;
    if (known.hasAgreedAbout(peer.ID, entry.peer)) return true;
    const others = this.#state.healthy().filter((other) => other !== entry && other.peer !== peer.ID);
    if (others.length === 0) return true;
    const control = others[context.random.integer(others.length)];
    if (control === undefined || (await this.#ask(control, peer)) !== true) return false;
    known.noteVerdict(peer.ID, control.peer, true);
    return true;
  }

  async #ask(entry: PoolEntry, peer: AddrInfo): Promise<boolean | undefined> {
    const report = await askWitness(this.#state, peer, entry.peer, this.#state.context.constants.spotCheckMs);
    return report?.seen;
  }

  #count(entry: PoolEntry, isGood: boolean, note?: string, weight = 1): void {
    if (!this.#state.directory.holds(entry)) return;
    entry.confidence.add('spot-check', isGood);
    for (let i = 0; i < weight; i += 1) entry.evidence.add('spot-check', isGood);
    this.#state.context.events.publish('evidence', {
      peer: entry.peer,
      kind: 'spot-check',
      isGood,
      ...(note !== undefined && { note }),
    });
    this.#findings.judge(entry);
  }
}
