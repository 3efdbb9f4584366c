/**
 * The origin registry: HTTP as the real origin client sees it, with rates, tokens and faults, and an exact count of what
 * was asked for. It never alters content unless a fault says so.
 */

import {
  ConnectFailure,
  type Digest,
  type OriginHttp,
  type OriginReply,
  type OriginRequest,
  RequestFailure,
} from '@muster/coordination';
import type { SimProcess } from '../../kernel/index.ts';
import type { SimNetwork } from '../../network/index.ts';
import type { SimImage, SimObject } from '../images.ts';
import { objectsOf } from '../images.ts';
import { PacedLine, scaledRate } from '../scale.ts';

export const ORIGIN_HOST = 'origin';
const ENDPOINT = 'http://origin.sim';
const REALM = `${ENDPOINT}/token`;
/** Pieces in which bodies are sent. */
const PIECE_BYTES = 16_384;

/** What goes wrong with one request. Absent: nothing. */
export interface OriginFault {
  readonly status?: number;
  readonly retryAfterS?: number;
  /** The body breaks off after so many bytes. */
  readonly cutAfter?: number;
  /** Nothing more comes after so many bytes. */
  readonly stallAfter?: number;
  readonly isCorrupt?: boolean;
  /** No connection comes about. */
  readonly isRefused?: boolean;
}

export interface OriginAsk {
  readonly digest: Digest;
  readonly host: string;
  readonly offset: number;
  /** How many GET requests for the digest there were before. */
  readonly before: number;
}

/** What was asked of the origin for one digest. */
export interface OriginCount {
  gets: number;
  heads: number;
  /** Bodies that were begun at their first byte. */
  reads: number;
  resumed: number;
  bytes: number;
  readonly hosts: Set<string>;
}

export interface OriginOptions {
  /** Real bytes a second, for all together. @default 250 MB/s */
  readonly bytesPerSecond?: number;
  /** Real bytes a second of one body. @default 125 MB/s */
  readonly bodyBytesPerSecond?: number;
  /** Asks for a token first. @default true */
  readonly hasTokens?: boolean;
}

export class SimOrigin {
  readonly endpoint = new URL(ENDPOINT);
  readonly counts = new Map<Digest, OriginCount>();
  tokens = 0;
  fault: (ask: OriginAsk) => OriginFault | undefined = () => undefined;
  readonly #network: SimNetwork;
  readonly #objects = new Map<Digest, SimObject>();
  readonly #line: PacedLine;
  readonly #bodyRate: number;
  readonly #hasTokens: boolean;

  constructor(network: SimNetwork, options: OriginOptions = {}) {
    this.#network = network;
    this.#line = new PacedLine(scaledRate(options.bytesPerSecond ?? 250e6));
    this.#bodyRate = scaledRate(options.bodyBytesPerSecond ?? 125e6);
    this.#hasTokens = options.hasTokens ?? true;
  }

  add(...images: readonly SimImage[]): void {
    for (const image of images)
      for (const object of objectsOf(image)) this.#objects.set(object.digest, object);
  }

  objectOf(digest: Digest): SimObject | undefined {
    return this.#objects.get(digest);
  }

  count(digest: Digest): OriginCount {
    let count = this.counts.get(digest);
    if (count === undefined) {
      count = { gets: 0, heads: 0, reads: 0, resumed: 0, bytes: 0, hosts: new Set() };
      this.counts.set(digest, count);
    }
    return count;
  }

  get requests(): number {
    return [...this.counts.values()].reduce((sum, { gets, heads }) => sum + gets + heads, 0);
  }

