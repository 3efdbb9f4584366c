/** A registry of the OCI distribution API on loopback that misbehaves as told. For tests and the laboratory. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CountedRequest, Counters, type CountersSummary, type DigestCounts } from './counters.ts';
import { drained } from './drained.ts';
import { bytesObject, type LabDigest, type LabObject } from './objects.ts';

/** What one request of an object meets with. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Closes the connection after so many bytes of the body. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** Flips the byte at this position of the object. */
  | { readonly kind: 'corrupt'; readonly byte: number }
  /** Neither headers nor body, ever. */
  | { readonly kind: 'silent' }
  /** Sends nothing more after so many bytes. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  /** Closes the connection before any answer. */
  | { readonly kind: 'hang-up' }
  /** Whatever the test writes itself. */
  | {
      readonly kind: 'custom';
      readonly answer: (request: IncomingMessage, response: ServerResponse) => void;
    };

export interface OriginServerOptions {
  /** Ask for a token, or for a password. @default none */
  readonly auth?: 'none' | 'bearer' | 'basic';
  /** What the token service, or the registry with `basic`, takes. @default any */
  readonly credentials?: { readonly user: string; readonly password: string };
  readonly expiresInS?: number;
  /** @default true */
  readonly hasRanges?: boolean;
  /** Blobs are redirected to this server, with a signature in the query. */
  readonly redirectBlobsTo?: string;
  readonly latencyMs?: number;
  readonly bytesPerSecond?: number;
  readonly bytesPerSecondPerConnection?: number;
  /** Every body ends after so many bytes, with the connection. */
  readonly cutBodiesAfter?: number;
  /** Beyond so many blobs being read: 429 with `Retry-After`. */
  readonly maxBlobReads?: number;
  readonly retryAfterS?: number;
}

/** One request as it came. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** Everything counted, for reports. */
export interface OriginSummary extends CountersSummary {
  readonly tagRequests: number;
  readonly tokenRequests: number;
}

const MAX_SEEN = 10_000;
const MANIFEST_TYPES = /\.(manifest|index|manifest\.list)\.v\d\+json/;

/** The server. `options` may be changed while it runs. */
export class OriginServer {
  options: OriginServerOptions;
  readonly url: string;
  readonly port: number;
  /** The last requests of all kinds, token requests included. */
  readonly seen: SeenRequest[] = [];
  readonly #counters = new Counters();
  tokenRequests = 0;
  tagRequests = 0;
  /** Called for token requests instead of the usual answer. */
  tokenAnswer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  readonly #server: Server;
  readonly #objects = new Map<string, LabObject>();
  readonly #tags = new Map<string, string>();
  /** By digest or path: the fault of each request, in their order. */
  readonly #faults = new Map<string, (Fault | undefined)[]>();
  readonly #tokens = new Map<string, string>();
  #issued = 0;
  #blobReads = 0;
  #sendAt = 0;
  #isDown = false;

