/**
 * A registry of images that can be pulled from (OCI distribution-spec 1.1, pull only), served from an image layout. It counts
 * what it is asked for. Reading needs no credentials; making images and resetting the counts need the token.
 *
 * Bounds: connections, header time, bodies, one range a request, images of {@link IMAGE_LIMITS}; files are sent in pieces.
 */
import { open } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Clock, Timers } from '@muster/core';
import { answerError, answerJson, hasBearer, readJson } from '../bearer.ts';
import { fleetErrors } from '../fleet-errors.ts';
import { Counter, type OriginCounts } from './counts.ts';
import { IMAGE_LIMITS, makeImage, MANIFEST_TYPE } from './image.ts';
import type { ImageLayout, LayoutImage } from './layout.ts';
import { Pace } from './pace.ts';

const MAX_CONNECTIONS = 512;
const HEADERS_TIMEOUT_MS = 10_000;
const CHUNK_BYTES = 64 * 1024;
const NAME = /^[a-z0-9]+(?:[._/-][a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

export interface OriginParts {
  readonly layout: ImageLayout;
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  readonly token: string;
  /** 0 = as fast as it goes. */
  readonly bytesPerSecond: number;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** An image that `POST /images` has made. */
export interface NewImage {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  readonly bytes: number;
}

/** A running origin. */
export class OriginServer {
  readonly #parts: OriginParts;
  readonly #server: Server;
  readonly #counter = new Counter();
  readonly #pace: Pace;
  #images: readonly LayoutImage[] = [];
  #making: Promise<void> = Promise.resolve();

  private constructor(parts: OriginParts) {
    this.#parts = parts;
    this.#pace = new Pace(parts.bytesPerSecond, parts);
    this.#server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS }, (request, response) => {
      void this.#answer(request, response).catch((error: unknown) => answerError(response, error));
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Listens. Rejects errors of listening, ORIGIN_LAYOUT_INVALID. */
  static async start(parts: OriginParts): Promise<OriginServer> {
    const origin = new OriginServer(parts);
    origin.#images = await parts.layout.images();
    origin.#server.listen(parts.port, parts.host);
    await once(origin.#server, 'listening');
    return origin;
  }

  get address(): string {
    return `${this.#parts.host}:${(this.#server.address() as AddressInfo).port}`;
  }

  get counts(): OriginCounts {
    return this.#counter.counts;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET' } = request;
    const path = (request.url ?? '/').split('?')[0] as string;
    if (path === '/counts' || path === '/images') return await this.#manage(request, response, path);
    if (method !== 'GET' && method !== 'HEAD') {
      return distributionError(response, 405, 'UNSUPPORTED', 'this registry can only be pulled from');
    }
    if (path === '/healthz') return answerJson(response, 200, { status: 'ok' });
    if (path === '/v2/' || path === '/v2') {
      response.writeHead(200, { ...VERSION_HEADER, 'content-type': 'application/json' }).end('{}');
      return;
    }
    const [, name = '', kind, reference = ''] =
      /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(path) ?? [];
    if (kind === undefined || !NAME.test(name)) {
      return distributionError(response, 404, 'NAME_UNKNOWN', 'no such path');
    }
    if (kind === 'tags') return this.#tags(response, name);
    await this.#object({ request, response, method, name, kind, reference });
  }

  async #manage(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (path === '/counts' && request.method === 'GET') return answerJson(response, 200, this.counts);
    if (!hasBearer(request.headers.authorization, this.#parts.token)) {
      throw fleetErrors.create('CONTROL_UNAUTHORIZED', 'this needs the token in the file control-token');
    }
    if (path === '/counts' && request.method === 'DELETE') {
      this.#counter.reset();
      return answerJson(response, 200, this.counts);
    }
    if (path === '/images' && request.method === 'POST') {
      return answerJson(response, 201, await this.#makeImage(await readJson(request)));
    }
    throw fleetErrors.create('CONTROL_REQUEST', `${request.method} ${path} is nothing that can be asked for`);
  }

  /** One image at a time: two would write the index over each other. */
  #makeImage(wish: unknown): Promise<NewImage> {
    const making = this.#making.then(() => this.#makeOneImage(wish));
    this.#making = making.then(
      () => {},
      () => {},
    );
    return making;
  }

  async #makeOneImage(wish: unknown): Promise<NewImage> {
    const { repository, tag, layers, layerBytes } = readImageWish(wish);
    const createdAt = this.#parts.clock.now();
    // The time is part of the name: each wish makes another image.
    const name = `${repository}:${tag} ${createdAt}`;
    const image = makeImage({ name, layers, layerBytes, createdAt });
    const added = await this.#parts.layout.add(image, `${repository}:${tag}`);
    this.#images = await this.#parts.layout.images();
    return { repository, tag, digest: added.digest, bytes: image.totalBytes };
  }

  #tags(response: ServerResponse, name: string): void {
    const tags = this.#images.flatMap(({ reference }) =>
      reference.startsWith(`${name}:`) ? [reference.slice(name.length + 1)] : [],
    );
    if (tags.length === 0) return distributionError(response, 404, 'NAME_UNKNOWN', 'no such repository');
    response.writeHead(200, { ...VERSION_HEADER, 'content-type': 'application/json' });
    response.end(JSON.stringify({ name, tags }));
  }

  async #object(asked: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly method: string;
    readonly name: string;
    readonly kind: string;
    readonly reference: string;
  }): Promise<void> {
    const { request, response, name, kind, reference } = asked;
    const method = asked.method === 'HEAD' ? 'HEAD' : 'GET';
    const isManifest = kind === 'manifests';
    const digest =
      this.#images.find((image) => isManifest && image.reference === `${name}:${reference}`)?.digest ??
      reference;
    const isKnown = !isManifest || this.#images.some((image) => image.digest === digest);
    const size = isKnown ? await this.#parts.layout.sizeOf(digest) : undefined;
    this.#counter.request(method, size === undefined ? undefined : digest);
    if (size === undefined) {
      const code = isManifest ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN';
      return distributionError(response, 404, code, 'not here');
    }
    const range = rangeOf(request.headers.range, size);
    if (range === 'unsatisfiable') {
      response.writeHead(416, { ...VERSION_HEADER, 'content-range': `bytes */${size}` }).end();
      return;
    }
    const { from, to } = range ?? { from: 0, to: size - 1 };
    response.writeHead(range === undefined ? 200 : 206, {
      ...VERSION_HEADER,
      'content-type': isManifest ? MANIFEST_TYPE : 'application/octet-stream',
      'content-length': to - from + 1,
      'docker-content-digest': digest,
      etag: `"${digest}"`,
      'accept-ranges': 'bytes',
      ...(range === undefined ? {} : { 'content-range': `bytes ${from}-${to}/${size}` }),
    });
    if (method === 'HEAD') response.end();
    else await this.#send(response, digest, from, to);
  }

  async #send(response: ServerResponse, digest: string, from: number, to: number): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const file = await open(this.#parts.layout.pathOf(digest) ?? '', 'r');
    const hasRead = this.#counter.reading(digest);
    try {
      for (let position = from; position <= to && !gone.signal.aborted;) {
        const wanted = Math.min(CHUNK_BYTES, to - position + 1);
        await this.#pace.take(wanted, gone.signal);
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, position);
        if (bytesRead === 0) throw new Error('the object has become shorter');
        this.#counter.sent(digest, bytesRead);
        position += bytesRead;
        if (!response.write(buffer.subarray(0, bytesRead))) {
          await once(response, 'drain', { signal: gone.signal });
        }
      }
      response.end();
    } catch (error) {
      // Who has left needs no answer.
      if (!gone.signal.aborted) throw error;
    } finally {
      hasRead();
      await file.close();
    }
  }
}

