/**
 * Requests to origins over node:http and node:https (coordination spec 15.2, 15.5).
 *
 * Fault model: the server may be slow, silent, hostile or gone at any byte, and a URL that it has named may lead to a place
 * that trusts this machine. Connecting, headers and every wait for bytes are bounded in time, headers in size; bodies are
 * streams that a slow reader holds back. A URL that others have named is sent only to an address that was looked at, and to
 * that very address: what its name stands for a moment later does not matter.
 */

import { lookup as systemLookup } from 'node:dns/promises';
import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { errorCode, type TimerHandle, type Timers } from '@muster/core';
import { type AddressKind, addressKind, mayRedirect } from '../addresses.ts';
import { RequestFailure } from '../failure.ts';
import { ConnectFailure, type OriginHttp, type OriginReply, type OriginRequest, TRANSIENT } from '../http.ts';

const MAX_HEADER_BYTES = 32_768;
const MAX_FREE_SOCKETS = 16;
/** What is read of a body nobody wants, so that its connection can be used again; beyond it, closing is cheaper. */
const MAX_DISCARD_BYTES = 65_536;
const MAX_DISCARD_MS = 1_000;

/** One address of a name. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

export interface NodeHttpOptions {
  readonly timers: Timers;
  /** Until connected, TLS included. */
  readonly connectMs: number;
  /** From then until the headers are here. */
  readonly headerMs: number;
  /** The longest wait for the next bytes of a body. */
  readonly idleMs: number;
  /** @default the host's resolver */
  readonly resolve?: (host: string) => Promise<readonly ResolvedAddress[]>;
}

/** Connections to origins. Not shared between registries, so that none of them gets another's connections. */
export class NodeHttp {
  readonly #options: NodeHttpOptions;
  /** Connections to what is configured, and to what others have named: only the addresses of the latter were looked at. */
  readonly #configured = agents();
  readonly #named = new Map<AddressKind, ReturnType<typeof agents>>();

  constructor(options: NodeHttpOptions) {
    this.#options = options;
  }

  readonly send: OriginHttp = async (request) => {
    request.signal.throwIfAborted();
    const { namedFrom } = request;
    const host = request.url.hostname.replace(/^\[(.*)\]$/, '$1');
    if (namedFrom !== undefined && isIP(host) !== 0) requireAllowed(namedFrom, [host]);
    return this.#exchange(request, this.#lookup(namedFrom));
  };

  /** Closes the connections that nobody uses. */
  close(): void {
    for (const { http, https } of [this.#configured, ...this.#named.values()]) {
      http.destroy();
      https.destroy();
    }
  }

  #agents(namedFrom: AddressKind | undefined): ReturnType<typeof agents> {
    if (namedFrom === undefined) return this.#configured;
    let own = this.#named.get(namedFrom);
    if (own === undefined) this.#named.set(namedFrom, (own = agents()));
    return own;
  }

  #lookup(namedFrom: AddressKind | undefined): LookupFunction {
    const resolve = this.#options.resolve ?? resolveWithSystem;
    return (host, options, callback) => {
      resolve(host).then(
        (found) => {
          const first = found[0];
          try {
            if (namedFrom !== undefined)
              requireAllowed(
                namedFrom,
                found.map(({ address }) => address),
              );
            if (first === undefined) throw new ConnectFailure(TRANSIENT, `${host} has no address`);
          } catch (error) {
            callback(error as Error, '', 0);
            return;
          }
          if (options.all === true) callback(null, [...found]);
          else callback(null, first.address, first.family);
        },
        (error: Error) => callback(error, '', 0),
      );
    };
  }

  async #exchange(request: OriginRequest, lookup: LookupFunction): Promise<OriginReply> {
    const { url, method, headers, signal } = request;
    const { http, https } = this.#agents(request.namedFrom);
    const options = { method, headers, lookup, signal, maxHeaderSize: MAX_HEADER_BYTES };
    let outgoing: ClientRequest;
    try {
      outgoing =
        url.protocol === 'https:'
          ? httpsRequest(url, { ...options, agent: https })
          : httpRequest(url, { ...options, agent: http });
    } catch (cause) {
      throw new RequestFailure(TRANSIENT, 'the request cannot be written as HTTP', cause);
    }
    const incoming = await this.#replyOf(outgoing, signal);
    return new NodeReply(incoming, request, this.#options);
  }

  async #replyOf(outgoing: ClientRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const { timers, connectMs, headerMs } = this.#options;
    const late = (what: string, ms: number): TimerHandle =>
      timers.after(ms, () => outgoing.destroy(new LateFailure(TRANSIENT, `${what} within ${ms} ms`)));
    let timer = late('no connection', connectMs);
    try {
      return await new Promise<IncomingMessage>((resolve, reject) => {
        const connected = (): void => {
          timer.cancel();
          timer = late('no headers', headerMs);
        };
        outgoing.once('socket', (socket: Socket & { secureConnecting?: boolean }) => {
          if (outgoing.reusedSocket) connected();
          else socket.once(socket.secureConnecting === undefined ? 'connect' : 'secureConnect', connected);
        });
        outgoing.once('response', resolve);
        outgoing.once('upgrade', (_reply, socket) => {
          socket.destroy();
          reject(new RequestFailure(TRANSIENT, 'the server changes the protocol'));
        });
        // The listener stays: an error after the response must not become an uncaught one.
        outgoing.on('error', (error) => reject(signal.aborted ? signal.reason : failureOf(error)));
        outgoing.end();
      });
    } finally {
      timer.cancel();
    }
  }
}

