import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorCode, type Clock, type EventBus, type Logger, type Timers } from '@muster/core';
import type { CoordinationEvents } from '../../events.ts';
import { cutOff, isGone, writeBody } from '../../http/body-writer.ts';
import { parseContentPath, readReference, splitTarget, type ContentPath } from '../../http/paths.ts';
import { applyRange } from '../../http/ranges.ts';
import { contentTypeOf, SNIFF_BYTES } from '../../http/sniff.ts';
import {
  API_VERSION,
  etagOf,
  requestedRange,
  sizeHeaders,
  storedContentType,
  storedSize,
} from '../../http/stored-object.ts';
import type { RegistryTable } from '../../origin/registry-table.ts';
import type { ContentStore } from '../../parts.ts';
import type { ManifestSource } from '../../prefetch/manifest-reader.ts';
import { isRepository } from '../../repository.ts';
import type { DescriptorReader } from '../../sessions/context.ts';
import type { FetchSession } from '../../sessions/fetch-session.ts';
import type { FetchSessions } from '../../sessions/fetch-sessions.ts';
import type { CoordinationSettings } from '../../settings.ts';
import type { ByteRange, Digest, ObjectKind } from '../../types.ts';
import { answerToFailure, errorBody } from '../answers.ts';
import type { HeadLookup } from '../head-lookup.ts';
import { firstChunk, untilGone } from './first-chunk.ts';

type Source = 'cache' | 'peer' | 'origin' | 'none';
type Headers = Readonly<Record<string, string>>;

export interface MirrorParts {
  readonly store: Pick<ContentStore, 'size' | 'open'>;
  readonly sessions: Pick<FetchSessions, 'fetch'>;
  readonly heads: Pick<HeadLookup, 'find'>;
  readonly registries: Pick<RegistryTable, 'forNamespace'>;
  readonly descriptors?: DescriptorReader;
  /** A manifest was served or got: its children may be wanted next (11). */
  readonly onManifest?: (source: ManifestSource) => void;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly events: EventBus<CoordinationEvents>;
  readonly options: Pick<CoordinationSettings, 'errorMode' | 'headManifestPull'>;
}

/** One request for content, and what is said about it afterwards. */
interface Ask extends ManifestSource {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: ContentPath['kind'];
  readonly kind: ObjectKind;
  readonly startedAt: number;
  /** Monotonic, when the headers were sent. */
  headersAt: number | undefined;
}

export class MirrorHandler {
  readonly #parts: MirrorParts;
  #isDraining = false;
  #isOpen = false;

  constructor(parts: MirrorParts) {
    this.#parts = parts;
  }

  openGate(): void {
    this.#isOpen = true;
  }

  drain(): void {
    this.#isDraining = true;
  }

