/** Copies between agents over the simulated network: the asking side, in place of the HTTP client (coordination spec 14.4). */

import type { CoordinationSettings, PeerReply, PeerRequest, PeerTransfer } from '@muster/coordination';
import type { Connection } from '../../network/index.ts';
import { Wait } from '../../discovery/waits.ts';
import type { SimPeers } from './sim-peers.ts';
import { TransferChannel, type TransferMessage } from './transfer-channel.ts';
import type { TransferAsk, TransferEndpoint } from './transfer-endpoint.ts';

const HEADER_BYTES = 300;
const PARTIAL_HEADER_MS = 10_000;
const HEAD_MS = 2_000;

/** Transfer endpoints by address; a restarted agent puts its new one in place of the old. */
export class TransferDirectory {
  readonly #byAddress = new Map<string, { readonly peers: SimPeers; readonly endpoint: TransferEndpoint }>();

  put(address: string, peers: SimPeers, endpoint: TransferEndpoint): void {
    this.#byAddress.set(address, { peers, endpoint });
  }

  at(address: string): { readonly peers: SimPeers; readonly endpoint: TransferEndpoint } | undefined {
    return this.#byAddress.get(address);
  }
}

interface Exchange {
  readonly channel: TransferChannel;
  /** Ends the request; harmless when it has ended. */
  readonly leave: () => void;
}

export class SimTransfer implements PeerTransfer {
  readonly #peers: SimPeers;
  readonly #directory: TransferDirectory;
  readonly #nodeId: string;
  readonly #options: Pick<CoordinationSettings, 'peerConnectMs' | 'peerHeaderMs' | 'peerIdleMs'>;
  #open = 0;

  constructor(
    peers: SimPeers,
    directory: TransferDirectory,
    nodeId: string,
    options: Pick<CoordinationSettings, 'peerConnectMs' | 'peerHeaderMs' | 'peerIdleMs'>,
  ) {
    this.#peers = peers;
    this.#directory = directory;
    this.#nodeId = nodeId;
    this.#options = options;
  }

  /** Requests whose answer has not ended. */
  get openRequests(): number {
    return this.#open;
  }

  async open(request: PeerRequest): Promise<PeerReply> {
    const { digest, kind, offset, acceptsPartial, signal } = request;
    const { peerHeaderMs } = this.#options;
    const headerMs = acceptsPartial ? Math.max(peerHeaderMs, PARTIAL_HEADER_MS) : peerHeaderMs;
    const ask = { digest, kind, offset, acceptsPartial, from: this.#nodeId, isHead: false };
    try {
      const exchange = await this.#begin(request.provider.addr, ask, signal);
      const head = await this.#head(exchange, headerMs, signal);
      return this.#replyOf(request, exchange, head);
    } catch (error) {
      signal.throwIfAborted();
      return { kind: 'unreachable', reason: error instanceof Error ? error.message : 'unknown' };
    }
  }

  async head(
    request: Omit<PeerRequest, 'offset' | 'acceptsPartial'>,
  ): Promise<{ readonly size: number; readonly mediaType: string | undefined } | undefined> {
    const { digest, kind, signal, provider } = request;
    const ask = { digest, kind, offset: 0, acceptsPartial: false, from: this.#nodeId, isHead: true };
    try {
      const exchange = await this.#begin(provider.addr, ask, signal);
      const { status, size } = await this.#head(exchange, HEAD_MS, signal);
      exchange.leave();
      return status === 200 && size !== undefined ? { size, mediaType: undefined } : undefined;
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  async #begin(address: string, ask: TransferAsk, signal: AbortSignal): Promise<Exchange> {
    const connection = await this.#connect(address, signal);
    const channel = new TransferChannel(this.#peers.process, this.#peers.hub);
    const ours = connection.end(this.#peers);
    const theirs = connection.other(this.#peers);
    const serving = new AbortController();
    const onReset = (): void => channel.fail(new Error('the connection was reset'));
    const onRemoteReset = (): void => serving.abort(new Error('the connection was reset'));
    ours.onReset.add(onReset);
    theirs.onReset.add(onRemoteReset);
    this.#open += 1;
    let isOpen = true;
    const leave = (): void => {
      if (!isOpen) return;
      isOpen = false;
      this.#open -= 1;
      ours.onReset.delete(onReset);
      connection.send(ours, 20, onRemoteReset);
    };
    const send = (message: TransferMessage): void => {
      const bytes = message.kind === 'bytes' ? message.data.length : HEADER_BYTES;
      connection.send(theirs, bytes, () => {
        if (isOpen) channel.push(message);
      });
    };
    connection.send(ours, HEADER_BYTES, () => {
      const target = this.#directory.at(address);
      if (target === undefined || target.peers !== theirs.endpoint) return;
      void target.endpoint
        .handle(ask, send, serving.signal)
        .finally(() => theirs.onReset.delete(onRemoteReset));
    });
    return { channel, leave };
  }

  async #connect(address: string, signal: AbortSignal): Promise<Connection> {
    const { peerConnectMs: timeoutMs } = this.#options;
    const wait = new Wait<Connection>(
      this.#peers.process,
      this.#peers.hub,
      { timeoutMs, signal },
      () => new Error(`no connection within ${timeoutMs} ms`),
    );
    this.#peers.connect(this.#directory.at(address)?.peers.host, (result) => {
      if (result.ok) wait.done(result.connection);
      else wait.fail(new Error(result.reason));
    });
    return wait.promise;
  }

  async #head(
    { channel, leave }: Exchange,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Extract<TransferMessage, { kind: 'head' }>> {
    try {
      const message = await channel.next('no headers', timeoutMs, signal);
      if (message.kind !== 'head') throw new Error('no headers');
      return message;
    } catch (error) {
      leave();
      throw error;
    }
  }

  #replyOf(
    request: PeerRequest,
    exchange: Exchange,
    head: Extract<TransferMessage, { kind: 'head' }>,
  ): PeerReply {
    const { status, offset, size, isPartial, retryAfterMs, alternates } = head;
    if (status === 200 || (status === 206 && offset === request.offset)) {
      return { kind: 'body', offset, size, isPartial, body: this.#bodyOf(exchange, request.signal) };
    }
    exchange.leave();
    if (status === 429) {
      return {
        kind: 'refused',
        outcome: 'busy',
        ...(retryAfterMs !== undefined && { retryAfterMs }),
        ...(alternates !== undefined && { alternates }),
      };
    }
    if (status === 404) return { kind: 'refused', outcome: 'notfound' };
    if (status === 401 || status === 403) return { kind: 'refused', outcome: 'auth' };
    return { kind: 'refused', outcome: status >= 500 ? 'server' : 'protocol' };
  }

  async *#bodyOf({ channel, leave }: Exchange, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const { sim } = this.#peers.network;
    try {
      for (;;) {
        const message = await channel.next('no byte', this.#options.peerIdleMs, signal);
        if (message.kind !== 'bytes') return;
        sim.trace.note(sim.now, this.#peers.host, 'copied', message.data.length);
        yield message.data;
      }
    } finally {
      leave();
    }
  }
}