class NodeReply implements OriginReply {
  readonly status: number;
  readonly challenges: readonly string[];
  readonly remoteKind: AddressKind;
  readonly body: AsyncIterable<Uint8Array>;
  readonly #incoming: IncomingMessage;
  readonly #timers: Timers;

  constructor(incoming: IncomingMessage, { signal }: OriginRequest, { timers, idleMs }: NodeHttpOptions) {
    this.#incoming = incoming;
    this.#timers = timers;
    this.status = incoming.statusCode ?? 0;
    this.challenges = incoming.headersDistinct['www-authenticate'] ?? [];
    this.remoteKind = addressKind(incoming.socket.remoteAddress ?? '');
    this.body = bodyOf(incoming, signal, timers, idleMs);
    // Also while nobody reads: what breaks off then is told to the reader, or does not matter.
    incoming.on('error', () => {});
  }

  header(name: string): string | undefined {
    const value = this.#incoming.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  discard(): void {
    const incoming = this.#incoming;
    let bytes = 0;
    const timer = this.#timers.after(MAX_DISCARD_MS, () => incoming.destroy());
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_DISCARD_BYTES) incoming.destroy();
    });
    incoming.once('close', () => timer.cancel());
  }
}

async function* bodyOf(
  incoming: IncomingMessage,
  signal: AbortSignal,
  timers: Timers,
  idleMs: number,
): AsyncGenerator<Uint8Array, void> {
  const chunks = (incoming as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      // Runs while we wait for the server only, not while the reader makes it wait.
      const timer = timers.after(idleMs, () =>
        incoming.destroy(new RequestFailure(TRANSIENT, `no byte for ${idleMs} ms`)),
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
    throw error instanceof RequestFailure
      ? error
      : new RequestFailure(TRANSIENT, `the body broke off: ${reasonOf(error)}`, error);
  } finally {
    incoming.destroy();
  }
}

/** A time-out: what is that slow is not asked again at once. */
class LateFailure extends RequestFailure {}

function failureOf(error: unknown): RequestFailure {
  if (error instanceof RequestFailure) return error;
  const code = errorCode(error) ?? '';
  const text = `no answer: ${reasonOf(error)}`;
  // HPE_*: something has answered, but not in HTTP, or with headers without end.
  return code.startsWith('HPE_')
    ? new RequestFailure(TRANSIENT, text, error)
    : new ConnectFailure(TRANSIENT, text, error);
}

function reasonOf(error: unknown): string {
  return errorCode(error) ?? (error instanceof Error ? error.message : 'unknown');
}

function requireAllowed(from: AddressKind, addresses: readonly string[]): void {
  // One that is not allowed condemns the name: whoever made it is not to be trusted with the others either.
  for (const address of addresses) {
    const kind = addressKind(address);
    if (!mayRedirect(from, kind)) {
      throw new RequestFailure(TRANSIENT, `an origin at a ${from} address leads to a ${kind} address`);
    }
  }
}

function agents(): { readonly http: HttpAgent; readonly https: HttpsAgent } {
  const options = { keepAlive: true, maxFreeSockets: MAX_FREE_SOCKETS };
  return { http: new HttpAgent(options), https: new HttpsAgent(options) };
}

async function resolveWithSystem(host: string): Promise<readonly ResolvedAddress[]> {
  return systemLookup(host, { all: true, order: 'verbatim' });
}
