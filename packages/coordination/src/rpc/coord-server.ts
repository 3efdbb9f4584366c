/**
 * The answering side of the coordination protocol (section 5).
 *
 * Fault model: any peer of the overlay may open streams, as many as it likes, and send anything or nothing. Streams
 * beyond 512, or beyond 128 of one peer, are reset. Each has 5 s from its acceptance for everything, and 2 s of these
 * for the answer. Whatever goes wrong ends the stream without an answer and is counted exactly once. Pulls that were
 * started live on without their stream.
 */

import {
  errorCode,
  type Clock,
  type Logger,
  type PeerStream,
  type PeerStreams,
  type Timers,
} from '@muster/core';
import { parseDigest } from '../digest.ts';
import type {
  ClusterMembers,
  ContentStore,
  InFlightEntry,
  LocalCoordinator,
  NegativeCacheReader,
  Pump,
} from '../parts.ts';
import type {
  CallOptions,
  Digest,
  ObjectKind,
  PleasePullResult,
  PullIntent,
  PullJob,
  Repository,
} from '../types.ts';
import { decodeEnvelope, encodeEnvelope, type Envelope, type PleasePullRequest } from '../wire/envelope.ts';
import { encodeFrame, FrameReader, malformed } from '../wire/frame.ts';
import {
  intentToWire,
  kindOfWire,
  MAX_DIGESTS,
  PROTOCOL_ID,
  PROTOCOL_ID_1_1,
  resultToWire,
} from '../wire/messages.ts';
import { settleWithin, TIMED_OUT } from './bounded-wait.ts';
import { guardedHooks, type CoordHooks } from './hooks.ts';
import { LocalCoordination, type PresenceSource } from './local-coordination.ts';

/** Limits of a server; what is missing, or not positive, has the default of 4.7. */
export interface CoordServerOptions {
  readonly maxStreams?: number;
  readonly maxStreamsPerPeer?: number;
  readonly streamTimeoutMs?: number;
  readonly dispatchMs?: number;
}

export interface CoordServerParts {
  readonly streams: Pick<PeerStreams, 'serve'>;
  readonly store: Pick<ContentStore, 'has' | 'size'>;
  /** Another place that has objects, for example the container runtime's store (section 19). */
  readonly secondary?: PresenceSource | undefined;
  readonly members: Pick<ClusterMembers, 'self' | 'snapshot'>;
  readonly inflight: { lookup(digest: Digest): InFlightEntry | undefined };
  readonly negative?: NegativeCacheReader | undefined;
  readonly pump?: Pump | undefined;
  readonly hooks?: CoordHooks | undefined;
  readonly clock: Clock;
  readonly timers: Pick<Timers, 'after'>;
  readonly logger: Logger;
  readonly options?: CoordServerOptions | undefined;
}

export const DEFAULT_STREAM_TIMEOUT_MS = 5_000;
export const DEFAULT_MAX_CONCURRENT_STREAMS = 512;
const DEFAULT_MAX_STREAMS_PER_PEER = 128;
const DEFAULT_DISPATCH_MS = 2_000;
/** How long {@link CoordServer.unbind} waits for running handlers. */
const UNBIND_MS = 5_000;

/** Answers other nodes' questions, and the same questions of this node without a stream. */
export class CoordServer implements LocalCoordinator {
  readonly #parts: CoordServerParts;
  readonly #hooks: Required<CoordHooks>;
  readonly #local: LocalCoordination;
  readonly #limits: Required<CoordServerOptions>;
  readonly #runningOf = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();
  #unserve: readonly (() => void)[] = [];

