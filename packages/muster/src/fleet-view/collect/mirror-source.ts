/** Collects from the monitoring listener of a mirror: itself, what it pulls and from where, what it keeps. */
import { type PullView, VIEW_LIMITS } from '@muster/dashboard';
import { HistogramGrowth } from './latencies.ts';
import { fields, type Fields, known, list, number, text } from './reading.ts';
import { allOf, type Collector, type CollectorParts, Rounds, runSource } from './source-loop.ts';
import { askJson, askText, type Endpoint, followStream, ServiceTrouble } from './view-http.ts';

/** How often the mirror is asked whether it still answers. */
const POLL_MS = 2_000;
const MAX_PULLS = 1_000;
const MAX_SOURCES = 64;

export interface MirrorSource {
  readonly kind: 'mirror';
  readonly id: string;
  /** `host:port` of its monitoring. */
  readonly address: string;
}

/** Follows a mirror until it is stopped. */
export function collectMirror(source: MirrorSource, parts: CollectorParts): Collector {
  const { id, kind, address } = source;
  const session = async (signal: AbortSignal, answers: () => void): Promise<void> =>
    await new MirrorSession(source, parts, answers).run(signal);
  return runSource({ ...parts, id, kind, address, session });
}

class MirrorSession {
  readonly #id: string;
  readonly #parts: CollectorParts;
  readonly #answers: () => void;
  readonly #endpoint: Endpoint;
  readonly #firstBytes = new HistogramGrowth('gantry_mirror_ttfb_seconds');
  /** Peers that it copied from, the last one first. */
  #links: readonly string[] = [];
  #state: Fields = {};
  #storeBytes = 0;

  constructor(source: MirrorSource, parts: CollectorParts, answers: () => void) {
    this.#id = source.id;
    this.#parts = parts;
    this.#answers = answers;
    this.#endpoint = { address: source.address };
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#poll(signal);
    const rounds = new Rounds(this.#parts.timers, POLL_MS);
    await allOf(signal, [
      async (inner) =>
        await followStream(this.#endpoint, '/events', {
          signal: inner,
          onEvent: ({ data }) => this.#report(fields(JSON.parse(data) as unknown)),
        }),
      async (inner) =>
        await rounds.run(
          async () => await this.#poll(inner),
          () => POLL_MS,
          inner,
        ),
    ]);
  }

  async #poll(signal: AbortSignal): Promise<void> {
    this.#state = fields(await askJson(this.#endpoint, '/debug/state', signal));
    if (this.#peerId === undefined) throw new ServiceTrouble('what answers is no mirror of Muster');
    this.#storeBytes = number(fields(this.#state['store'])['usedBytes']) ?? 0;
    this.#tellSelf();
    this.#tellStore();
    this.#answers();
    await this.#pollLatencies(signal);
  }

  async #pollLatencies(signal: AbortSignal): Promise<void> {
    const { take } = this.#parts;
    const times = this.#firstBytes.take(await askText(this.#endpoint, '/metrics', signal));
    if (times === undefined) return;
    const source = this.#id;
    take({ type: 'gauge', source, series: 'mirrors.first-byte.p50', value: times.p50 * 1_000 });
    take({ type: 'gauge', source, series: 'mirrors.first-byte.p99', value: times.p99 * 1_000 });
  }

  get #peerId(): string | undefined {
    return text(this.#state['peerId']);
  }

  #tellSelf(): void {
    const peerId = this.#peerId ?? '';
    this.#parts.take({
      type: 'peers',
      source: this.#id,
      facts: [
        {
          key: peerId,
          peerId,
          ...known<{ name?: string; address?: string }>({
            name: text(this.#state['node']),
            address: text(fields(this.#state['listeners'])['mirror']),
          }),
          roles: ['mirror'],
          links: this.#links,
          state: 'online',
          isSelf: true,
        },
      ],
      isComplete: false,
    });
  }

  #report(report: Fields): void {
    const { take } = this.#parts;
    const source = this.#id;
    const peerId = text(report['peerId']) ?? this.#peerId ?? '';
    const pulls = list(report['pulls'], MAX_PULLS).flatMap((pull) => pullOf(fields(pull), peerId));
    if (pulls.length > 0) take({ type: 'pulls', source, pulls });
    const totals = fields(report['totals']);
    const count = (name: string): number => number(totals[name]) ?? 0;
    take({ type: 'counter', source, series: 'pulls.origin-bytes', total: count('originBytes') });
    take({ type: 'counter', source, series: 'pulls.peer-bytes', total: count('peerBytes') });
    take({ type: 'counter', source, series: 'pulls.cache-bytes', total: count('cacheBytes') });
    this.#storeBytes = number(fields(report['store'])['usedBytes']) ?? 0;
    this.#tellStore();
    const before = this.#links;
    const copied = pulls.flatMap(({ sources }) => sources.map(({ from }) => from)).filter(isPeer);
    this.#links = [...new Set([...copied, ...before])].slice(0, VIEW_LIMITS.linksOfPeer);
    if (this.#links.length !== before.length) this.#tellSelf();
  }

  #tellStore(): void {
    this.#parts.take({
      type: 'gauge',
      source: this.#id,
      series: 'mirrors.store-bytes',
      value: this.#storeBytes,
    });
  }
}

function isPeer(from: string): boolean {
  return from !== 'origin' && from !== 'cache' && from !== '';
}

function pullOf(pull: Fields, mirror: string): readonly PullView[] {
  const id = text(pull['id']);
  const digest = text(pull['digest']);
  const startedAt = number(pull['startedAt']);
  const state = STATES.find((each) => each === pull['state']);
  if (id === undefined || digest === undefined || startedAt === undefined || state === undefined) return [];
  return [
    known<PullView>({
      id: `${mirror}/${id}`,
      digest,
      kind: text(pull['kind']) ?? 'blob',
      mirror,
      state,
      size: number(pull['size']),
      received: number(pull['received']) ?? 0,
      sources: list(pull['sources'], MAX_SOURCES).map((each) => {
        const { from, bytes } = fields(each);
        return { from: text(from) ?? 'unknown', bytes: number(bytes) ?? 0 };
      }),
      startedAt,
      endedAt: number(pull['endedAt']),
      reason: text(pull['reason']),
    } as PullView),
  ];
}

const STATES: readonly PullView['state'][] = ['running', 'done', 'failed'];
