/** Collects from the HTTP interface of a registry: who is registered, what happens, how safe it is. */
import { readSecretFile } from '@muster/core';
import type { PeerRole } from '@muster/dashboard';
import { VIEW_LIMITS } from '@muster/dashboard';
import type { PeerFact } from '../model/inputs.ts';
import { HistogramGrowth } from './latencies.ts';
import { fields, type Fields, known, list, number, numbers, text, texts, time } from './reading.ts';
import { allOf, type Collector, type CollectorParts, Rounds, runSource } from './source-loop.ts';
import {
  askJson,
  askText,
  type Endpoint,
  followStream,
  ServiceTrouble,
  type StreamEvent,
} from './view-http.ts';

/** How often figures and signs of life are asked for. */
const POLL_MS = 1_000;
/** Of so many looks one is at the metrics, which are longer. */
const LOOKS_PER_METRICS = 3;
const NODES_PER_PAGE = 1_000;
/** Pages of signs of life of one round; a registry with more nodes than are shown has more. */
const MAX_SEEN_PAGES = 8;
const MAX_IDS_OF_EVENT = 10_000;

export interface RegistrySource {
  readonly kind: 'registry';
  readonly id: string;
  /** `host:port` of its HTTP interface. */
  readonly address: string;
  /** The admin token, or the file that holds it, which is read at each attempt. */
  readonly adminToken: { readonly text: string } | { readonly file: string };
  /** Name under which the registry itself is shown. @default 'registry' */
  readonly name?: string;
}

/** Follows a registry until it is stopped. */
export function collectRegistry(source: RegistrySource, parts: CollectorParts): Collector {
  const { id, kind, address } = source;
  const session = async (signal: AbortSignal, answers: () => void): Promise<void> =>
    await new RegistrySession(source, parts, answers).run(signal);
  return runSource({ ...parts, id, kind, address, session });
}

class RegistrySession {
  readonly #source: RegistrySource;
  readonly #parts: CollectorParts;
  readonly #answers: () => void;
  readonly #endpoint: Endpoint;
  readonly #durations = new HistogramGrowth('pilot_request_duration_seconds');
  #looks = 0;
  #seenSince: number;

