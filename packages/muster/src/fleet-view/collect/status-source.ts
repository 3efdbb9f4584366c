/** Collects from the status endpoint of a node or indexer: itself, its indexers with scores, and, of an indexer, its nodes. */
import { type PeerRole, type TermView, VIEW_LIMITS } from '@muster/dashboard';
import type { PeerFact, ScoreFact } from '../model/inputs.ts';
import { fields, type Fields, known, list, number, text, texts } from './reading.ts';
import { allOf, type Collector, type CollectorParts, Rounds, runSource } from './source-loop.ts';
import { happeningOf, nudges, reasonOf } from './overlay-events.ts';
import { askJson, type Endpoint, followStream, ServiceTrouble, type StreamEvent } from './view-http.ts';

/** The status is asked for so often, and when something has happened, but not more often than … */
const POLL_MS = 2_000;
const LEAST_MS = 250;
/** An indexer lists its nodes at most so often, and less often the more there are. */
const NODES_MS = 1_000;
const NODES_PER_SECOND = 2_000;
const MAX_NODES = 10_000;
/** Scores that are taken apart in one round. */
const MAX_EXPLAINED = 8;
const TOPICS = 'pool.*,score.updated,record.*,behaviour.banned,heartbeat.outcome,daemon.*';

export interface StatusSource {
  readonly kind: 'status';
  readonly id: string;
  /** `host:port` */
  readonly address: string;
}

/** Follows a node or indexer until it is stopped. */
export function collectStatus(source: StatusSource, parts: CollectorParts): Collector {
  const { id, address } = source;
  const session = async (signal: AbortSignal, answers: () => void): Promise<void> =>
    await new StatusSession(source, parts, answers).run(signal);
  return runSource({ ...parts, id, kind: 'overlay', address, session });
}

class StatusSession {
  readonly #id: string;
  readonly #parts: CollectorParts;
  readonly #answers: () => void;
  readonly #endpoint: Endpoint;
  readonly #rounds: Rounds;
  readonly #explained = new Map<string, { readonly score: unknown; readonly terms: readonly TermView[] }>();
  #self = '';
  #isIndexer = false;
  #listedAt = Number.NEGATIVE_INFINITY;
  #listEveryMs = NODES_MS;
  #areNodesChanged = true;
  #answered = 0;
  #listed: ReadonlySet<string> = new Set();