  /** Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    request.on('error', () => {});
    request.resume();
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'a request to the mirror failed');
      if (response.headersSent) cutOff(response);
      else this.#error(response, { status: 502, code: 'UNAVAILABLE', message: 'it could not be fetched' });
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path, ns } = splitTarget(request.url ?? '');
    if (path === '/healthz') return this.#text(response, 200, 'text/plain; charset=utf-8', 'ok');
    const unavailable = { status: 503, code: 'UNAVAILABLE' };
    if (path === '/v2' || path.startsWith('/v2/')) {
      if (this.#isDraining) return this.#error(response, { ...unavailable, message: 'agent shutting down' });
      if (!this.#isOpen) {
        return this.#error(response, { ...unavailable, message: 'agent starting up', retryAfterS: 5 });
      }
    }
    if (path === '/v2' || path === '/v2/') return this.#text(response, 200, 'application/json', '{}');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const message = 'only GET and HEAD are answered';
      return this.#error(response, { status: 405, code: 'UNSUPPORTED', message }, { allow: 'GET, HEAD' });
    }
    const content = parseContentPath(path);
    const registry = this.#parts.registries.forNamespace(ns)?.name;
    const notFound = { status: 404, code: 'NAME_UNKNOWN', message: 'not found' };
    if (content === undefined || registry === undefined) return this.#error(response, notFound);
    const reference = readReference(content.reference);
    // 503, not 404: the runtime goes on to its next mirror only then (F9).
    if (reference.kind === 'tag') return this.#text(response, 503, undefined, '');
    if (reference.kind === 'bad-digest') {
      return this.#error(response, { status: 400, code: 'DIGEST_INVALID', message: 'invalid digest' });
    }
    if (!isRepository(content.repository)) return this.#error(response, notFound);
    const { digest } = reference;
    const known = this.#parts.descriptors?.get(digest)?.kind;
    const kind = content.kind === 'manifest' ? 'manifest' : known === 'config' ? 'config' : 'blob';
    await this.#serve({
      request,
      response,
      digest,
      kind,
      path: content.kind,
      registry,
      repository: content.repository,
      startedAt: this.#parts.clock.monotonic(),
      headersAt: undefined,
    });
  }

  async #serve(ask: Ask): Promise<void> {
    const isHit = await this.#serveStored(ask);
    this.#parts.events.publish('mirror.looked-up', { isHit });
    if (isHit) return;
    try {
      if (ask.request.method === 'HEAD') await this.#head(ask);
      else await this.#get(ask);
    } catch (error) {
      if (ask.response.headersSent || isGone(ask.response)) {
        cutOff(ask.response);
        this.#report(ask, 'none', 0, false);
        return;
      }
      const { errorMode: mode } = this.#parts.options;
      const answer = answerToFailure(error, { mode, kind: ask.kind, now: this.#parts.clock.now() });
      const { digest, registry, repository: repo, kind } = ask;
      this.#parts.logger.debug({ digest, registry, repo, kind, err: error }, 'an object could not be served');
      this.#error(ask.response, answer);
      this.#report(ask, 'none', 0, true);
    }
  }

  // From the store

  /** False when it is not there, or cannot be read. */
  async #serveStored(ask: Ask): Promise<boolean> {
    const { store, descriptors, logger } = this.#parts;
    const { digest, path, request } = ask;
    try {
      const size = await storedSize(store, digest);
      if (size === undefined) return false;
      const { answer, status, length, headers } = sizeHeaders(requestedRange(request, digest), size);
      const type = await storedContentType(store, { digest, size, path }, descriptors?.get(digest));
      const all = { ...contentHeaders(digest, type, 'cache'), ...headers };
      if (status === 416 || request.method === 'HEAD') {
        this.#writeHead(ask, status, all);
        ask.response.end();
        this.#report(ask, 'cache', 0, true);
      } else {
        const { body } =
          answer.kind === 'part' ? await store.open(digest, answer.range) : await store.open(digest);
        this.#writeHead(ask, status, all);
        await this.#send(ask, 'cache', body, length);
      }
      if (ask.kind === 'manifest') this.#parts.onManifest?.(ask);
      return true;
    } catch (error) {
      if (ask.response.headersSent) throw error;
      if (errorCode(error) !== 'CONTENT_NOT_FOUND') {
        logger.warn({ digest, err: error }, 'the store could not be read; going on as if it did not have it');
      }
      return false;
    }
  }

  // By a session

  async #get(ask: Ask): Promise<void> {
    const { digest, kind, registry, repository, request, response } = ask;
    const session = this.#parts.sessions.fetch({ digest, kind, registry, repository });
    session.join();
    try {
      const asked = requestedRange(request, digest);
      if (asked === undefined) await this.#sendWhole(ask, session);
      else {
        const size = await untilGone(response, session.whenSize());
        const answer = applyRange(asked, size);
        if (answer.kind === 'part') await this.#sendPart(ask, session, { size, range: answer.range });
        else {
          const { status, headers } = sizeHeaders(asked, size);
          this.#writeHead(ask, status, {
            ...contentHeaders(digest, 'text/plain', session.source),
            ...headers,
          });
          response.end();
          this.#report(ask, session.source, 0, true);
        }
      }
    } finally {
      session.leave();
    }
    if (kind === 'manifest') this.#offerWhenDone(ask, session);
  }

  /** Nothing is sent before the first byte is here: until then an error can be told. */
  async #sendWhole(ask: Ask, session: FetchSession): Promise<void> {
    const { response, digest, path } = ask;
    const first = await firstChunk(response, session.read());
    const size = await sizeIfKnown(session);
    const known = this.#parts.descriptors?.get(digest)?.mediaType;
    const prefix = (first.chunk ?? new Uint8Array(0)).subarray(0, SNIFF_BYTES);
    const type = contentTypeOf({ known, path, prefix });
    const length = size === undefined ? {} : { 'content-length': String(size) };
    const { source } = session;
    this.#writeHead(ask, 200, { ...contentHeaders(digest, type, source), ...length });
    await this.#send(ask, source, first.body, size);
  }

  async #sendPart(
    ask: Ask,
    session: FetchSession,
    { size, range }: { readonly size: number; readonly range: ByteRange },
  ): Promise<void> {
    const { digest, path, response } = ask;
    const known = this.#parts.descriptors?.get(digest)?.mediaType;
    const body = session.read(range);
    // What begins in the middle may have to be waited for: the client is told at once that it will come.
    const isEarly = range.start > 0 && session.receivedBytes > 0;
    const first = isEarly ? { body, chunk: undefined } : await firstChunk(response, body);
    const prefix = range.start === 0 ? first.chunk : undefined;
    const { source } = session;
    this.#writeHead(ask, 206, {
      ...contentHeaders(digest, contentTypeOf({ known, path, prefix }), source),
      'content-length': String(range.end + 1 - range.start),
      'content-range': `bytes ${range.start}-${range.end}/${size}`,
    });
    if (isEarly) response.flushHeaders();
    await this.#send(ask, source, first.body, range.end + 1 - range.start);
  }

  #offerWhenDone(ask: ManifestSource, session: FetchSession): void {
    session.done.then(
      () => this.#parts.onManifest?.(ask),
      () => {},
    );
  }

  // HEAD (13.6)

  async #head(ask: Ask): Promise<void> {
    const { digest, kind, registry, repository, response, path } = ask;
    if (kind === 'manifest' && this.#parts.options.headManifestPull) {
      const session = this.#parts.sessions.fetch({ digest, kind, registry, repository });
      session.join();
      try {
        await untilGone(response, session.done);
      } finally {
        session.leave();
      }
      if (await this.#serveStored(ask)) return;
      const type = contentTypeOf({ known: undefined, path, prefix: undefined });
      return this.#answerHead(ask, await session.whenSize(), type, session.source);
    }
    const abort = new AbortController();
    const onClose = (): void => abort.abort(new Error('the client went away'));
    response.once('close', onClose);
    try {
      const { size, source } = await this.#parts.heads.find({
        digest,
        kind,
        registry,
        repository,
        signal: abort.signal,
      });
      const known = this.#parts.descriptors?.get(digest)?.mediaType;
      this.#answerHead(ask, size, contentTypeOf({ known, path, prefix: undefined }), source);
    } finally {
      response.off('close', onClose);
    }
  }

  #answerHead(ask: Ask, size: number, type: string, source: Exclude<Source, 'none'>): void {
    this.#writeHead(ask, 200, {
      ...contentHeaders(ask.digest, type, source),
      'content-length': String(size),
    });
    ask.response.end();
    this.#report(ask, source, 0, true);
  }

  // Answers

  async #send(
    ask: Ask,
    source: Source,
    body: AsyncIterable<Uint8Array>,
    length: number | undefined,
  ): Promise<void> {
    const { timers } = this.#parts;
    const { bytes, isComplete, error } = await writeBody(ask.response, body, { timers, length });
    if (error !== undefined) this.#logCut(ask, source, bytes, error);
    this.#report(ask, source, bytes, isComplete);
  }

  /** That a client has got bytes of an object that turned out wrong is an error, although it never got them all (23). */
  #logCut(
    { digest, registry, repository: repo, kind }: Ask,
    source: Source,
    bytes: number,
    err: unknown,
  ): void {
    const { logger } = this.#parts;
    const fields = { digest, registry, repo, kind, source, bytes, err };
    if (bytes > 0 && errorCode(err) === 'DIGEST_MISMATCH') {
      logger.error(fields, 'bytes that are not those of the digest had reached a client; it was cut off');
    } else logger.debug(fields, 'an answer was cut off');
  }

  #writeHead(ask: Ask, status: number, headers: Headers): void {
    ask.headersAt = this.#parts.clock.monotonic();
    ask.response.writeHead(status, { ...headers, ...this.#closing() });
  }

  #report(ask: Ask, source: Source, bytes: number, isComplete: boolean): void {
    const { events, clock } = this.#parts;
    const now = clock.monotonic();
    events.publish('mirror.served', {
      method: ask.request.method ?? '',
      kind: ask.kind,
      source,
      code: ask.response.statusCode,
      bytes,
      ms: now - ask.startedAt,
      firstByteMs: (ask.headersAt ?? now) - ask.startedAt,
      isComplete,
    });
  }

  #closing(): Headers {
    return this.#isDraining ? { connection: 'close' } : {};
  }

  #error(
    response: ServerResponse,
    answer: {
      readonly status: number;
      readonly code: string;
      readonly message: string;
      readonly retryAfterS?: number;
    },
    headers: Headers = {},
  ): void {
    const retry = answer.retryAfterS === undefined ? {} : { 'retry-after': String(answer.retryAfterS) };
    this.#text(response, answer.status, 'application/json', errorBody(answer), { ...headers, ...retry });
  }

  #text(
    response: ServerResponse,
    status: number,
    type: string | undefined,
    body: string,
    headers: Headers = {},
  ): void {
    if (isGone(response) || response.headersSent) return;
    response.writeHead(status, {
      ...API_VERSION,
      ...(type === undefined ? {} : { 'content-type': type }),
      'content-length': String(Buffer.byteLength(body)),
      ...headers,
      ...this.#closing(),
    });
    response.end(response.req.method === 'HEAD' ? undefined : body);
  }
}

function contentHeaders(digest: Digest, type: string, source: Source): Headers {
  return {
    ...API_VERSION,
    'docker-content-digest': digest,
    'content-type': type,
    etag: etagOf(digest),
    'accept-ranges': 'bytes',
    'gantry-source': source,
  };
}

/** The size, if a source has told it by now. */
async function sizeIfKnown(session: FetchSession): Promise<number | undefined> {
  const unknown = new Promise<undefined>((resolve) => {
    setImmediate(() => resolve(undefined));
  });
  return Promise.race([session.whenSize(), unknown]);
}
