/** All fetch sessions of a node: one a digest at a time (coordination spec 13.7, I2). */

import { coordinationErrors } from '../errors.ts';
import type { Digest } from '../types.ts';
import type { DetachedCopy } from '../prefetch/local-prefetch.ts';
import type { CopyFromPeers } from '../pump/parts.ts';
import { type FetchSessionsParts, providerAt, usableProviders } from './context.ts';
import { FetchSession, type FetchRequest, type SessionState } from './fetch-session.ts';
import { CopyHistory, PeerCopier } from './peer-copy.ts';
import { SlotQueue } from './slot-queue.ts';

/** Objects that may wait for a session to begin. */
const MAX_WAITING = 4096;
/** Providers that a pull asks before it goes to the origin. */
const MAX_PUMP_PROVIDERS = 3;
/** Nodes that are asked for a place behind one that is to be followed. */
const MAX_FOLLOW_ASKS = 24;

export class FetchSessions {
  readonly #parts: FetchSessionsParts;
  readonly #copier: PeerCopier;
  readonly #slots: SlotQueue;
  readonly #sessions = new Map<Digest, FetchSession>();
  #closed: unknown;

  constructor(parts: FetchSessionsParts) {
    this.#parts = parts;
    this.#copier = new PeerCopier(parts);
    this.#slots = new SlotQueue(parts.options.maxSessions, MAX_WAITING);
  }

  get(digest: Digest): FetchSession | undefined {
    return this.#sessions.get(digest);
  }

  list(): readonly FetchSession[] {
    return [...this.#sessions.values()];
  }

  /** How many are in which state, for the gauge `gantry_sessions`. */
  counts(): ReadonlyMap<SessionState, number> {
    const counts = new Map<SessionState, number>();
    for (const { state } of this.#sessions.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
    return counts;
  }

  /**
   * The running session of the digest, or a new one. A second request for it under another repository joins it. Throws
   * SHUTTING_DOWN after `close`.
   */
  fetch(request: FetchRequest): FetchSession {
    if (this.#closed !== undefined) throw this.#closed;
    const present = this.#sessions.get(request.digest);
    if (present !== undefined) {
      if (request.isPrefetch === true) present.keep();
      return present;
    }
    const session = new FetchSession(this.#parts, this.#copier, this.#slots, request);
    this.#sessions.set(request.digest, session);
    const forget = (): void => {
      if (this.#sessions.get(request.digest) === session) this.#sessions.delete(request.digest);
    };
    session.done.then(forget, forget);
    return session;
  }

  /** Gets an object that no client waits for; resolves when it is here (11.4). */
  readonly copy = async ({ signal, ...request }: DetachedCopy): Promise<void> => {
    signal.throwIfAborted();
    const isNew = !this.#sessions.has(request.digest);
    const session = this.fetch({ ...request, isPrefetch: true });
    const onAbort = (): void => {
      if (isNew && session.readers === 0) session.cancel(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await session.done;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  };

  /**
   * For the pump, which looks around before it goes to the origin (15.9), or follows who may: peers only, each once, and those
   * whom a busy one that is to be followed names.
   */
  readonly copyFromPeers: CopyFromPeers = async (request, signal) => {
    const { digest, kind, repository, providers, isPartial = false, history = new CopyHistory() } = request;
    const download = this.#parts.downloads.get(digest);
    if (download === undefined) return undefined;
    const queue = usableProviders(this.#parts, digest, providers).slice(0, MAX_PUMP_PROVIDERS);
    const lacking: string[] = [];
    const asked = new Set<string>();
    for (let provider = queue.shift(); provider !== undefined; provider = queue.shift()) {
      if (asked.has(provider.addr)) continue;
      asked.add(provider.addr);
      const { outcome, alternates = [] } = await this.#copier.copy({
        download,
        provider,
        digest,
        kind,
        repository,
        isPartial,
        history,
        hasOthers: () => queue.length > 0,
        signal,
      });
      signal.throwIfAborted();
      if (outcome === 'hit' || outcome === 'taken') break;
      if (outcome === 'notfound') lacking.push(provider.addr);
      if (outcome === 'busy' && isPartial && asked.size < MAX_FOLLOW_ASKS) {
        const named = alternates.map((addr) => providerAt(this.#parts, addr));
        queue.unshift(...usableProviders(this.#parts, digest, named));
      }
    }
    return { lacking };
  };

  /** Whether a session goes on with the download of the digest when a pull of it has failed. */
  readonly isFollowed = (digest: Digest): boolean => this.#sessions.has(digest);

  /** Ends all sessions and resolves when they have ended. */
  async close(): Promise<void> {
    this.#closed ??= coordinationErrors.create('SHUTTING_DOWN', 'the agent is shutting down');
    const sessions = this.list();
    for (const session of sessions) session.cancel(this.#closed);
    await Promise.allSettled(sessions.map(async ({ done }) => done));
  }
}