const VERSION_HEADER = { 'docker-distribution-api-version': 'registry/2.0' };

function distributionError(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { ...VERSION_HEADER, 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

/** The one range of a header; undefined: all of it. Other units and several ranges are not taken, as RFC 9110 allows. */
export function rangeOf(
  header: string | undefined,
  size: number,
): { readonly from: number; readonly to: number } | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { from: size - length, to: size - 1 };
  }
  const from = Number(first);
  const to = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < from) return undefined;
  return from >= size ? 'unsatisfiable' : { from, to };
}

function readImageWish(wish: unknown): {
  readonly repository: string;
  readonly tag: string;
  readonly layers: number;
  readonly layerBytes: number;
} {
  const given = typeof wish === 'object' && wish !== null ? (wish as Record<string, unknown>) : {};
  const { repository = 'demo/app', tag = 'latest', layers = 4, layerBytes = 2 * 1024 * 1024 } = given;
  const isName = typeof repository === 'string' && NAME.test(repository);
  if (!isName || repository.length > IMAGE_LIMITS.maxNameLength) throw badWish('repository is no name');
  if (typeof tag !== 'string' || !TAG.test(tag)) throw badWish('tag is no tag');
  if (!isInteger(layers, IMAGE_LIMITS.maxLayers)) {
    throw badWish(`layers is not from 1 to ${IMAGE_LIMITS.maxLayers}`);
  }
  if (!isInteger(layerBytes, IMAGE_LIMITS.maxLayerBytes)) {
    throw badWish(`layerBytes is not from 1 to ${IMAGE_LIMITS.maxLayerBytes}`);
  }
  if (layers * layerBytes > IMAGE_LIMITS.maxTotalBytes) {
    throw badWish(`the layers have more than ${IMAGE_LIMITS.maxTotalBytes} bytes together`);
  }
  return { repository, tag, layers, layerBytes };
}

function isInteger(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max;
}

function badWish(reason: string): Error {
  return fleetErrors.create('CONTROL_REQUEST', `no such image can be made: ${reason}`);
}