  constructor(source: StatusSource, parts: CollectorParts, answers: () => void) {
    this.#id = source.id;
    this.#parts = parts;
    this.#answers = answers;
    this.#endpoint = { address: source.address };
    this.#rounds = new Rounds(parts.timers, LEAST_MS);
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#round(signal);
    await allOf(signal, [
      async (inner) =>
        await followStream(this.#endpoint, `/events?topics=${TOPICS}`, {
          signal: inner,
          onEvent: (event) => this.#take(event),
        }),
      async (inner) =>
        await this.#rounds.run(
          async () => await this.#round(inner),
          () => POLL_MS,
          inner,
        ),
    ]);
  }

  async #round(signal: AbortSignal): Promise<void> {
    const status = fields(await askJson(this.#endpoint, '/status', signal));
    const self = text(status['peer_id']);
    if (self === undefined) throw new ServiceTrouble('what answers is no status endpoint of Muster');
    this.#self = self;
    this.#isIndexer = texts(status['roles'], 8).includes('indexer');
    const pool = fields(status['pool']);
    const entries = list(pool['entries'], VIEW_LIMITS.linksOfPeer).map(fields);
    this.#parts.take({
      type: 'peers',
      source: this.#id,
      facts: [selfFact(status, self, entries)],
      isComplete: false,
    });
    this.#answers();
    this.#tellRoundTrips(entries);
    await this.#scores(entries, list(pool['quarantined'], 256).map(fields), signal);
    if (this.#isIndexer) await this.#nodes(fields(status['indexer']), signal);
  }

  #tellRoundTrips(entries: readonly Fields[]): void {
    const times = entries.flatMap((entry) => number(entry['rtt_ms']) ?? []);
    if (times.length === 0) return;
    const { take } = this.#parts;
    const source = this.#id;
    const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
    take({ type: 'gauge', source, series: 'overlay.rtt.mean', value: mean });
    take({ type: 'gauge', source, series: 'overlay.rtt.max', value: Math.max(...times) });
  }

  async #scores(
    entries: readonly Fields[],
    quarantined: readonly Fields[],
    signal: AbortSignal,
  ): Promise<void> {
    let asked = 0;
    for (const entry of entries) {
      const peer = text(entry['peer_id']);
      if (peer === undefined || asked >= MAX_EXPLAINED) continue;
      const before = this.#explained.get(peer);
      if (before !== undefined && before.score === entry['score']) continue;
      asked += 1;
      const terms = await this.#explain(peer, signal);
      if (terms !== undefined) this.#explained.set(peer, { score: entry['score'], terms });
    }
    const present = new Set(entries.map((entry) => text(entry['peer_id']) ?? ''));
    for (const peer of this.#explained.keys()) if (!present.has(peer)) this.#explained.delete(peer);
    const facts = [
      ...entries.flatMap((entry) => this.#scoreOf(entry)),
      ...quarantined.flatMap((entry) => this.#quarantined(entry, present)),
    ];
    this.#parts.take({ type: 'scores', source: this.#id, scores: facts, isComplete: true });
  }

  /** Undefined when it has left the pool meanwhile. */
  async #explain(peer: string, signal: AbortSignal): Promise<readonly TermView[] | undefined> {
    try {
      const explained = fields(await askJson(this.#endpoint, `/scores/${encodeURIComponent(peer)}`, signal));
      return list(explained['terms'], 16).map(termOf);
    } catch (error) {
      if (error instanceof ServiceTrouble && error.status === 404) return undefined;
      throw error;
    }
  }

  #scoreOf(entry: Fields): readonly ScoreFact[] {
    const subject = text(entry['peer_id']);
    if (subject === undefined) return [];
    const suspended = number(entry['suspended_seconds']) ?? 0;
    return [
      known<ScoreFact>({
        observer: this.#self,
        subject,
        score: number(entry['score']),
        minimum: number(entry['minimum_score']),
        standing: suspended > 0 ? 'suspended' : 'in pool',
        reason: suspended > 0 ? `it asked to be left alone for ${suspended} s` : undefined,
        terms: this.#explained.get(subject)?.terms ?? [],
      } as ScoreFact),
    ];
  }

  #quarantined(entry: Fields, present: ReadonlySet<string>): readonly ScoreFact[] {
    const subject = text(entry['peer_id']);
    if (subject === undefined || present.has(subject)) return [];
    const reason = `in quarantine: ${text(entry['evidence']) ?? 'no evidence told'}`;
    return [{ observer: this.#self, subject, standing: 'evicted', reason, terms: [] }];
  }

  async #nodes(indexer: Fields, signal: AbortSignal): Promise<void> {
    const now = this.#parts.clock.monotonic();
    const records = number(indexer['records']) ?? 0;
    const isDue =
      now - this.#listedAt >= (this.#areNodesChanged ? this.#listEveryMs : 10 * this.#listEveryMs);
    if (!isDue) {
      if (this.#areNodesChanged) this.#rounds.nudge();
      return;
    }
    this.#areNodesChanged = false;
    const answer = fields(await askJson(this.#endpoint, `/indexer?limit=${MAX_NODES}`, signal));
    const nodes = list(answer['nodes'], MAX_NODES).map(fields);
    this.#listedAt = this.#parts.clock.monotonic();
    this.#listEveryMs = Math.max(NODES_MS, (nodes.length / NODES_PER_SECOND) * 1_000);
    const self: PeerFact = {
      key: this.#self,
      peerId: this.#self,
      roles: ['indexer'],
      state: 'online',
      isSelf: true,
    };
    const facts = nodes.flatMap((node) => this.#nodeFact(node));
    this.#parts.take({
      type: 'peers',
      source: this.#id,
      facts,
      isComplete: false,
      total: Math.max(records, nodes.length) + 1,
    });
    if (nodes.length < MAX_NODES) this.#forgetOthers([self, ...facts]);
  }

  #forgetOthers(present: readonly PeerFact[]): void {
    const keys = new Set(present.map(({ key }) => key));
    const gone = [...this.#listed].filter((key) => !keys.has(key));
    this.#listed = keys;
    if (gone.length > 0) this.#parts.take({ type: 'peers-gone', source: this.#id, keys: gone });
  }

  #nodeFact(node: Fields): readonly PeerFact[] {
    const peerId = text(node['peer_id']);
    if (peerId === undefined || peerId === this.#self) return [];
    const isIndexer = node['is_indexer'] === true;
    return [
      known<PeerFact>({
        key: peerId,
        peerId,
        did: text(node['did']),
        name: text(node['name']),
        roles: isIndexer ? (['indexer'] as const) : (['node'] as const),
        state: 'online',
      } as PeerFact),
    ];
  }

  #take({ name, data }: StreamEvent): void {
    const { take } = this.#parts;
    const event = fields(JSON.parse(data) as unknown);
    const peer = text(event['peer']);
    if (name === 'heartbeat.outcome') {
      if (event['outcome'] === 'ok') this.#answered += 1;
      take({ type: 'counter', source: this.#id, series: 'overlay.heartbeats', total: this.#answered });
      return;
    }
    if (name === 'record.added' || name === 'record.removed') {
      this.#areNodesChanged = true;
      if (name === 'record.removed' && peer !== undefined) {
        take({ type: 'peers-gone', source: this.#id, keys: [peer] });
      } else if (peer !== undefined && !this.#listed.has(peer)) {
        take({
          type: 'peers',
          source: this.#id,
          facts: [{ key: peer, peerId: peer, state: 'online' }],
          isComplete: false,
        });
      }
    }
    if (name === 'pool.evicted' && peer !== undefined) {
      const score: ScoreFact = {
        observer: this.#self,
        subject: peer,
        standing: 'evicted',
        reason: reasonOf(event),
        terms: [],
      };
      take({ type: 'scores', source: this.#id, scores: [score], isComplete: false });
    }
    const happening = happeningOf(name, event, this.#self);
    if (happening !== undefined) take(happening);
    if (nudges(name)) this.#rounds.nudge();
  }
}

function selfFact(status: Fields, self: string, entries: readonly Fields[]): PeerFact {
  return known<PeerFact>({
    key: self,
    peerId: self,
    did: text(status['did']),
    name: text(status['name']),
    roles: texts(status['roles'], 8).filter(
      (role): role is PeerRole => role === 'node' || role === 'indexer',
    ),
    address: texts(status['addresses'], 1)[0],
    links: entries.flatMap((entry) => text(entry['peer_id']) ?? []),
    state: 'online',
    isSelf: true,
  } as PeerFact);
}

function termOf(value: unknown): TermView {
  const term = fields(value);
  const counters = Object.entries(fields(term['evidence']))
    .flatMap(([name, count]) =>
      number(count) === undefined ? [] : [`${name} ${Math.round((count as number) * 10) / 10}`],
    )
    .join(', ');
  const meaning = text(term['meaning']) ?? '';
  return {
    name: text(term['name']) ?? '',
    value: number(term['value']) ?? 0,
    weight: number(term['weight']) ?? 0,
    evidence: counters === '' ? meaning : `${meaning}: ${counters}`,
  };
}
