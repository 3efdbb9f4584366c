/**
 * Who may read an object from its origin, when there is an authority that grants leases: one at a time in the whole fleet, and nobody
 * after one has done it, as long as it can be had from there. This comes on top of the election and the intents of the original,
 * which still decide who asks for the lease; it is what holds when nodes differ about the members or cannot reach one another.
 *
 * Fault model: the authority may be unreachable; then the rules of the original are all there is, and one wrong view costs one more
 * pull. A holder may die, hang or be paused: its lease runs out, and exactly one other gets it. Whoever has pulled an object may be
 * out of reach: others wait for it, or for a copy elsewhere, for {@link DONE_PATIENCE_MS}; then one of them pulls it again.
 */

import {
  type Clock,
  errorCode,
  type EventBus,
  type Lease,
  type LeaseAnswer,
  type Leases,
  type Logger,
  type Timers,
} from '@muster/core';
import type { CoordinationEvents } from '../events.ts';
import { pollIntervalMs } from '../inflight/stall.ts';
import { normalizePeerId } from '../content-key.ts';
import type { ClusterMembers, Download } from '../parts.ts';
import type { ClusterNode, Digest, ObjectKind, Provider } from '../types.ts';

/** Longest wait for one answer of the authority. */
const ANSWER_MS = 1_500;
/** For so long nobody pulls an object again that somebody has pulled and from whom it cannot be had just now. */
export const DONE_PATIENCE_MS = 120_000;
/** Longest time for which others are followed. */
export const MAX_FOLLOW_MS = 1_800_000;

/** What a pump needs for leases. */
export interface PullLeasing {
  readonly leases: Leases;
  /** The member with this peer id; undefined when this node does not see it. */
  readonly memberOf: (peerId: string) => Provider | undefined;
  /** The authority says that the node has the object: what was held against it before is void. */
  readonly onHolder?: (digest: Digest, nodeId: string) => void;
}

/** Leasing among the members. */
export function pullLeasing(
  leases: Leases,
  members: Pick<ClusterMembers, 'snapshot' | 'bootstrapSnapshot'>,
  onHolder: (digest: Digest, nodeId: string) => void,
): PullLeasing {
  return {
    leases,
    onHolder,
    memberOf: (peerId) => {
      // Nobody's, when the authority does not know the holder; nodes that publish none would match.
      if (peerId === '') return undefined;
      const isHolder = ({ peerId: published }: ClusterNode): boolean => normalizePeerId(published) === peerId;
      // Somebody who is not ready, or is no more, may have the object all the same.
      const member = members.snapshot().find(isHolder) ?? members.bootstrapSnapshot().find(isHolder);
      return member === undefined ? undefined : { nodeId: member.id, addr: member.addr };
    },
  };
}

export interface SeekerParts extends PullLeasing {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly events: Pick<EventBus<CoordinationEvents>, 'publish'>;
  readonly logger: Logger;
}

/** One object for which a lease is wanted. */
export interface LeaseWish {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly download: Download;
  /** Copies from this node, which may be receiving it itself, and from whoever else has it; true when that node has none of it. */
  readonly follow: (holder: Provider | undefined) => Promise<boolean>;
  /** The pull waits for others from now on. */
  readonly onWaiting: () => void;
  /** It may be its turn: resolves when it could read from the origin at once. */
  readonly onAsking: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * - `granted`: the origin may be read as long as the lease is held
 * - `own-rules`: there is no authority; the origin may be read by the rules of the original
 * - `ended`: the Download has been committed, or has failed, meanwhile
 * - `late`: others have had the lease for too long
 */
export type Permit =
  | { readonly kind: 'granted'; readonly lease: Lease }
  | { readonly kind: 'own-rules' | 'ended' | 'late' };

type Taken = Exclude<LeaseAnswer, { kind: 'granted' }>;

/** Name of the lease for the pull of an object. */
export function pullResource(digest: Digest): string {
  return `pull:${digest}`;
}

/** Asks for the lease of one object until it is had or not needed any more, and follows its holders meanwhile. */
export class LeaseSeeker {
  readonly #parts: SeekerParts;
  readonly #wish: LeaseWish;
  /** Of whom was heard last. */
  #seen: Taken | undefined;
  #doneSince: number | undefined;
  #isDoneInVain = false;

