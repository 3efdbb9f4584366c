/**
 * Requests to the transfer endpoints of other nodes (coordination spec 14.4), over HTTP/1.1 with connections that are kept.
 *
 * Fault model: the other side may be gone, silent, slow or hostile at any byte. Connecting, headers, and every wait for bytes are
 * bounded in time, headers in size; redirects are not followed. What it says of sizes and ranges is handed on as its claim.
 */

import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { errorCode, type Clock, type TimerHandle, type Timers } from '@muster/core';
import { parseContentLength, parseContentRange } from '../../origin/content-range.ts';
import { parseRetryAfter } from '../../origin/failure.ts';
import { isRepository } from '../../repository.ts';
import type { CoordinationSettings } from '../../settings.ts';
import { isMediaType } from '../../http/sniff.ts';
import {
  ACCEPT_PARTIAL,
  ALTERNATES,
  MIRRORED,
  NODE,
  PARTIAL,
  TOKEN,
  isTransferAddress,
  parseAlternates,
} from '../headers.ts';
import type { PeerReply, PeerRequest, PeerTransfer } from '../peer-transfer.ts';

const MAX_HEADER_BYTES = 32_768;
const FREE_SOCKETS_PER_PEER = 4;
const IDLE_SOCKET_MS = 90_000;
const PARTIAL_HEADER_MS = 10_000;
const HEAD_MS = 2_000;
/** Bytes that are read at a time: fewer, larger writes to the disk. */
const READ_BYTES = 524_288;

export interface PeerClientOptions extends Pick<
  CoordinationSettings,
  'peerConnectMs' | 'peerHeaderMs' | 'peerIdleMs'
> {
  /** The own node id. */
  readonly nodeId: string;
  readonly token?: string;
}

export interface PeerClientParts {
  readonly clock: Pick<Clock, 'now'>;
  readonly timers: Timers;
  readonly options: PeerClientOptions;
}

type HeadRequest = Omit<PeerRequest, 'offset' | 'acceptsPartial'>;

export class PeerClient implements PeerTransfer {
  readonly #parts: PeerClientParts;
  readonly #agent: Agent;

