/** Puts answers to heartbeats together from the live state of the indexer (discovery spec 12.3). */

import type { DiscoveryContext } from '../context.ts';
import type { NodeRecord } from '../parts.ts';
import { RELATIONS } from '../stores/peer-store.ts';
import { ipv4PrefixOf, usableAddrInfo } from '../wire/addresses.ts';
import type { AddrInfo, Heartbeat, HeartbeatResponse, PeerId } from '../wire/messages.ts';
import { formatTime } from '../wire/time.ts';
import { cachedScore } from './cached-score.ts';
import { DhtChallenges } from './dht-challenges.ts';
import { subnetDiversity } from './diversity.ts';
import { Held } from './held.ts';
import type { LiveNodeTable } from './node-table.ts';
import { OffloadPlan } from './offload.ts';
import type { IndexerParts } from './parts.ts';
import {
  answerChallenges,
  buildResponse,
  chooseSuggestions,
  type IndexerState,
  minimalResponse,
} from './response.ts';

/** Values that depend on all nodes or connections are computed so many times a tick, not once a heartbeat (F:56). */
const REFRESHES_A_TICK = 20;

export class Responder {
  readonly offload: OffloadPlan;
  readonly #context: DiscoveryContext;
  readonly #parts: IndexerParts;
  readonly #table: LiveNodeTable;
  readonly #challenges: DhtChallenges;
  readonly #cachedScore: Held<number>;
  readonly #diversity: Held<number>;
  #bornAt: number;

  constructor(context: DiscoveryContext, parts: IndexerParts, table: LiveNodeTable) {
    this.#context = context;
    this.#parts = parts;
    this.#table = table;
    const { clock, constants } = context;
    this.#bornAt = Math.floor(clock.now());
    this.offload = new OffloadPlan(constants);
    this.#challenges = new DhtChallenges(parts.directory, constants);
    const maxAgeMs = constants.tickMs / REFRESHES_A_TICK;
    this.#cachedScore = new Held(clock, maxAgeMs, () => cachedScore(localScoresOf(table)));
    this.#diversity = new Held(clock, maxAgeMs, () =>
      subnetDiversity(context.overlay.connections(), ipv4PrefixOf),
    );
  }

  /** Start of this run, in milliseconds since the epoch. */
  get bornAt(): number {
    return this.#bornAt;
  }

  /** A run begins: nodes see a new `born_at`. */
  beginRun(): void {
    this.#bornAt = Math.floor(this.#context.clock.now());
  }

  /** 24.6. */
  cachedScore(): number {
    return this.#cachedScore.value;
  }

  /** 12.5. */
  diversity(): number {
    return this.#diversity.value;
  }

  /** The answer to a candidate probe. */
  minimal(seq: number | undefined): HeartbeatResponse {
    return minimalResponse(this.#state(), seq, this.#context.clock.now());
  }

  /** Other indexers for a node that finds no slot here, or for all of them when this indexer stops. */
  alternatives(peer: PeerId, need: number): readonly AddrInfo[] {
    return this.#suggestions(peer, { need, isOverloaded: true, has: new Set() });
  }

  /** The whole answer. Waits only for the look-up of a DHT challenge. */
  async answer(heartbeat: Heartbeat): Promise<HeartbeatResponse> {
    const { constants, clock } = this.#context;
    const peer = heartbeat.peer_id;
    const state = this.#state();
    const isOverloaded = this.offload.isOverloaded(state.fillRate);
    const has = new Set(heartbeat.indexers_binded);
    const suggestions = this.#suggestions(peer, { need: heartbeat.need ?? 0, isOverloaded, has });
    const load = { ...state, hasSuggestions: suggestions.length > 0 };
    const suggestMigrate = this.offload.propose(peer, load, clock.monotonic());
    if (suggestMigrate) this.#context.events.publish('offload.proposed', { peer });
    const challenges = answerChallenges(heartbeat.challenges ?? [], constants, (id) => this.#lastSeen(id));
    const witnesses = this.#witnesses(peer);
    const { challenge_did: did } = heartbeat;
    const dht = did === undefined || did === '' ? undefined : await this.#challenges.answer(did);
    return buildResponse({
      state,
      seq: heartbeat.seq,
      now: clock.now(),
      challenges,
      dht,
      witnesses,
      suggestions,
      suggestMigrate,
      cachedScore: this.cachedScore(),
    });
  }

  #state(): IndexerState {
    const { size: peerCount, fillRate, maxNodes } = this.#table;
    return { peerCount, fillRate, maxNodes, bornAt: formatTime(this.#bornAt) };
  }

  #lastSeen(peer: PeerId): string | undefined {
    const at = this.#table.get(peer)?.tracker.lastSeen;
    if (at === undefined) return undefined;
    const { clock } = this.#context;
    return formatTime(clock.now() - (clock.monotonic() - at));
  }

  #witnesses(requester: PeerId): readonly AddrInfo[] {
    const { constants, random, self } = this.#context;
    const isWitness = ({ peer, addresses }: NodeRecord): boolean =>
      peer !== requester && peer !== self && addresses.length > 0 && !this.#isBlacklisted(peer);
    return this.#table
      .sample(constants.maxWitnesses, random, isWitness)
      .map(({ peer, addresses }) => ({ ID: peer, Addrs: addresses }));
  }

  /** `has`: the indexers that the requester has. They would be no help, unless we want it to leave for one of them. */
  #suggestions(
    requester: PeerId,
    request: { readonly need: number; readonly isOverloaded: boolean; readonly has: ReadonlySet<PeerId> },
  ): readonly AddrInfo[] {
    // Most heartbeats want none: nothing is looked up for them.
    if (request.need <= 0 && !request.isOverloaded) return [];
    const { constants, random, self, settings } = this.#context;
    const accept = ({ ID }: AddrInfo): boolean =>
      ID !== requester && ID !== self && !this.#isBlacklisted(ID) && !this.#parts.pool.isQuarantined(ID);
    const usable = this.#parts.suggestions
      .list()
      .map((candidate) => usableAddrInfo(candidate, settings))
      .filter((candidate) => candidate !== undefined);
    const isNew = (candidate: AddrInfo): boolean => accept(candidate) && !request.has.has(candidate.ID);
    const chosen = chooseSuggestions(usable, request, constants, random, isNew);
    return chosen.length > 0 || !request.isOverloaded
      ? chosen
      : chooseSuggestions(usable, request, constants, random, accept);
  }

  #isBlacklisted(peer: PeerId): boolean {
    return this.#context.peers.findByPeerId(peer)?.relation === RELATIONS.BLACKLIST;
  }
}

function localScoresOf(table: LiveNodeTable): number[] {
  const scores: number[] = [];
  for (const { localScore } of table.values()) {
    if (localScore !== undefined) scores.push(localScore);
  }
  return scores;
}