  private constructor(server: Server, options: OriginServerOptions) {
    this.#server = server;
    this.options = options;
    this.port = (server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.port}`;
    server.on('request', (request, response) => {
      response.on('error', () => {});
      void this.#serve(request, response).catch(() => response.destroy());
    });
    server.on('connection', (socket) => {
      if (this.#isDown) socket.destroy();
    });
  }

  static async start(options: OriginServerOptions & { readonly port?: number } = {}): Promise<OriginServer> {
    const server = createServer();
    server.listen(options.port ?? 0, '127.0.0.1');
    await once(server, 'listening');
    return new OriginServer(server, options);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close').catch(() => {});
  }

  /** Adds an object; it is in every repository, as a manifest if its media type says so, else as a blob. */
  add(bytes: Uint8Array, mediaType = 'application/octet-stream'): LabDigest {
    const object = bytesObject(bytes, mediaType);
    this.addObject(object);
    return object.digest;
  }

  addObject(object: LabObject): void {
    this.#objects.set(object.digest, object);
  }

  /** Takes no connections any more, and cuts those that there are; or takes them again. */
  setDown(isDown: boolean): void {
    this.#isDown = isDown;
    if (isDown) this.#server.closeAllConnections();
  }

  tag(repository: string, tag: string, digest: LabDigest): void {
    this.#tags.set(`${repository}:${tag}`, digest);
  }

  /** The faults of the next requests of a digest; undefined ones are served well. */
  script(digest: string, ...faults: (Fault | undefined)[]): void {
    this.#faults.set(digest, faults);
  }

  /** Requests and bytes by digest. */
  get counts(): ReadonlyMap<string, DigestCounts> {
    return this.#counters.digests;
  }

  countsOf(digest: string): DigestCounts {
    return this.#counters.countsOf(digest);
  }

  /** All tokens are void from now on. */
  revokeTokens(): void {
    this.#tokens.clear();
  }

  summary(): OriginSummary {
    const { tagRequests, tokenRequests } = this;
    return { ...this.#counters.summary(), tagRequests, tokenRequests };
  }

  reset(): void {
    this.#counters.reset();
    this.seen.length = 0;
    this.tokenRequests = 0;
    this.tagRequests = 0;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    if (this.seen.length < MAX_SEEN) this.seen.push({ method, url, headers });
    const { pathname } = new URL(url, this.url);
    const counted = this.#counters.begin(method, pathname, headers['user-agent']);
    response.once('close', () => counted.answered(response.headersSent ? response.statusCode : 0));
    const { latencyMs = 0 } = this.options;
    if (latencyMs > 0) await sleep(latencyMs);
    if (pathname === '/token') return this.#serveToken(request, response);
    const path = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(pathname);
    if (path === null) {
      response.writeHead(pathname === '/v2/' ? 200 : 404).end();
      return;
    }
    const [, repository = '', family = '', reference = ''] = path;
    const isSigned = url.includes('signature=');
    if (!isSigned && !this.#isAuthorized(request, repository)) return this.#challenge(response, repository);
    return this.#serveObject(request, response, { repository, family, reference, isSigned, counted });
  }

  async #serveObject(
    request: IncomingMessage,
    response: ServerResponse,
    at: { repository: string; family: string; reference: string; isSigned: boolean; counted: CountedRequest },
  ): Promise<void> {
    const isTag = !at.reference.startsWith('sha256:');
    if (isTag) this.tagRequests += 1;
    const digest = isTag ? (this.#tags.get(`${at.repository}:${at.reference}`) ?? '') : at.reference;
    const { redirectBlobsTo } = this.options;
    if (redirectBlobsTo !== undefined && at.family === 'blobs' && !at.isSigned) {
      const location = `${redirectBlobsTo}/v2/${at.repository}/blobs/${digest}?signature=secret`;
      response.writeHead(307, { location }).end();
      return;
    }
    if (!isTag) this.countsOf(digest)[request.method === 'HEAD' ? 'head' : 'get'] += 1;
    const fault = this.#faults.get(digest)?.shift();
    if (fault !== undefined && this.#fail(fault, request, response)) return;
    const object = this.#objects.get(digest);
    const isManifest = object !== undefined && MANIFEST_TYPES.test(object.mediaType);
    if (object === undefined || (isManifest ? at.family !== 'manifests' : at.family !== 'blobs')) {
      response.writeHead(404).end('{"errors":[{"code":"BLOB_UNKNOWN"}]}');
      return;
    }
    const { maxBlobReads, retryAfterS = 1 } = this.options;
    if (maxBlobReads !== undefined && at.family === 'blobs' && this.#blobReads >= maxBlobReads) {
      response.writeHead(429, { 'retry-after': String(retryAfterS) }).end();
      return;
    }
    this.#blobReads += 1;
    try {
      await this.#sendObject(request, response, object, fault, at.counted);
    } finally {
      this.#blobReads -= 1;
    }
  }

  /** Faults that are the whole answer. */
  #fail(fault: Fault, request: IncomingMessage, response: ServerResponse): boolean {
    switch (fault.kind) {
      case 'status':
        response.writeHead(fault.status, fault.headers).end();
        return true;
      case 'hang-up':
        request.socket.destroy();
        return true;
      case 'silent':
        return true;
      case 'custom':
        fault.answer(request, response);
        return true;
      case 'cut':
      case 'corrupt':
      case 'stall':
        return false;
    }
  }

  async #sendObject(
    request: IncomingMessage,
    response: ServerResponse,
    object: LabObject,
    fault: Fault | undefined,
    counted: CountedRequest,
  ): Promise<void> {
    const { size, mediaType, digest } = object;
    const wanted = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    const start = wanted !== undefined && this.options.hasRanges !== false ? Number(wanted) : 0;
    if (start >= size && start > 0) {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
      return;
    }
    const headers: Record<string, string> = {
      'content-type': mediaType,
      'content-length': String(size - start),
      'docker-content-digest': digest,
    };
    if (start > 0) headers['content-range'] = `bytes ${start}-${size - 1}/${size}`;
    response.writeHead(start > 0 ? 206 : 200, headers);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const { cutBodiesAfter = Infinity } = this.options;
    const faultyEnd = fault?.kind === 'cut' || fault?.kind === 'stall' ? start + fault.afterBytes : size;
    const end = Math.min(faultyEnd, start + cutBodiesAfter);
    const corruptAt = fault?.kind === 'corrupt' ? fault.byte : -1;
    await this.#sendBytes(response, bodyOf(object, { start, end, corruptAt }), counted);
    if (fault?.kind === 'cut' || end < faultyEnd) response.socket?.destroySoon();
    else if (fault?.kind !== 'stall') response.end();
  }

  async #sendBytes(
    response: ServerResponse,
    chunks: Iterable<Uint8Array>,
    counted: CountedRequest,
  ): Promise<void> {
    response.flushHeaders();
    let readyAt = 0;
    for (const chunk of chunks) {
      readyAt = this.#turn(chunk.length, readyAt);
      if (readyAt > performance.now()) await sleep(readyAt - performance.now());
      if (response.destroyed) return;
      counted.sent(chunk.length);
      if (!response.write(chunk)) await drained(response);
    }
  }

  /** When so many bytes may be sent, by the caps in all and per connection. */
  #turn(bytes: number, connectionReadyAt: number): number {
    const { bytesPerSecond = 0, bytesPerSecondPerConnection: own = 0 } = this.options;
    const now = performance.now();
    if (bytesPerSecond > 0) this.#sendAt = Math.max(now, this.#sendAt) + (bytes / bytesPerSecond) * 1_000;
    const ownAt = own > 0 ? Math.max(now, connectionReadyAt) + (bytes / own) * 1_000 : 0;
    return Math.max(this.#sendAt, ownAt);
  }

  #isAuthorized(request: IncomingMessage, repository: string): boolean {
    const { auth = 'none' } = this.options;
    if (auth === 'none') return true;
    const header = request.headers.authorization ?? '';
    if (auth === 'basic') return this.#areCredentials(header);
    return this.#tokens.get(header.replace(/^Bearer /, '')) === `repository:${repository}:pull`;
  }

  #areCredentials(header: string): boolean {
    const { credentials } = this.options;
    if (credentials === undefined) return true;
    const text = `${credentials.user}:${credentials.password}`;
    return header === `Basic ${Buffer.from(text).toString('base64')}`;
  }

  #challenge(response: ServerResponse, repository: string): void {
    const bearer = `Bearer realm="${this.url}/token?tenant=a",service="origin",scope="repository:${repository}:pull"`;
    const challenge = this.options.auth === 'basic' ? 'Basic realm="origin"' : bearer;
    response.writeHead(401, { 'www-authenticate': challenge }).end('{}');
  }

  #serveToken(request: IncomingMessage, response: ServerResponse): void {
    this.tokenRequests += 1;
    if (this.tokenAnswer !== undefined) return this.tokenAnswer(request, response);
    if (!this.#areCredentials(request.headers.authorization ?? '')) {
      response.writeHead(401).end();
      return;
    }
    this.#issued += 1;
    const token = `token-${this.#issued}`;
    this.#tokens.set(token, new URL(request.url ?? '', this.url).searchParams.get('scope') ?? '');
    const { expiresInS } = this.options;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ token, ...(expiresInS === undefined ? {} : { expires_in: expiresInS }) }));
  }
}

/** The bytes from `start` to `end`, one of them flipped if it is among them. */
function* bodyOf(
  object: LabObject,
  { start, end, corruptAt }: { readonly start: number; readonly end: number; readonly corruptAt: number },
): Generator<Uint8Array> {
  let at = start;
  for (const chunk of object.read(start)) {
    if (at >= end) return;
    let bytes = chunk.length > end - at ? chunk.subarray(0, end - at) : chunk;
    if (corruptAt >= at && corruptAt < at + bytes.length) {
      bytes = Uint8Array.from(bytes);
      bytes[corruptAt - at] = (bytes[corruptAt - at] as number) ^ 0xff;
    }
    yield bytes;
    at += bytes.length;
  }
}

async function sleep(ms: number): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, ms));
}