  constructor(source: RegistrySource, parts: CollectorParts, answers: () => void) {
    this.#source = source;
    this.#parts = parts;
    this.#answers = answers;
    const { adminToken, address } = source;
    const token = 'text' in adminToken ? adminToken.text : readSecretFile(adminToken.file).text.trim();
    this.#endpoint = { address, headers: { 'x-admin-token': token } };
    this.#seenSince = Math.floor(parts.clock.now() / 1_000);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      const lastEvent = await this.#list(signal);
      this.#answers();
      const gap = new AbortController();
      const rounds = new Rounds(this.#parts.timers, POLL_MS);
      try {
        await allOf(signal, [
          async (inner) =>
            await followStream(this.#endpoint, '/api/events', {
              lastEventId: String(lastEvent),
              signal: inner,
              onEvent: (event) => this.#take(event, gap),
            }),
          async (inner) =>
            await rounds.run(
              async () => await this.#poll(inner),
              () => POLL_MS,
              inner,
            ),
          async (inner) => await aborted(AbortSignal.any([inner, gap.signal])),
        ]);
      } catch (error) {
        // Too much has happened to be told one by one: everything is listed again.
        if (!gap.signal.aborted || signal.aborted) throw error;
      }
    }
  }

  /** Lists all nodes, as many as are shown; answers the event after which to follow. */
  async #list(signal: AbortSignal): Promise<number> {
    const { take } = this.#parts;
    const { id, address, name = 'registry' } = this.#source;
    const facts: PeerFact[] = [
      { key: 'self', name, roles: ['registry'], address, state: 'online', isSelf: true },
    ];
    let from: number | undefined = 0;
    let lastEvent: number | undefined;
    let total = 0;
    let staleAfterMs = Infinity;
    while (from !== undefined && facts.length < VIEW_LIMITS.peers) {
      const path = `/api/nodes?limit=${NODES_PER_PAGE}&from=${from}`;
      const page: Fields = fields(await askJson(this.#endpoint, path, signal));
      lastEvent ??= number(page['last_event']);
      total = number(page['nodes_total']) ?? 0;
      staleAfterMs = (number(page['stale_after_seconds']) ?? Infinity) * 1_000;
      facts.push(...list(page['nodes'], NODES_PER_PAGE).flatMap(factOf));
      from = number(page['next']);
    }
    if (lastEvent === undefined) throw new ServiceTrouble('what answers is no registry of Muster');
    take({
      type: 'peers',
      source: id,
      facts,
      isComplete: from === undefined,
      staleAfterMs,
      total: Math.max(total + 1, facts.length),
    });
    return lastEvent;
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { take } = this.#parts;
    const { id } = this.#source;
    const figures = fields(await askJson(this.#endpoint, '/api/durability', signal));
    const count = (name: string): number => number(figures[name]) ?? 0;
    take({
      type: 'durability',
      source: id,
      figures: known({
        mode: text(figures['mode']) ?? 'unknown',
        lastSyncAt: time(figures['last_sync_at']),
        logBytes: count('log_bytes'),
        lastSnapshotAt: time(figures['last_snapshot_at']),
        snapshotBytes: number(figures['last_snapshot_bytes']),
        appliedSeq: count('applied_seq'),
        durableSeq: count('durable_seq'),
      }),
    });
    take({ type: 'counter', source: id, series: 'registry.requests', total: count('requests_total') });
    take({ type: 'counter', source: id, series: 'registry.events', total: count('applied_seq') });
    take({ type: 'gauge', source: id, series: 'registry.log-bytes', value: count('log_bytes') });
    await this.#pollSeen(signal);
    if (this.#looks++ % LOOKS_PER_METRICS === 0) await this.#pollLatencies(signal);
  }

  async #pollLatencies(signal: AbortSignal): Promise<void> {
    const { take } = this.#parts;
    const { id: source } = this.#source;
    const durations = this.#durations.take(await askText(this.#endpoint, '/metrics', signal));
    if (durations === undefined) return;
    take({ type: 'gauge', source, series: 'registry.latency.p50', value: durations.p50 * 1_000 });
    take({ type: 'gauge', source, series: 'registry.latency.p99', value: durations.p99 * 1_000 });
  }

  async #pollSeen(signal: AbortSignal): Promise<void> {
    const { take, clock } = this.#parts;
    const { id } = this.#source;
    const since = this.#seenSince;
    const startedAt = Math.floor(clock.now() / 1_000);
    let from: number | undefined = 0;
    for (let page = 0; from !== undefined && page < MAX_SEEN_PAGES; page++) {
      const path: string = `/api/nodes/seen?since=${since}&from=${from}`;
      const answer: Fields = fields(await askJson(this.#endpoint, path, signal));
      const seen = list(answer['seen']).flatMap((pair) => {
        const [node, at] = numbers(pair, 2);
        return node === undefined || at === undefined ? [] : [[String(node), at * 1_000] as const];
      });
      if (seen.length > 0) take({ type: 'peers-seen', source: id, seen });
      take({ type: 'gauge', source: id, series: 'registry.online', value: number(answer['online']) ?? 0 });
      from = number(answer['next']);
    }
    // A second twice rather than not at all: the clocks of the two differ.
    this.#seenSince = Math.max(0, startedAt - 5);
  }

  #take({ name, data }: StreamEvent, gap: AbortController): void {
    if (name === 'gap') return gap.abort();
    if (name === 'hello') return;
    const { take } = this.#parts;
    const source = this.#source.id;
    const event = fields(JSON.parse(data) as unknown);
    const ids = numbers(event['node_ids'], MAX_IDS_OF_EVENT);
    if (name === 'node.deregistered' || name === 'nodes.reaped') {
      take({ type: 'peers-gone', source, keys: ids.map(String) });
    }
    const facts = factOf(event['node']);
    if (facts.length > 0) take({ type: 'peers', source, facts, isComplete: false });
    if (UNTOLD.has(name)) return;
    const peer = facts[0]?.peerId;
    take({
      type: 'happening',
      severity: name === 'nodes.reaped' ? 'warning' : 'info',
      text: text(event['text']) ?? name,
      ...(peer === undefined ? {} : { peer }),
      ...known<{ at?: number }>({ at: number(event['at']) }),
    });
  }
}

/** What happens too often, or says too little, to be listed. */
const UNTOLD: ReadonlySet<string> = new Set([
  'node.updated',
  'node.tags',
  'node.visibility',
  'tombstones.evicted',
  'key.requires_v2',
]);

function factOf(value: unknown): readonly PeerFact[] {
  const node = fields(value);
  const nodeId = number(node['node_id']);
  if (nodeId === undefined) return [];
  const tags = texts(node['tags'], 64);
  const lastSeen = number(node['last_seen']);
  return [
    known<PeerFact>({
      key: String(nodeId),
      nodeId,
      peerId: text(node['peer_id']),
      name: text(node['hostname']),
      roles: rolesOf(tags),
      tags,
      networks: numbers(node['networks'], 256),
      address: text(node['address']),
      lastSeenAt: lastSeen === undefined || lastSeen === 0 ? undefined : lastSeen * 1_000,
      state: node['online'] === false ? 'stale' : 'online',
    } as PeerFact),
  ];
}

const ROLE_TAGS: readonly PeerRole[] = ['node', 'indexer', 'mirror'];

function rolesOf(tags: readonly string[]): readonly PeerRole[] {
  return ROLE_TAGS.filter((role) => tags.includes(role));
}

async function aborted(signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  throw signal.reason;
}