  constructor(parts: PeerClientParts) {
    this.#parts = parts;
    // The size goes to the sockets, and from them to the bodies.
    const reading: object = { readableHighWaterMark: READ_BYTES, noDelay: true };
    this.#agent = new Agent({
      keepAlive: true,
      maxFreeSockets: FREE_SOCKETS_PER_PEER,
      timeout: IDLE_SOCKET_MS,
      ...reading,
    });
  }

  /** Closes the connections that nobody uses. */
  close(): void {
    this.#agent.destroy();
  }

  async open(request: PeerRequest): Promise<PeerReply> {
    const headers: Record<string, string> = {};
    if (request.offset > 0) headers['range'] = `bytes=${request.offset}-`;
    if (request.acceptsPartial) headers[ACCEPT_PARTIAL] = '1';
    const { peerHeaderMs } = this.#parts.options;
    const headerMs = request.acceptsPartial ? Math.max(peerHeaderMs, PARTIAL_HEADER_MS) : peerHeaderMs;
    let incoming: IncomingMessage;
    try {
      incoming = await this.#send('GET', request, headers, headerMs);
    } catch (error) {
      request.signal.throwIfAborted();
      // Something has answered, but not in HTTP.
      if ((errorCode(error) ?? '').startsWith('HPE_')) return { kind: 'refused', outcome: 'protocol' };
      return { kind: 'unreachable', reason: reasonOf(error) };
    }
    return this.#replyOf(request, incoming);
  }

  async head(
    request: HeadRequest,
  ): Promise<{ readonly size: number; readonly mediaType: string | undefined } | undefined> {
    try {
      const incoming = await this.#send('HEAD', request, {}, HEAD_MS);
      incoming.resume();
      const size = parseContentLength(incoming.headers['content-length']);
      if (incoming.statusCode !== 200 || size === undefined) return undefined;
      const type = incoming.headers['content-type'] ?? '';
      return { size, mediaType: isMediaType(type) ? type : undefined };
    } catch {
      request.signal.throwIfAborted();
      return undefined;
    }
  }

  #replyOf(request: PeerRequest, incoming: IncomingMessage): PeerReply {
    const { statusCode: status = 0, headers } = incoming;
    const refused = (reply: Omit<Extract<PeerReply, { kind: 'refused' }>, 'kind'>): PeerReply => {
      discard(incoming);
      return { kind: 'refused', ...reply };
    };
    const isPartial = headers[PARTIAL] === '1';
    if (status === 206) {
      const range = parseContentRange(headers['content-range']);
      if (range === undefined || range.start !== request.offset) return refused({ outcome: 'protocol' });
      const { start: offset, size } = range;
      return { kind: 'body', offset, size, isPartial, body: this.#bodyOf(incoming, request.signal) };
    }
    if (status === 200) {
      const size = parseContentLength(headers['content-length']);
      return { kind: 'body', offset: 0, size, isPartial, body: this.#bodyOf(incoming, request.signal) };
    }
    if (status === 404) return refused({ outcome: 'notfound' });
    if (status === 429) {
      const retryAfterMs = parseRetryAfter(headers['retry-after'], this.#parts.clock.now());
      const alternates = parseAlternates(textOf(headers[ALTERNATES]));
      return refused({
        outcome: 'busy',
        alternates,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    }
    if (status === 401 || status === 403) return refused({ outcome: 'auth' });
    return refused({ outcome: status >= 500 ? 'server' : 'protocol' });
  }

  /** A kept connection may have been closed by the other side at this very moment; then once more on a new one. */
  async #send(
    method: 'GET' | 'HEAD',
    request: HeadRequest,
    headers: Readonly<Record<string, string>>,
    headerMs: number,
  ): Promise<IncomingMessage> {
    const first = this.#begin(method, request, headers, true);
    try {
      return await this.#answerOf(first, request.signal, headerMs);
    } catch (error) {
      request.signal.throwIfAborted();
      const code = errorCode(error);
      if (!first.reusedSocket || (code !== 'ECONNRESET' && code !== 'EPIPE')) throw error;
    }
    return this.#answerOf(this.#begin(method, request, headers, false), request.signal, headerMs);
  }

  #begin(
    method: 'GET' | 'HEAD',
    { provider, digest, kind, repository, signal }: HeadRequest,
    headers: Readonly<Record<string, string>>,
    isPooled: boolean,
  ): ClientRequest {
    if (!isTransferAddress(provider.addr)) throw new Error('no transfer address');
    const { nodeId, token } = this.#parts.options;
    const name = isRepository(repository) ? repository : '_';
    const family = kind === 'manifest' ? 'manifests' : 'blobs';
    const all: Record<string, string> = { ...headers, accept: '*/*', [MIRRORED]: '1', [NODE]: nodeId };
    if (token !== undefined) all[TOKEN] = token;
    return httpRequest(new URL(`http://${provider.addr}/v2/${name}/${family}/${digest}`), {
      method,
      headers: all,
      signal,
      maxHeaderSize: MAX_HEADER_BYTES,
      agent: isPooled ? this.#agent : new Agent({ keepAlive: false }),
    });
  }

  async #answerOf(outgoing: ClientRequest, signal: AbortSignal, headerMs: number): Promise<IncomingMessage> {
    const { timers, options } = this.#parts;
    const late = (what: string, ms: number): TimerHandle =>
      timers.after(ms, () => outgoing.destroy(new Error(`${what} within ${ms} ms`)));
    let timer = late('no connection', options.peerConnectMs);
    try {
      return await new Promise<IncomingMessage>((resolve, reject) => {
        const connected = (): void => {
          timer.cancel();
          timer = late('no headers', headerMs);
        };
        outgoing.once('socket', (socket) => {
          if (outgoing.reusedSocket || !socket.connecting) connected();
          else socket.once('connect', connected);
        });
        outgoing.once('response', resolve);
        outgoing.once('upgrade', (_reply, socket) => {
          socket.destroy();
          reject(new Error('the node changes the protocol'));
        });
        // It stays: an error behind the headers must not become an uncaught one.
        outgoing.on('error', (error) => reject(signal.aborted ? signal.reason : error));
        outgoing.end();
      });
    } finally {
      timer.cancel();
    }
  }

  async *#bodyOf(incoming: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const { timers, options } = this.#parts;
    const chunks = (incoming as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    try {
      for (;;) {
        // While we wait for the node only, not while the disk makes it wait.
        const timer = timers.after(options.peerIdleMs, () =>
          incoming.destroy(new Error(`no byte for ${options.peerIdleMs} ms`)),
        );
        let next: IteratorResult<Buffer, unknown>;
        try {
          next = await chunks.next();
        } finally {
          timer.cancel();
        }
        if (next.done === true) return;
        yield next.value;
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error;
    } finally {
      if (!incoming.complete) incoming.destroy();
    }
  }
}

/** Reads a short rest, so that the connection can be used again; anything longer ends it. */
function discard(incoming: IncomingMessage): void {
  incoming.on('error', () => {});
  const length = parseContentLength(incoming.headers['content-length']);
  if (length !== undefined && length <= MAX_HEADER_BYTES) incoming.resume();
  else incoming.destroy();
}

function reasonOf(error: unknown): string {
  return errorCode(error) ?? (error instanceof Error ? error.message : 'unknown');
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}
