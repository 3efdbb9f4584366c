/**
 * Rate windows, strikes and bans of the peers that use this indexer (discovery spec 17.1 to 17.4). Nothing is shared
 * between indexers. Fault model: a peer floods, sends rubbish, poses as others, reconnects to be forgotten, or comes
 * as tens of thousands of peers. Strikes are charged to the authenticated peer only; they outlive a disconnection; all
 * state is bounded, and asking about a peer makes none.
 */

import type { DiscoveryContext } from '../context.ts';
import type { Behaviour } from '../parts.ts';
import type { PeerId } from '../wire/messages.ts';
import { IdentityPins } from './identity-pins.ts';

type Action = Parameters<Behaviour['record']>[1];
type Verdict = ReturnType<Behaviour['record']>;

/** Strikes by cause (17.2). */
export const STRIKES = {
  windowExceeded: 1,
  badFrame: 1,
  relayedRecord: 1,
  badSignature: 2,
  didChanged: 2,
  foreignPeerId: 2,
} as const;

interface PeerState {
  readonly peer: PeerId;
  /** Times of what was accepted within the window, the oldest first. */
  readonly accepted: Map<Action, number[]>;
  strikes: number;
  /** From when the decay of the strikes counts. */
  decaysFrom: number;
  bannedUntil: number | undefined;
  /** Bans so far: each doubles the next. */
  bans: number;
  lastActive: number;
  /** When the peer last opened a heartbeat stream whose first early heartbeat is still to be excused (17.1). */
  reconnectedAt: number | undefined;
  excusedAt: number | undefined;
}

type Needs = Pick<DiscoveryContext, 'settings' | 'constants' | 'clock' | 'events'>;

export class BehaviourTracker implements Behaviour {
  readonly #context: Needs;
  readonly #limits: Readonly<Record<Action, number>>;
  readonly #maxStates: number;
  /** Not banned, in the order of their last activity, the oldest first. */
  readonly #free = new Map<PeerId, PeerState>();
  readonly #banned = new Map<PeerId, PeerState>();
  readonly #pins: IdentityPins;

