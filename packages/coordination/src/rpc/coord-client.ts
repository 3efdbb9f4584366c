/**
 * The asking side of the coordination protocol (section 6): one stream a call, never retried here.
 *
 * Fault model: the node that is asked may be gone, slow, of another version or hostile. A call ends within its budget
 * with an answer of the right kind or with a coded error; what an answer says beyond what was asked is dropped.
 */

import {
  errorCode,
  type Clock,
  type Logger,
  type PeerStream,
  type PeerStreams,
  type Timers,
} from '@muster/core';
import { coordinationErrors } from '../errors.ts';
import type { ClusterMembers, Coordinator } from '../parts.ts';
import type { CallOptions, Digest, ObjectKind, PleasePullResult, PullIntent, Repository } from '../types.ts';
import {
  decodeEnvelope,
  encodeEnvelope,
  type Envelope,
  type PleasePullResultMessage,
} from '../wire/envelope.ts';
import { encodeFrame, FrameReader, malformed } from '../wire/frame.ts';
import {
  intentOfWire,
  kindToWire,
  MAX_DIGESTS,
  PROTOCOL_ID,
  PROTOCOL_ID_1_1,
  resultOfWire,
} from '../wire/messages.ts';
import { CallSlots } from './call-slots.ts';
import { PeerDirectory } from './peer-directory.ts';

export interface CoordClientOptions {
  /** Dial and opening of a stream, in calls whose caller gives them no time of its own: 2 s. */
  readonly dialTimeoutMs?: number;
  /** A whole call: 2 s. */
  readonly rpcTimeoutMs?: number;
  /** Calls at once: 128. */
  readonly maxParallel?: number;
  /** 1 offers protocol 1.1.0 first (4.1). */
  readonly offerMinor?: 0 | 1;
}

export interface CoordClientParts {
  readonly streams: Pick<PeerStreams, 'self' | 'open'>;
  readonly members: Pick<ClusterMembers, 'self' | 'snapshot' | 'bootstrapSnapshot'>;
  readonly clock: Clock;
  readonly timers: Pick<Timers, 'after'>;
  readonly logger: Logger;
  readonly options?: CoordClientOptions | undefined;
}

/** The results that came before a call of several slices failed; the error is the failed slice's. */
export type ErrorWithPartial = Error & { readonly partial: readonly PleasePullResult[] };

/** True when the error of {@link CoordClient.pleasePull} has results of earlier slices with it. */
export function hasPartialResults(error: unknown): error is ErrorWithPartial {
  return error instanceof Error && 'partial' in error && Array.isArray(error.partial);
}

interface Budget {
  /** For dialling and opening a stream. */
  readonly openMs: number;
  readonly remainingMs: () => number;
  readonly signal: AbortSignal | undefined;
}

/** Asks other nodes. */
export class CoordClient implements Coordinator {
  readonly #parts: CoordClientParts;
  readonly #directory: PeerDirectory;
  readonly #slots: CallSlots;
  readonly #protocols: readonly string[];
  readonly #dialTimeoutMs: number;
  readonly #rpcTimeoutMs: number;

  constructor(parts: CoordClientParts) {
    const { options = {} } = parts;
    this.#parts = parts;
    this.#directory = new PeerDirectory(parts.members, parts.logger);
    this.#slots = new CallSlots(options.maxParallel ?? 128, parts.timers);
    this.#protocols = options.offerMinor === 1 ? [PROTOCOL_ID_1_1, PROTOCOL_ID] : [PROTOCOL_ID];
    this.#dialTimeoutMs = options.dialTimeoutMs ?? 2_000;
    this.#rpcTimeoutMs = options.rpcTimeoutMs ?? 2_000;
  }

  /** Remembers the peer id of a node, for nodes that the member view knows no peer id of. */
  teach(nodeId: string, peerId: string): void {
    this.#directory.teach(nodeId, peerId);
  }

  /**
   * What the node says about the digest. Rejects PEER_UNRESOLVED, STREAM_OPEN_FAILED, RPC_TIMEOUT,
   * CLOSED_WITHOUT_RESPONSE, MESSAGE_MALFORMED, MESSAGE_UNEXPECTED, or with the signal's reason.
   */
  async pullIntent(target: string, digest: Digest, options: CallOptions = {}): Promise<PullIntent> {
    const reply = await this.#call(target, { type: 'pull_intent_request', message: { digest } }, options);
    if (reply.type !== 'pull_intent_response') throw unexpected(reply.type);
    return intentOfWire(reply.message);
  }

