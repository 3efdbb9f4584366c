import type { DiscoveryConstants } from '../constants.ts';
import type { PeerId, PeerRecord } from '../wire/messages.ts';

interface PublishState {
  lastTriedAt: number | undefined;
  lastPutAt: number | undefined;
  /** Content of the last put, without what changes with every signature. */
  content: string | undefined;
}

/**
 * When a record that a heartbeat carried is put into the DHT again (discovery spec 12.6, F:36): by the node's referent
 * every 50 s, at the first heartbeat of a session, and when its content has changed.
 */
export class RepublishPlan {
  readonly #constants: Pick<DiscoveryConstants, 'republishMinMs'>;
  readonly #states = new Map<PeerId, PublishState>();

  constructor(constants: Pick<DiscoveryConstants, 'republishMinMs'>) {
    this.#constants = constants;
  }

  get size(): number {
    return this.#states.size;
  }

  /** Whether to put now. */
  isDue(
    peer: PeerId,
    heartbeat: {
      readonly record: PeerRecord;
      readonly isReferent: boolean;
      readonly isFirstOfSession: boolean;
    },
    now: number,
  ): boolean {
    const state = this.#states.get(peer);
    if (state === undefined) return heartbeat.isReferent || heartbeat.isFirstOfSession;
    const isOlder = (at: number | undefined): boolean =>
      at === undefined || now - at > this.#constants.republishMinMs;
    if (heartbeat.isReferent && isOlder(state.lastPutAt)) return true;
    if (heartbeat.isFirstOfSession && isOlder(state.lastTriedAt)) return true;
    return state.content !== undefined && state.content !== contentOf(heartbeat.record);
  }

  /** A put begins. */
  start(peer: PeerId, record: PeerRecord, now: number): void {
    const before = this.#states.get(peer);
    this.#states.set(peer, {
      lastTriedAt: now,
      lastPutAt: before?.lastPutAt,
      content: contentOf(record),
    });
  }

  /** The put that began last has ended. */
  finish(peer: PeerId, ok: boolean, now: number): void {
    const state = this.#states.get(peer);
    if (ok && state !== undefined) state.lastPutAt = now;
  }

  /** The peer has left. */
  drop(peer: PeerId): void {
    this.#states.delete(peer);
  }
}

function contentOf(record: PeerRecord): string {
  const { expiry_date: _, signature: __, ...content } = record;
  return JSON.stringify(Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1)));
}