  /** The origin as one process on a host reaches it. */
  httpFor(process: SimProcess, host: string): OriginHttp {
    return async (request) => {
      await process.sleep(this.#network.links.deliveryMs(host, ORIGIN_HOST, 300), request.signal);
      if (this.#network.isCut(host, ORIGIN_HOST)) {
        await process.sleep(10_000, request.signal);
        throw new ConnectFailure({ failureClass: 'transient' }, 'no connection');
      }
      const reply = this.#answer(request, process, host);
      await process.sleep(this.#network.links.deliveryMs(ORIGIN_HOST, host, 300), request.signal);
      if (reply === undefined) throw new ConnectFailure({ failureClass: 'transient' }, 'refused');
      return reply;
    };
  }

  #answer(request: OriginRequest, process: SimProcess, host: string): OriginReply | undefined {
    const { url, headers, method } = request;
    if (url.pathname === '/token') {
      this.tokens += 1;
      return replyOf(200, {}, textBody(JSON.stringify({ token: `token-${this.tokens}`, expires_in: 300 })));
    }
    if (this.#hasTokens && headers['authorization'] === undefined) {
      return replyOf(401, {}, textBody(''), [`Bearer realm="${REALM}",service="origin"`]);
    }
    const digest = url.pathname.split('/').at(-1) as Digest;
    const offset = Number(/^bytes=(\d+)-$/.exec(headers['range'] ?? '')?.[1] ?? 0);
    const count = this.count(digest);
    const fault = this.fault({ digest, host, offset, before: count.gets });
    this.#network.sim.trace.note(
      this.#network.sim.now,
      'origin',
      method,
      digest,
      host,
      offset,
      fault?.status,
    );
    if (fault?.isRefused === true) return undefined;
    if (method === 'HEAD') count.heads += 1;
    else count.gets += 1;
    const object = this.#objects.get(digest);
    const status = fault?.status ?? (object === undefined ? 404 : offset > 0 ? 206 : 200);
    if (object === undefined || status >= 300) {
      const retry = fault?.retryAfterS === undefined ? {} : { 'retry-after': String(fault.retryAfterS) };
      return replyOf(status, retry, textBody(''));
    }
    if (method === 'GET') {
      count.hosts.add(host);
      if (offset === 0) count.reads += 1;
      else count.resumed += 1;
    }
    const { length } = object.body;
    const all = {
      'content-length': String(length - offset),
      'content-type': object.mediaType,
      ...(offset > 0 && { 'content-range': `bytes ${offset}-${length - 1}/${length}` }),
    };
    return replyOf(status, all, this.#body(object, offset, { request, process, fault, count }));
  }

  async *#body(
    object: SimObject,
    offset: number,
    way: {
      readonly request: OriginRequest;
      readonly process: SimProcess;
      readonly fault: OriginFault | undefined;
      readonly count: OriginCount;
    },
  ): AsyncGenerator<Uint8Array, void> {
    const { request, process, fault, count } = way;
    const own = new PacedLine(this.#bodyRate);
    const { sim } = this.#network;
    let sent = 0;
    for (let at = offset; at < object.body.length; at += PIECE_BYTES) {
      let piece = object.body.subarray(at, at + PIECE_BYTES);
      const limit = fault?.cutAfter ?? fault?.stallAfter ?? Infinity;
      piece = piece.subarray(0, Math.max(0, limit - sent));
      if (piece.length > 0) {
        const delay = Math.max(own.take(piece.length, sim.now), this.#line.take(piece.length, sim.now));
        await process.sleep(delay, request.signal);
        sent += piece.length;
        count.bytes += piece.length;
        yield fault?.isCorrupt === true ? corrupted(piece) : piece.slice();
      }
      if (sent < limit) continue;
      // The idle limit of the client's connection.
      if (fault?.stallAfter !== undefined) await process.sleep(30_000, request.signal);
      throw new RequestFailure({ failureClass: 'transient' }, 'the body broke off');
    }
  }
}

/** The same bytes, but for one. */
export function corrupted(piece: Uint8Array): Uint8Array {
  const copy = piece.slice();
  copy[0] = (copy[0] ?? 0) ^ 0x5a;
  return copy;
}

function replyOf(
  status: number,
  headers: Readonly<Record<string, string>>,
  body: AsyncIterable<Uint8Array>,
  challenges: readonly string[] = [],
): OriginReply {
  return {
    status,
    header: (name) => headers[name],
    challenges,
    remoteKind: 'private',
    body,
    discard: () => {},
  };
}

async function* textBody(text: string): AsyncGenerator<Uint8Array, void> {
  if (text !== '') yield Buffer.from(text);
}