  /**
   * Asks the node to pull the digests, in slices of 256 one after the other, each with a budget of its own. The results
   * are those of digests that were asked for; there may be fewer. Rejects as {@link pullIntent} does; when earlier
   * slices were answered, the error has their results as `partial`.
   */
  async pleasePull(
    target: string,
    job: Repository & { readonly kind: ObjectKind },
    digests: readonly Digest[],
    options: CallOptions = {},
  ): Promise<readonly PleasePullResult[]> {
    const results: PleasePullResult[] = [];
    for (let start = 0; start === 0 || start < digests.length; start += MAX_DIGESTS) {
      const slice = digests.slice(start, start + MAX_DIGESTS);
      try {
        results.push(...(await this.#pleasePullSlice(target, job, slice, options)));
      } catch (error) {
        if (results.length > 0 && error instanceof Error) Object.assign(error, { partial: results });
        throw error;
      }
    }
    return results;
  }

  async #pleasePullSlice(
    target: string,
    job: Repository & { readonly kind: ObjectKind },
    digests: readonly Digest[],
    options: CallOptions,
  ): Promise<readonly PleasePullResult[]> {
    const message = {
      digests,
      upstreamRegistry: job.registry,
      repository: job.repository,
      kind: kindToWire(job.kind),
    };
    const reply = await this.#call(target, { type: 'please_pull_request', message }, options);
    if (reply.type !== 'please_pull_response') throw unexpected(reply.type);
    const asked = new Set<string>(digests);
    return reply.message.results.flatMap((result) => this.#result(target, result, asked));
  }

  #result(
    target: string,
    message: PleasePullResultMessage,
    asked: ReadonlySet<string>,
  ): readonly PleasePullResult[] {
    try {
      const result = resultOfWire(message);
      return asked.has(result.digest) ? [result] : [];
    } catch {
      this.#parts.logger.debug({ node_id: target }, 'a result for what is no digest was dropped');
      return [];
    }
  }

  async #call(target: string, request: Envelope, options: CallOptions): Promise<Envelope> {
    const { streams, members, clock } = this.#parts;
    const end = clock.monotonic() + (options.timeoutMs ?? this.#rpcTimeoutMs);
    const openMs = Math.max(this.#dialTimeoutMs, options.timeoutMs ?? 0);
    const budget: Budget = { openMs, remainingMs: () => end - clock.monotonic(), signal: options.signal };
    budget.signal?.throwIfAborted();
    const peer = target === members.self() ? undefined : this.#directory.resolve(target);
    if (peer === undefined || peer.id === streams.self) {
      throw coordinationErrors.create('PEER_UNRESOLVED', 'a node does not call itself over the network', {
        details: { node_id: target },
      });
    }
    if (!(await this.#slots.take(budget.remainingMs(), budget.signal))) throw timedOut(target);
    try {
      const stream = await this.#open(target, peer, budget);
      return await this.#exchange(target, stream, request, budget);
    } finally {
      this.#slots.release();
    }
  }

  async #open(target: string, peer: Parameters<PeerStreams['open']>[0], budget: Budget): Promise<PeerStream> {
    const timeoutMs = Math.min(budget.openMs, budget.remainingMs());
    if (timeoutMs <= 0) throw timedOut(target);
    try {
      return await this.#parts.streams.open(peer, this.#protocols, limitOf(timeoutMs, budget.signal));
    } catch (error) {
      budget.signal?.throwIfAborted();
      if (errorCode(error) === 'PEER_MISMATCH') this.#directory.forget(target);
      throw coordinationErrors.create('STREAM_OPEN_FAILED', 'no stream to the node could be opened', {
        details: { node_id: target },
        cause: error,
      });
    }
  }

  async #exchange(target: string, stream: PeerStream, request: Envelope, budget: Budget): Promise<Envelope> {
    const reader = new FrameReader();
    try {
      const frame = encodeFrame(encodeEnvelope(request));
      await stream.write(frame, limitOf(Math.max(1, budget.remainingMs()), budget.signal));
      // Servers answer without it; waiting for it would cost a slow network's budget.
      void stream.closeWrite();
      const payload = await this.#readFrame(target, stream, reader, budget);
      void stream.close();
      return decodeEnvelope(payload);
    } catch (error) {
      stream.reset();
      budget.signal?.throwIfAborted();
      throw callError(error, target, reader.isEmpty);
    }
  }

  async #readFrame(
    target: string,
    stream: PeerStream,
    reader: FrameReader,
    budget: Budget,
  ): Promise<Uint8Array> {
    for (;;) {
      const timeoutMs = budget.remainingMs();
      if (timeoutMs <= 0) throw timedOut(target);
      const chunk = await stream.read(limitOf(timeoutMs, budget.signal));
      if (chunk === undefined) {
        if (reader.isEmpty) throw closedWithoutResponse(target, undefined);
        throw malformed('read_failed', 'the node ended the stream inside its answer');
      }
      const payload = reader.push(chunk);
      if (payload !== undefined) return payload;
    }
  }
}

function limitOf(
  timeoutMs: number,
  signal: AbortSignal | undefined,
): { timeoutMs: number; signal?: AbortSignal } {
  return { timeoutMs, ...(signal === undefined ? {} : { signal }) };
}

function callError(error: unknown, target: string, isEmpty: boolean): unknown {
  switch (errorCode(error)) {
    case 'RPC_TIMEOUT':
    case 'CLOSED_WITHOUT_RESPONSE':
      return error;
    case 'MESSAGE_MALFORMED': {
      const { reason } = (error as { readonly details: { readonly reason?: unknown } }).details;
      return reason === 'empty_envelope' ? unexpected('nothing') : error;
    }
    case 'STREAM_TIMEOUT':
      return timedOut(target);
    default:
      // The stream broke: a server that is full resets streams before it has read them.
      return isEmpty
        ? closedWithoutResponse(target, error)
        : malformed('read_failed', 'the stream broke inside the answer');
  }
}

function timedOut(target: string): Error {
  return coordinationErrors.create('RPC_TIMEOUT', 'the node did not answer in time', {
    details: { node_id: target },
  });
}

function closedWithoutResponse(target: string, cause: unknown): Error {
  return coordinationErrors.create(
    'CLOSED_WITHOUT_RESPONSE',
    'the node closed the stream without an answer',
    { details: { node: target, reason: 'closed_without_response' }, cause },
  );
}

function unexpected(type: string): Error {
  return coordinationErrors.create('MESSAGE_UNEXPECTED', `the answer of the node holds ${type}`, {
    details: { reason: 'empty_response' },
  });
}
