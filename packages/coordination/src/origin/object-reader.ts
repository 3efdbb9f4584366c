/** Reads objects by the URLs under which an origin may have them (coordination spec 15.4, 15.5). */

import type { Clock, EventBus, Random, Timers } from '@muster/core';
import type { CoordinationEvents } from '../events.ts';
import type { OriginObject } from '../parts.ts';
import { parseContentLength, parseContentRange } from './content-range.ts';
import { factsOfStatus, originError, type OriginSubject, RequestFailure } from './failure.ts';
import { type OriginReply, TRANSIENT } from './http.ts';
import type { OriginClient } from './origin-client.ts';
import { type BodyPart, resumableBody } from './resumable-body.ts';

/** What adapters report: bytes, resumed bodies, HEAD requests. */
export type OriginEvents = Pick<EventBus<CoordinationEvents>, 'publish'>;

export interface ReaderParts {
  readonly client: OriginClient;
  readonly clock: Pick<Clock, 'now'>;
  readonly timers: Timers;
  readonly random: Pick<Random, 'fraction'>;
  readonly events: OriginEvents;
}

/** One URL of an object. */
export interface Place {
  readonly url: URL;
  readonly accept: string;
}

/** Where an object may be, the likeliest place first: the next one is asked when the one before answers 404. */
export interface ObjectRequest {
  readonly subject: OriginSubject;
  readonly places: readonly [Place, ...Place[]];
  /** The token scope to begin with. */
  readonly scope: string;
  readonly signal: AbortSignal;
}

interface Found {
  readonly reply: OriginReply;
  readonly place: Place;
}

/** Objects of one origin. All calls reject ORIGIN_FAILED, or with the reason of the signal. */
export class ObjectReader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** The object from `offset` on. What breaks off after the first byte is continued, three times at most. */
  async open(request: ObjectRequest, offset: number): Promise<OriginObject> {
    const { reply, first, place } = await this.#coded(request, async () => {
      const found = await this.#find(request, 'GET', offset);
      return { ...found, first: partOf(found.reply, offset) };
    });
    return {
      body: this.#body(request, place, first, offset),
      size: first.size,
      offset,
      mediaType: mediaTypeOf(reply),
    };
  }

  /** Size and media type, as far as the origin tells them. */
  async head(
    request: ObjectRequest,
  ): Promise<{ readonly size: number | undefined; readonly mediaType: string | undefined }> {
    this.#parts.events.publish('origin.head', { kind: request.subject.kind });
    return this.#coded(request, async () => {
      const { reply } = await this.#find(request, 'HEAD', 0);
      reply.discard();
      return { size: parseContentLength(reply.header('content-length')), mediaType: mediaTypeOf(reply) };
    });
  }

  async *#body(
    request: ObjectRequest,
    place: Place,
    first: BodyPart,
    offset: number,
  ): AsyncGenerator<Uint8Array, void> {
    const { timers, random, events } = this.#parts;
    const { digest, kind } = request.subject;
    const reopen = async (from: number): Promise<BodyPart> =>
      partOf(await this.#ask(request, place, 'GET', from), from);
    try {
      yield* resumableBody({
        first,
        offset,
        reopen,
        timers,
        random,
        signal: request.signal,
        onBytes: (bytes) => events.publish('origin.bytes', { kind, bytes }),
        onResumed: () => events.publish('origin.resumed', { digest }),
      });
    } catch (error) {
      throw coded(error, request);
    }
  }

  /** The first place that has it; the failure of the first one asked when none has. */
  async #find(request: ObjectRequest, method: 'GET' | 'HEAD', offset: number): Promise<Found> {
    const [place, ...others] = request.places;
    try {
      return { reply: await this.#ask(request, place, method, offset), place };
    } catch (error) {
      if (!(error instanceof RequestFailure) || error.facts.status !== 404) throw error;
      for (const other of others) {
        const reply = await this.#ask(request, other, method, offset).catch(() => undefined);
        request.signal.throwIfAborted();
        if (reply !== undefined) return { reply, place: other };
      }
      throw error;
    }
  }

  async #ask(
    request: ObjectRequest,
    place: Place,
    method: 'GET' | 'HEAD',
    offset: number,
  ): Promise<OriginReply> {
    const { client, clock } = this.#parts;
    const { scope, signal } = request;
    const reply = await client.request({ method, ...place, scope, offset, signal });
    if (reply.status === 200 || (reply.status === 206 && offset > 0)) return reply;
    reply.discard();
    const facts = factsOfStatus(reply.status, reply.header('retry-after'), clock.now());
    throw new RequestFailure(facts, `the origin answered ${reply.status}`);
  }

  async #coded<T>(request: ObjectRequest, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw coded(error, request);
    }
  }
}

function coded(error: unknown, { subject, signal }: ObjectRequest): unknown {
  if (signal.aborted) return signal.reason;
  return error instanceof RequestFailure ? originError(subject, error.facts, error.message, error) : error;
}

/** Where the bytes of an answer belong. Throws {@link RequestFailure} when it does not hold the byte that was asked for. */
function partOf(reply: OriginReply, offset: number): BodyPart {
  if (reply.status === 200) {
    return { body: reply.body, start: 0, size: parseContentLength(reply.header('content-length')) };
  }
  const range = parseContentRange(reply.header('content-range'));
  if (range === undefined || range.start > offset || range.end < offset) {
    reply.discard();
    throw new RequestFailure(TRANSIENT, 'the origin answered with another range than the one asked for');
  }
  return { body: reply.body, start: range.start, size: range.size };
}

function mediaTypeOf(reply: OriginReply): string | undefined {
  const type = reply.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  return type === undefined || type === '' || type.length > 255 ? undefined : type;
}