  constructor(parts: CoordServerParts) {
    const { options = {}, logger } = parts;
    this.#parts = parts;
    this.#hooks = guardedHooks(parts.hooks ?? {}, logger);
    this.#local = new LocalCoordination({ ...parts, hooks: this.#hooks });
    this.#limits = {
      maxStreams: positive(options.maxStreams, DEFAULT_MAX_CONCURRENT_STREAMS),
      maxStreamsPerPeer: positive(options.maxStreamsPerPeer, DEFAULT_MAX_STREAMS_PER_PEER),
      streamTimeoutMs: positive(options.streamTimeoutMs, DEFAULT_STREAM_TIMEOUT_MS),
      dispatchMs: positive(options.dispatchMs, DEFAULT_DISPATCH_MS),
    };
  }

  /** Streams that are being served. */
  get runningStreams(): number {
    return this.#running.size;
  }

  /** Begins to serve both versions of the protocol. Harmless when it is served already. */
  bind(): void {
    if (this.#unserve.length > 0) return;
    const handler = (stream: PeerStream): Promise<void> => this.#accept(stream);
    const options = { maxInboundStreams: this.#limits.maxStreams };
    this.#unserve = [PROTOCOL_ID, PROTOCOL_ID_1_1].map((protocol) =>
      this.#parts.streams.serve(protocol, handler, options),
    );
  }

  /** Takes no more streams; resolves when the running ones have ended, or after 5 s. */
  async unbind(): Promise<void> {
    for (const end of this.#unserve) end();
    this.#unserve = [];
    await settleWithin(Promise.all(this.#running), UNBIND_MS, this.#parts.timers);
  }

  /** The very answer that another node would get to `pull_intent` (5.3). */
  async localPullIntent(digest: Digest): Promise<PullIntent> {
    return this.#local.intent(parseDigest(digest));
  }

  /**
   * The very thing that another node's `please_pull` does (5.6), for any number of digests. When the signal is aborted
   * between slices of 256, the results so far are given. Rejects MESSAGE_MALFORMED without registry or repository.
   */
  async startLocalPull(
    job: Repository & { readonly kind: ObjectKind; readonly trigger: PullJob['trigger'] },
    digests: readonly Digest[],
    options: CallOptions = {},
  ): Promise<readonly PleasePullResult[]> {
    requireRepository(job.registry, job.repository);
    const results: PleasePullResult[] = [];
    for (let start = 0; start < digests.length && options.signal?.aborted !== true; start += MAX_DIGESTS) {
      results.push(...(await this.#local.pullAll(job, digests.slice(start, start + MAX_DIGESTS), undefined)));
    }
    return results;
  }

  async #accept(stream: PeerStream): Promise<void> {
    const peer = stream.remotePeer;
    const ofPeer = this.#runningOf.get(peer) ?? 0;
    if (this.#running.size >= this.#limits.maxStreams || ofPeer >= this.#limits.maxStreamsPerPeer) {
      stream.reset();
      this.#failed('too_many_streams', peer);
      return;
    }
    this.#runningOf.set(peer, ofPeer + 1);
    const work = this.#handle(stream);
    this.#running.add(work);
    try {
      await work;
    } finally {
      this.#running.delete(work);
      const left = (this.#runningOf.get(peer) ?? 1) - 1;
      if (left > 0) this.#runningOf.set(peer, left);
      else this.#runningOf.delete(peer);
    }
  }

  /** Never rejects. */
  async #handle(stream: PeerStream): Promise<void> {
    const deadline = this.#deadline(this.#limits.streamTimeoutMs);
    try {
      const reply = await this.#answer(await this.#request(stream, deadline));
      await this.#reply(stream, reply.frame, deadline);
      reply.served();
    } catch (error) {
      this.#failed(reasonOf(error), stream.remotePeer);
    }
    // A peer that does not let the stream close in order does not keep its slot for that.
    const closed = await settleWithin(stream.close(), Math.max(0, deadline()), this.#parts.timers);
    if (closed === TIMED_OUT) stream.reset();
  }

  async #request(stream: PeerStream, deadline: () => number): Promise<Envelope> {
    const reader = new FrameReader();
    for (;;) {
      const chunk = await bounded('read_failed', deadline, (timeoutMs) => stream.read({ timeoutMs }));
      if (chunk === undefined) throw malformed('read_failed', 'the stream ended before the request did');
      const payload = reader.push(chunk);
      if (payload !== undefined) return decodeEnvelope(payload);
    }
  }

  async #answer(request: Envelope): Promise<{ readonly frame: Uint8Array; readonly served: () => void }> {
    const { clock } = this.#parts;
    switch (request.type) {
      case 'pull_intent_request': {
        const digest = digestOfRequest(request.message.digest);
        const intent = await settleWithin(
          this.#local.intent(digest),
          this.#limits.dispatchMs,
          this.#parts.timers,
        );
        if (intent === TIMED_OUT) throw malformed('dispatch_timeout', 'the answer took too long');
        const message = intentToWire(intent, clock.now());
        return {
          frame: encodeFrame(encodeEnvelope({ type: 'pull_intent_response', message })),
          served: this.#hooks.pullIntentServed,
        };
      }
      case 'please_pull_request': {
        const results = (await this.#pull(request.message)).map((result) =>
          resultToWire(result, clock.now()),
        );
        return {
          frame: encodeFrame(encodeEnvelope({ type: 'please_pull_response', message: { results } })),
          served: this.#hooks.pleasePullServed,
        };
      }
      default:
        throw malformed('unexpected_message', 'an answer was sent to a server');
    }
  }

  async #pull(request: PleasePullRequest): Promise<readonly PleasePullResult[]> {
    const { upstreamRegistry: registry, repository, digests } = request;
    requireRepository(registry, repository);
    if (digests.length > MAX_DIGESTS) {
      throw malformed('too_many_digests', `more than ${MAX_DIGESTS} digests in one request`);
    }
    return this.#local.pullAll(
      { registry, repository, kind: kindOfWire(request.kind), trigger: 'peer' },
      digests,
      { remainingMs: this.#deadline(this.#limits.dispatchMs) },
    );
  }

  async #reply(stream: PeerStream, frame: Uint8Array, deadline: () => number): Promise<void> {
    await bounded('write_failed', deadline, (timeoutMs) => stream.write(frame, { timeoutMs }));
  }

  /** Milliseconds that are left, counted from now. */
  #deadline(budgetMs: number): () => number {
    const { clock } = this.#parts;
    const end = clock.monotonic() + budgetMs;
    return () => end - clock.monotonic();
  }

  #failed(reason: string, peer: string): void {
    this.#hooks.streamError(reason);
    this.#parts.logger.debug({ reason, peer }, 'a coordination stream ended without an answer');
  }
}

async function bounded<T>(
  reason: 'read_failed' | 'write_failed',
  deadline: () => number,
  act: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  const timeoutMs = deadline();
  if (timeoutMs <= 0) throw malformed(reason, 'the deadline of the stream has passed');
  try {
    return await act(timeoutMs);
  } catch (error) {
    throw malformed(reason, error instanceof Error ? error.message : 'the stream failed');
  }
}

function requireRepository(registry: string, repository: string): void {
  if (registry === '' || repository === '') {
    throw malformed('missing_registry_or_repository', 'a pull needs a registry and a repository');
  }
}

function digestOfRequest(text: string): Digest {
  try {
    return parseDigest(text);
  } catch {
    throw malformed('bad_digest', 'the digest that was asked about is none');
  }
}

function reasonOf(error: unknown): string {
  if (errorCode(error) !== 'MESSAGE_MALFORMED') return 'internal';
  const { reason } = (error as { readonly details: { readonly reason?: unknown } }).details;
  return typeof reason === 'string' ? reason : 'internal';
}

function positive(value: number | undefined, fallback: number): number {
  return value !== undefined && value > 0 ? value : fallback;
}