  constructor(context: Needs) {
    this.#context = context;
    const { settings, constants } = context;
    this.#limits = {
      heartbeat: settings.maxHeartbeatsPerMinute,
      publish: settings.maxPublishesPerMinute,
      get: settings.maxGetsPerMinute,
    };
    this.#maxStates = constants.behaviourStatesPerSlot * Math.max(1, settings.maxNodes);
    this.#pins = new IdentityPins({
      limit: this.#maxStates,
      keepMs: constants.identityPinMs,
      isDidExclusive: settings.didMode === 'stored',
    });
  }

  /** States held, of banned peers and others. */
  get size(): number {
    return this.#free.size + this.#banned.size;
  }

  /** Identity pins held. */
  get pins(): number {
    return this.#pins.size;
  }

  record(peer: PeerId, action: Action): Verdict {
    const now = this.#now();
    const bannedForMs = this.bannedForMs(peer);
    if (bannedForMs !== undefined) return { accepted: false, code: 'banned', retryAfterMs: bannedForMs };
    const state = this.#touch(peer, now);
    const times = withinWindow(state, action, now - this.#context.constants.behaviourWindowMs);
    if (times.length < this.#limits[action]) {
      times.push(now);
      return { accepted: true };
    }
    if (!(action === 'heartbeat' && this.#excuse(state, now))) {
      this.strike(peer, STRIKES.windowExceeded, `too many requests: ${action}`);
    }
    const bannedNow = this.bannedForMs(peer);
    if (bannedNow !== undefined) return { accepted: false, code: 'banned', retryAfterMs: bannedNow };
    const oldest = times[0] ?? now;
    return {
      accepted: false,
      code: 'rate_limited',
      retryAfterMs: Math.max(1, oldest + this.#context.constants.behaviourWindowMs - now),
    };
  }

  /** A heartbeat stream of the peer was opened: one early heartbeat soon after it costs no strike (17.1). */
  noteStream(peer: PeerId): void {
    const state = this.#free.get(peer);
    if (state !== undefined) state.reconnectedAt = this.#now();
  }

  strike(peer: PeerId, weight: number, cause: string): void {
    const now = this.#now();
    if (this.bannedForMs(peer) !== undefined) return;
    const state = this.#touch(peer, now);
    if (state.strikes === 0) state.decaysFrom = now;
    state.strikes += weight;
    this.#context.events.publish('behaviour.strike', { peer, strikes: state.strikes, cause });
    if (state.strikes >= this.#context.constants.strikesToBan) this.#ban(state, now);
  }

  bannedForMs(peer: PeerId): number | undefined {
    const state = this.#banned.get(peer);
    if (state?.bannedUntil === undefined) return undefined;
    const forMs = state.bannedUntil - this.#now();
    if (forMs > 0) return forMs;
    this.#release(state);
    return undefined;
  }

  checkIdentity(peer: PeerId, did: string): boolean {
    if (did === '' || this.#pins.confirm(peer, did, this.#now())) return true;
    this.strike(peer, STRIKES.didChanged, 'the DID contradicts an earlier one');
    return false;
  }

  bans(): readonly { readonly peer: PeerId; readonly forMs: number; readonly strikes: number }[] {
    const now = this.#now();
    const bans = [];
    for (const { peer, bannedUntil = 0, strikes } of this.#banned.values()) {
      if (bannedUntil > now) bans.push({ peer, forMs: bannedUntil - now, strikes });
    }
    return bans;
  }

  /**
   * Forgets peers that are gone (17.4): those without strikes as soon as their windows are empty, others
   * `strikeKeepMs` after they were last heard of or their ban ended.
   */
  sweep(): void {
    const now = this.#now();
    const { behaviourWindowMs, strikeKeepMs } = this.#context.constants;
    for (const state of this.#banned.values()) {
      if ((state.bannedUntil ?? 0) <= now) this.#release(state);
    }
    for (const state of this.#free.values()) {
      this.#age(state, now);
      const isClean = state.strikes === 0 && state.bans === 0;
      const quietSince = Math.max(state.lastActive, state.bannedUntil ?? 0);
      if (now - quietSince > (isClean ? behaviourWindowMs : strikeKeepMs)) this.#free.delete(state.peer);
    }
    this.#pins.sweep(now);
  }

  #now(): number {
    return this.#context.clock.monotonic();
  }

  /** The state of a peer that is not banned, aged, and moved to the end of the order. */
  #touch(peer: PeerId, now: number): PeerState {
    const known = this.#free.get(peer);
    if (known !== undefined) {
      this.#age(known, now);
      known.lastActive = now;
      this.#free.delete(peer);
      this.#free.set(peer, known);
      return known;
    }
    const state: PeerState = {
      peer,
      accepted: new Map(),
      strikes: 0,
      decaysFrom: now,
      bannedUntil: undefined,
      bans: 0,
      lastActive: now,
      reconnectedAt: undefined,
      excusedAt: undefined,
    };
    this.#free.set(peer, state);
    if (this.size > this.#maxStates) this.#dropOldest();
    return state;
  }

  #dropOldest(): void {
    const from = this.#free.size > 1 ? this.#free : this.#banned;
    for (const peer of from.keys()) {
      from.delete(peer);
      return;
    }
  }

  /** Lets strikes decay, and forgets earlier bans after a long time without a strike. */
  #age(state: PeerState, now: number): void {
    const { strikeDecayMs, strikeKeepMs } = this.#context.constants;
    const steps = Math.floor((now - state.decaysFrom) / strikeDecayMs);
    if (steps > 0) {
      state.strikes = Math.max(0, state.strikes - steps);
      state.decaysFrom += steps * strikeDecayMs;
    }
    if (state.bannedUntil !== undefined && state.strikes === 0 && now - state.bannedUntil > strikeKeepMs) {
      state.bans = 0;
      state.bannedUntil = undefined;
    }
  }

  #excuse(state: PeerState, now: number): boolean {
    const { heartbeatMinGapMs, behaviourWindowMs } = this.#context.constants;
    const { reconnectedAt, excusedAt } = state;
    if (reconnectedAt === undefined || now - reconnectedAt > heartbeatMinGapMs) return false;
    // Otherwise a peer that reconnects for every heartbeat would never be struck.
    if (excusedAt !== undefined && now - excusedAt <= behaviourWindowMs) return false;
    state.excusedAt = now;
    return true;
  }

  #ban(state: PeerState, now: number): void {
    const { banMs, banMaxMs } = this.#context.constants;
    const forMs = Math.min(banMaxMs, banMs * 2 ** state.bans);
    state.bans += 1;
    state.bannedUntil = now + forMs;
    // One minor offence after the ban does not ban again.
    state.strikes = 1;
    state.decaysFrom = now;
    this.#free.delete(state.peer);
    this.#banned.set(state.peer, state);
    this.#context.events.publish('behaviour.banned', { peer: state.peer, forMs });
  }

  #release(state: PeerState): void {
    this.#banned.delete(state.peer);
    this.#free.set(state.peer, state);
  }
}

/** The accepted times of an action that are not older than `since`, as the live list. */
function withinWindow(state: PeerState, action: Action, since: number): number[] {
  const times = state.accepted.get(action) ?? [];
  const keepFrom = times.findIndex((time) => time >= since);
  times.splice(0, keepFrom === -1 ? times.length : keepFrom);
  state.accepted.set(action, times);
  return times;
}
