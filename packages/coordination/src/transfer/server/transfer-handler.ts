import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { errorCode, type Clock, type EventBus, type Logger, type Timers } from '@muster/core';
import type { CoordinationEvents } from '../../events.ts';
import { cutOff, endWith, isGone, writeBody, writeHead, type Response } from '../../http/body-writer.ts';
import { parseContentPath, readReference, splitTarget } from '../../http/paths.ts';
import { OCTET_STREAM } from '../../http/sniff.ts';
import {
  API_VERSION,
  requestedRange,
  sizeHeaders,
  storedContentType,
  storedSize,
} from '../../http/stored-object.ts';
import type { ClusterMembers, ContentStore, Download, Downloads, InFlightReader } from '../../parts.ts';
import type { DescriptorReader } from '../../sessions/context.ts';
import type { CoordinationSettings } from '../../settings.ts';
import type { Digest, ObjectKind } from '../../types.ts';
import { PullWatch } from '../../inflight/pull-watch.ts';
import { Admission } from '../admission.ts';
import { ACCEPT_PARTIAL, ALTERNATES, MIRRORED, NODE, PARTIAL, TOKEN } from '../headers.ts';

type Request = IncomingMessage | Http2ServerRequest;
type Headers = Readonly<Record<string, string>>;

/** Objects up to this size are served without being counted. */
const SMALL_BYTES = 1_048_576;
/** A pull that has no byte yet is waited for, for less than the asking node waits for headers. */
const FIRST_BYTE_MS = 8_000;
const LOOK_MS = 50;
const MAX_NODE_LENGTH = 253;

export interface TransferParts {
  readonly store: Pick<ContentStore, 'size' | 'open'>;
  /** A further place that has whole objects (19). */
  readonly secondary?: Pick<ContentStore, 'size' | 'open'>;
  readonly downloads: Pick<Downloads, 'get'>;
  readonly inflight?: InFlightReader;
  readonly members: Pick<ClusterMembers, 'snapshot'>;
  readonly descriptors?: DescriptorReader;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly events: EventBus<CoordinationEvents>;
  readonly options: Pick<
    CoordinationSettings,
    'transferMaxServes' | 'transferFanoutPerDigest' | 'partialTransfer'
  >;
}

interface Ask {
  readonly request: Request;
  readonly response: Response;
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly path: 'manifest' | 'blob';
  readonly nodeId: string;
}

/** Answers the requests of 14.2, whichever HTTP they come by. */
export class TransferHandler {
  readonly #parts: TransferParts;
  readonly #isAuthorized: (token: string | undefined) => boolean;
  readonly #admission: Admission;
  #isStopped = false;

