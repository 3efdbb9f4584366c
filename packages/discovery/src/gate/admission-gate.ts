/**
 * Whether a peer is known here, and so may get, search and exchange resources (discovery spec 15.5).
 *
 * Fault model: strangers ask for lookups by opening streams, indexers may be slow or lie. The blacklist comes before all
 * else and is never cached (DEF-74); lookups have bounds in time (DEF-77) and number, one runs for a peer at a time, and
 * what they find is remembered in a bounded map. A lookup that can't be made leaves the peer unknown.
 */

import type { DiscoveryContext } from '../context.ts';
import { requestRecord } from '../lookup/get-request.ts';
import type { Gate, NodeTable, Pool, RecordDirectory } from '../parts.ts';
import { RELATIONS } from '../stores/peer-store.ts';
import type { PeerId } from '../wire/messages.ts';

export interface AdmissionGateParts {
  /** On indexers: the live heartbeat records. */
  readonly table?: NodeTable;
  /** On indexers: the DHT. */
  readonly directory?: RecordDirectory;
  /** On nodes: the indexers to ask. */
  readonly pool?: Pool;
}

type Decision = Awaited<ReturnType<Gate['isKnown']>>;

interface Cached {
  readonly isKnown: boolean;
  readonly until: number;
}

const MAX_CACHED = 4_096;
const MAX_LOOKUPS = 64;
/** Indexers that a node asks. */
const ASKED = 2;

export class AdmissionGate implements Gate {
  readonly #context: DiscoveryContext;
  readonly #parts: AdmissionGateParts;
  readonly #cache = new Map<PeerId, Cached>();
  readonly #lookups = new Map<PeerId, Promise<boolean>>();

  constructor(context: DiscoveryContext, parts: AdmissionGateParts) {
    this.#context = context;
    this.#parts = parts;
  }

  async isKnown(peer: PeerId): Promise<Decision> {
    const local = this.#local(peer);
    if (local !== undefined) return this.#decide(peer, local.step, local.isKnown);
    const cached = this.#cache.get(peer);
    if (cached !== undefined && cached.until > this.#context.clock.monotonic()) {
      return this.#decide(peer, 'cache', cached.isKnown);
    }
    const isKnown = await this.#lookUp(peer);
    // The user may have blacklisted the peer meanwhile.
    const now = this.#local(peer);
    if (now !== undefined) return this.#decide(peer, now.step, now.isKnown);
    return this.#decide(peer, isKnown ? 'lookup' : 'none', isKnown);
  }

  forget(peer: PeerId): void {
    this.#cache.delete(peer);
  }

  /** What needs no lookup: the blacklist, the live records, the local store, in this order. */
  #local(peer: PeerId): { readonly step: string; readonly isKnown: boolean } | undefined {
    const stored = this.#context.peers.findByPeerId(peer);
    if (stored?.relation === RELATIONS.BLACKLIST) return { step: 'blacklist', isKnown: false };
    if (this.#parts.table?.has(peer) === true) return { step: 'heartbeat', isKnown: true };
    return stored === undefined ? undefined : { step: 'stored', isKnown: true };
  }

  #decide(peer: PeerId, step: string, isKnown: boolean): Decision {
    this.#context.events.publish('gate.decided', { peer, isKnown, step });
    if (isKnown) return { known: true };
    return { known: false, code: step === 'blacklist' ? 'blacklisted' : 'unknown_peer' };
  }

  async #lookUp(peer: PeerId): Promise<boolean> {
    const running = this.#lookups.get(peer);
    if (running !== undefined) return await running;
    // Not cached: the peer may ask again as soon as there is room.
    if (this.#lookups.size >= MAX_LOOKUPS) return false;
    const lookup = this.#ask(peer);
    this.#lookups.set(peer, lookup);
    try {
      const isKnown = await lookup;
      this.#remember(peer, isKnown);
      return isKnown;
    } finally {
      this.#lookups.delete(peer);
    }
  }

  async #ask(peer: PeerId): Promise<boolean> {
    const { clock, constants, settings } = this.#context;
    const { directory, pool, table } = this.#parts;
    if (table !== undefined && directory !== undefined) {
      const found = await directory.byPeer(peer, constants.gateLookupIndexerMs);
      if (found !== undefined && found.expiresAt > clock.now()) return true;
    }
    if (pool === undefined || !settings.roles.node) return false;
    const indexers = pool.reachable().filter(({ ID }) => ID !== peer);
    for (const indexer of indexers.slice(0, ASKED)) {
      const answer = await requestRecord(
        this.#context,
        indexer,
        { peer_id: peer },
        constants.gateLookupNodeMs,
      );
      if (answer.kind === 'found') return true;
    }
    return false;
  }

  #remember(peer: PeerId, isKnown: boolean): void {
    const { clock, constants } = this.#context;
    const now = clock.monotonic();
    this.#cache.delete(peer);
    if (this.#cache.size >= MAX_CACHED) {
      for (const [cached, { until }] of this.#cache) if (until <= now) this.#cache.delete(cached);
      const oldest = this.#cache.keys().next().value;
      if (this.#cache.size >= MAX_CACHED && oldest !== undefined) this.#cache.delete(oldest);
    }
    const keepMs = isKnown ? constants.gatePositiveMs : constants.gateNegativeMs;
    this.#cache.set(peer, { isKnown, until: now + keepMs });
  }
}