  constructor(parts: SeekerParts, wish: LeaseWish) {
    this.#parts = parts;
    this.#wish = wish;
  }

  /** Rejects with the reason of the signal only. */
  async seek(): Promise<Permit> {
    const { clock, timers } = this.#parts;
    const { kind, signal, onWaiting, onAsking } = this.#wish;
    const until = clock.monotonic() + MAX_FOLLOW_MS;
    for (;;) {
      signal.throwIfAborted();
      if (this.#hasEnded()) return { kind: 'ended' };
      await onAsking();
      const answer = await this.#ask();
      if (answer === undefined) {
        // Whoever was named last may be at it still, authority or not: the rules of the original would join that pull, too.
        if (this.#seen !== undefined) await this.#follow(this.#seen);
        return this.#hasEnded() ? { kind: 'ended' } : { kind: 'own-rules' };
      }
      if (answer.kind === 'granted') return { kind: 'granted', lease: answer.lease };
      this.#note(answer);
      if (clock.monotonic() >= until) return { kind: 'late' };
      onWaiting();
      if (await this.#follow(answer)) continue;
      if (!this.#hasEnded()) await timers.sleep(pollIntervalMs(kind), signal);
    }
  }

  /** Undefined when the authority cannot be asked. */
  async #ask(): Promise<LeaseAnswer | undefined> {
    const { leases, events, logger } = this.#parts;
    const { digest, signal } = this.#wish;
    const done = this.#doneInVain();
    const limit = { timeoutMs: ANSWER_MS, signal, ...(done === undefined ? {} : { notwithstanding: done }) };
    try {
      const answer = await leases.acquire(pullResource(digest), limit);
      if (answer.kind === 'granted') {
        const { epoch, token } = answer.lease;
        events.publish('lease.granted', { digest, epoch, token, isRepeat: done !== undefined });
        logger.info({ digest, epoch, token }, 'the lease for the pull is granted');
      }
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      if (errorCode(error) !== 'LEASE_UNAVAILABLE') {
        logger.error({ digest, err: error }, 'asking for a lease failed');
      }
      events.publish('lease.unavailable', { digest });
      return undefined;
    }
  }

  /** The stamp of a `done` answer from whose holder the object could not be had. */
  #doneInVain(): Taken | undefined {
    const { clock } = this.#parts;
    if (this.#seen?.kind !== 'done' || this.#doneSince === undefined) return undefined;
    const isOver = this.#isDoneInVain || clock.monotonic() - this.#doneSince >= DONE_PATIENCE_MS;
    return isOver ? this.#seen : undefined;
  }

  #note(answer: Taken): void {
    const seen = this.#seen;
    this.#seen = answer;
    if (seen?.kind === answer.kind && seen.epoch === answer.epoch && seen.token === answer.token) return;
    const { events, logger, clock, memberOf, onHolder } = this.#parts;
    const { digest } = this.#wish;
    const { kind, holder, epoch, token } = answer;
    this.#doneSince = kind === 'done' ? clock.monotonic() : undefined;
    this.#isDoneInVain = false;
    events.publish(kind === 'done' ? 'lease.done' : 'lease.held', { digest, holder, epoch, token });
    logger.debug({ digest, holder, epoch, token }, `the lease for the pull is ${kind} by another`);
    const member = memberOf(holder);
    if (member !== undefined) onHolder?.(digest, member.nodeId);
  }

  /** True when asking again at once will tell something new. */
  async #follow({ kind, holder }: Taken): Promise<boolean> {
    const member = this.#parts.memberOf(holder);
    const isLacking = await this.#wish.follow(member);
    if (kind !== 'done' || !isLacking || this.#hasEnded()) return false;
    this.#isDoneInVain = true;
    return true;
  }

  #hasEnded(): boolean {
    const { state } = this.#wish.download;
    return state === 'committed' || state === 'failed';
  }
}