  constructor(parts: TransferParts, isAuthorized: (token: string | undefined) => boolean) {
    this.#parts = parts;
    this.#isAuthorized = isAuthorized;
    this.#admission = new Admission({
      maxServes: parts.options.transferMaxServes,
      fanoutPerDigest: parts.options.transferFanoutPerDigest,
    });
  }

  get activeServes(): number {
    return this.#admission.active;
  }

  /** Connections are closed with their answers from now on. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Never rejects. */
  async handle(request: Request, response: Response): Promise<void> {
    response.on('error', () => {});
    request.on('error', () => {});
    request.resume();
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'a transfer failed');
      const isUnavailable = errorCode(error) === 'STORAGE_UNAVAILABLE';
      if (response.headersSent) cutOff(response);
      else this.#answer(response, isUnavailable ? 503 : 500, 'the object cannot be read');
    }
  }

  async #route(request: Request, response: Response): Promise<void> {
    const { method, headers } = request;
    const { path } = splitTarget(request.url ?? '');
    if (path === '/healthz') return this.#answer(response, 200, 'ok');
    if (path === '/v2' || path === '/v2/') {
      return this.#answer(response, 200, '{}', { 'content-type': 'application/json' });
    }
    if (method !== 'GET' && method !== 'HEAD') {
      return this.#answer(response, 405, 'method not allowed', { allow: 'GET, HEAD' });
    }
    if (headers[MIRRORED] !== '1') return this.#answer(response, 400, 'missing Gantry-Mirrored header');
    if (!this.#isAuthorized(textOf(headers[TOKEN]))) return this.#answer(response, 401, 'wrong token');
    const content = parseContentPath(path);
    if (content === undefined) return this.#answer(response, 404, 'not found');
    const reference = readReference(content.reference);
    if (reference.kind === 'tag') return this.#answer(response, 404, 'not found');
    if (reference.kind === 'bad-digest') return this.#answer(response, 400, 'invalid digest');
    const { digest } = reference;
    const known = this.#parts.descriptors?.get(digest)?.kind;
    const kind = content.kind === 'manifest' ? 'manifest' : (known ?? 'blob');
    const nodeId = (textOf(headers[NODE]) ?? '').slice(0, MAX_NODE_LENGTH);
    await this.#serve({ request, response, digest, kind, path: content.kind, nodeId });
  }

  async #serve(ask: Ask): Promise<void> {
    if (await this.#serveStored(ask)) return;
    const { request, response, digest, nodeId } = ask;
    const isPartialWanted = request.method === 'GET' && request.headers[ACCEPT_PARTIAL] === '1';
    if (isPartialWanted && this.#parts.options.partialTransfer && this.#isComing(digest)) {
      const leave = this.#admission.enter(digest, nodeId, this.#parts.clock.monotonic());
      if (leave === undefined) return this.#refuse(ask);
      try {
        if (await this.#servePartial(ask)) return;
      } finally {
        leave();
      }
    }
    this.#parts.events.publish('transfer.missed', {});
    this.#answer(response, 404, 'not found');
  }

  // Whole objects

  /** False when it is nowhere. */
  async #serveStored(ask: Ask): Promise<boolean> {
    const { store, secondary, clock } = this.#parts;
    for (const source of secondary === undefined ? [store] : [store, secondary]) {
      const size = await storedSize(source, ask.digest);
      if (size === undefined) continue;
      const isCounted = ask.request.method === 'GET' && ask.path === 'blob' && size > SMALL_BYTES;
      const leave = isCounted
        ? this.#admission.enter(ask.digest, ask.nodeId, clock.monotonic())
        : (): void => {};
      if (leave === undefined) {
        this.#refuse(ask);
        return true;
      }
      try {
        if (await this.#sendStored(ask, source, size)) return true;
      } finally {
        leave();
      }
    }
    return false;
  }

  async #sendStored(ask: Ask, source: Pick<ContentStore, 'open'>, size: number): Promise<boolean> {
    const { digest, response, request, path } = ask;
    try {
      const { answer, status, length, headers } = sizeHeaders(requestedRange(request, digest), size);
      const known = this.#parts.descriptors?.get(digest);
      const type = await storedContentType(source, { digest, size, path }, known);
      const all = { ...this.#contentHeaders(digest), ...headers, 'content-type': type };
      if (status === 416 || request.method === 'HEAD') {
        writeHead(response, status, all);
        response.end();
        if (status === 200) this.#served(ask, 0, { isPartial: false, isComplete: true });
        return true;
      }
      const { body } =
        answer.kind === 'part' ? await source.open(digest, answer.range) : await source.open(digest);
      await this.#send(ask, status, all, body, { length, isPartial: false });
      return true;
    } catch (error) {
      // It has been evicted between the two questions.
      if (errorCode(error) === 'CONTENT_NOT_FOUND' && !response.headersSent) return false;
      throw error;
    }
  }

  async #send(
    ask: Ask,
    status: number,
    headers: Headers,
    body: AsyncIterable<Uint8Array>,
    { length, isPartial }: { readonly length: number | undefined; readonly isPartial: boolean },
  ): Promise<void> {
    const { response, digest } = ask;
    writeHead(response, status, { ...headers, ...this.#closing(response) });
    // The first byte may be long in coming; the client waits for the headers, for less time.
    if (isPartial && !('stream' in response)) response.flushHeaders();
    const { timers, logger } = this.#parts;
    const outcome = await writeBody(response, body, { timers, length });
    if (outcome.error !== undefined) {
      logger.debug({ digest, peer: ask.nodeId, err: outcome.error }, 'a transfer was cut off');
    }
    this.#served(ask, outcome.bytes, { isPartial, isComplete: outcome.isComplete });
  }

  // Objects in progress (14.5)

  /**
   * Whether bytes of the object are here or on their way: a pull runs or is queued, or somebody is asked for them. A session that
   * only looks for a source has nothing to give (14.5): whoever waited for it would look no further, for two such nodes in vain.
   */
  #isComing(digest: Digest): boolean {
    const { downloads, inflight, clock } = this.#parts;
    const download = downloads.get(digest);
    if (
      download !== undefined &&
      (download.receivedBytes > 0 || download.isFed || download.state !== 'open')
    ) {
      return true;
    }
    return inflight?.lookup(digest, clock.now()) !== undefined;
  }

  /** False when there is nothing to be had, or when the asking node is where it comes from. */
  async #servePartial(ask: Ask): Promise<boolean> {
    const { digest, response, request, nodeId } = ask;
    const isLoop = ({ source }: Download): boolean =>
      nodeId !== '' && source?.kind === 'peer' && source.nodeId === nodeId;
    const download = await this.#downloadWithBytes(ask, isLoop);
    if (isGone(response)) return true;
    if (download === 'stored') return this.#sendWhenStored(ask);
    if (download === 'later') {
      this.#answer(response, 429, 'nothing received yet', { 'retry-after': '1' });
      return true;
    }
    if (download === undefined || isLoop(download)) return false;
    const { size } = download;
    const common = {
      ...this.#contentHeaders(digest),
      'content-type': this.#parts.descriptors?.get(digest)?.mediaType ?? OCTET_STREAM,
      [PARTIAL]: '1',
    };
    const range = requestedRange(request, digest);
    if (size === undefined) {
      if (range !== undefined && (range.kind === 'suffix' || range.start > 0)) return false;
      await this.#send(ask, 200, common, download.read(), { length: undefined, isPartial: true });
      return true;
    }
    const { answer, status, length, headers } = sizeHeaders(range, size);
    if (answer.kind === 'unsatisfiable') {
      writeHead(response, status, { ...common, ...headers });
      response.end();
      return true;
    }
    const body = answer.kind === 'part' ? download.read(answer.range) : download.read();
    await this.#send(ask, status, { ...common, ...headers }, body, { length, isPartial: true });
    return true;
  }

  async #sendWhenStored(ask: Ask): Promise<boolean> {
    const size = await storedSize(this.#parts.store, ask.digest);
    return size !== undefined && (await this.#sendStored(ask, this.#parts.store, size));
  }

  /** The download as soon as it has a byte; `stored` when it was over before; `later` when it takes too long. */
  async #downloadWithBytes(
    { digest, response }: Ask,
    isLoop: (download: Download) => boolean,
  ): Promise<Download | 'stored' | 'later' | undefined> {
    const { downloads, timers, clock, store, inflight } = this.#parts;
    const watch = inflight === undefined ? undefined : new PullWatch({ inflight, clock, timers }, digest);
    const until = clock.monotonic() + FIRST_BYTE_MS;
    for (;;) {
      const download = downloads.get(digest);
      if (download !== undefined && (download.receivedBytes > 0 || download.state === 'committed')) {
        return download;
      }
      if (download !== undefined && isLoop(download)) return undefined;
      if (!this.#isComing(digest)) {
        return (await storedSize(store, digest)) === undefined ? undefined : 'stored';
      }
      if (isGone(response)) return undefined;
      if (clock.monotonic() >= until) return 'later';
      await (watch === undefined ? timers.sleep(LOOK_MS) : watch.pause(LOOK_MS));
    }
  }

  // Answers

  #refuse({ digest, nodeId, response }: Ask): void {
    const { members, clock, events } = this.#parts;
    events.publish('transfer.busy', {});
    const nodes = members.snapshot();
    const addresses = this.#admission
      .alternates(digest, nodeId, clock.monotonic())
      .map((id) => nodes.find((node) => node.id === id)?.addr ?? '')
      .filter((addr) => addr !== '');
    this.#answer(response, 429, 'busy', {
      'retry-after': '1',
      ...(addresses.length === 0 ? {} : { [ALTERNATES]: addresses.join(', ') }),
    });
  }

  #contentHeaders(digest: Digest): Headers {
    return {
      ...API_VERSION,
      'docker-content-digest': digest,
      'accept-ranges': 'bytes',
    };
  }

  /** HTTP/2 has another way to say so, and forbids this one. */
  #closing(response: Response): Headers {
    return this.#isStopped && !('stream' in response) ? { connection: 'close' } : {};
  }

  #served(
    { kind }: Ask,
    bytes: number,
    how: { readonly isPartial: boolean; readonly isComplete: boolean },
  ): void {
    this.#parts.events.publish('transfer.served', { kind, bytes, ...how });
  }

  #answer(response: Response, status: number, body: string, headers: Headers = {}): void {
    if (response.headersSent || isGone(response)) return;
    writeHead(response, status, {
      ...API_VERSION,
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      ...headers,
      ...this.#closing(response),
    });
    endWith(response, response.req.method === 'HEAD' ? undefined : body);
  }
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
