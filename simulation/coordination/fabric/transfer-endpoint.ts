/**
 * The transfer endpoint of one simulated agent: the answers of coordination spec 14.2 to 14.5, with the real admission, store
 * and downloads, in place of the HTTP handler, which needs real sockets.
 */

import {
  Admission,
  type ContentStore,
  type CoordinationSettings,
  type Digest,
  type Download,
  type Downloads,
  type InFlightMap,
  type ObjectKind,
} from '@muster/coordination';
import { errorCode } from '@muster/core';
import type { SimProcess } from '../../kernel/index.ts';
import type { SimMembers } from './sim-members.ts';
import { PacedLine, SCALE, scaledRate } from '../scale.ts';
import type { TransferMessage } from './transfer-channel.ts';
import { corrupted } from './sim-origin.ts';

/** Objects up to this size are served without being counted or paced. */
const SMALL_BYTES = 1_048_576 / SCALE;
const PIECE_BYTES = 16_384;
const FIRST_BYTE_MS = 8_000;
const LOOK_MS = 50;

export interface TransferAsk {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly offset: number;
  readonly acceptsPartial: boolean;
  /** Node id of who asks. */
  readonly from: string;
  readonly isHead: boolean;
}

/** What a lying endpoint does instead of telling the truth. */
export interface TransferLies {
  /** A status for everything. */
  readonly status?: number;
  readonly isCorrupt?: boolean;
  /** Bodies end, or stand still, after this share. */
  readonly truncateAt?: number;
  readonly stallAt?: number;
}

export interface TransferEndpointParts {
  readonly process: SimProcess;
  readonly store: Pick<ContentStore, 'has' | 'size' | 'open'>;
  readonly downloads: Pick<Downloads, 'get'>;
  readonly inflight: InFlightMap;
  readonly members: SimMembers;
  readonly options: Pick<
    CoordinationSettings,
    'transferMaxServes' | 'transferFanoutPerDigest' | 'partialTransfer'
  >;
  /** Real bytes a second that leave this host. */
  readonly egressBytesPerSecond: number;
}

/** Sends to the asking end; resolves when it is on its way. */
export type SendTransfer = (message: TransferMessage) => void;

export class TransferEndpoint {
  lies: TransferLies | undefined;
  readonly #parts: TransferEndpointParts;
  readonly #admission: Admission;
  readonly #egress: PacedLine;

  constructor(parts: TransferEndpointParts) {
    this.#parts = parts;
    const { transferMaxServes: maxServes, transferFanoutPerDigest: fanoutPerDigest } = parts.options;
    this.#admission = new Admission({ maxServes, fanoutPerDigest });
    this.#egress = new PacedLine(scaledRate(parts.egressBytesPerSecond));
  }

  get activeServes(): number {
    return this.#admission.active;
  }

  /** Answers one request. Never rejects. */
  async handle(ask: TransferAsk, send: SendTransfer, signal: AbortSignal): Promise<void> {
    const status = this.lies?.status;
    if (status !== undefined) return send(refusal(status));
    try {
      if (await this.#serveStored(ask, send, signal)) return;
      if (!ask.isHead && ask.acceptsPartial && this.#parts.options.partialTransfer) {
        if (this.#isPulling(ask.digest) && (await this.#servePartial(ask, send, signal))) return;
      }
      send(refusal(404));
    } catch (error) {
      if (!signal.aborted) send(refusal(errorCode(error) === 'STORAGE_UNAVAILABLE' ? 503 : 500));
    }
  }

  async #serveStored(ask: TransferAsk, send: SendTransfer, signal: AbortSignal): Promise<boolean> {
    const { store, process } = this.#parts;
    const { digest, kind, from } = ask;
    if (!(await store.has(digest))) return false;
    const size = await store.size(digest);
    if (size === undefined) return false;
    if (ask.isHead) {
      send({ kind: 'head', status: 200, offset: 0, size, isPartial: false });
      return true;
    }
    const isCounted = kind !== 'manifest' && size > SMALL_BYTES;
    const leave = isCounted ? this.#admission.enter(digest, from, process.monotonic()) : (): void => {};
    if (leave === undefined) {
      this.#refuse(ask, send);
      return true;
    }
    try {
      await this.#sendStored(ask, size, send, signal);
      return true;
    } finally {
      leave();
    }
  }

  async #sendStored(
    { digest, offset, kind }: TransferAsk,
    size: number,
    send: SendTransfer,
    signal: AbortSignal,
  ): Promise<void> {
    const { store } = this.#parts;
    const { body } =
      offset > 0 ? await store.open(digest, { start: offset, end: size - 1 }) : await store.open(digest);
    send({ kind: 'head', status: offset > 0 ? 206 : 200, offset, size, isPartial: false });
    const isPaced = kind !== 'manifest' && size > SMALL_BYTES;
    await this.#send(body, { size: size - offset, isPaced }, send, signal);
  }

  async #servePartial(ask: TransferAsk, send: SendTransfer, signal: AbortSignal): Promise<boolean> {
    const { digest, from, offset } = ask;
    const leave = this.#admission.enter(digest, from, this.#parts.process.monotonic());
    if (leave === undefined) {
      this.#refuse(ask, send);
      return true;
    }
    try {
      const download = await this.#downloadWithBytes(ask, signal);
      if (download === 'gone') return true;
      if (download === 'stored') {
        const size = await this.#parts.store.size(digest);
        if (size === undefined) return false;
        await this.#sendStored(ask, size, send, signal);
        return true;
      }
      if (download === 'later') {
        send({ ...refusal(429), retryAfterMs: 1_000 });
        return true;
      }
      if (download === undefined || isLoop(download, from)) return false;
      const { size } = download;
      if (size === undefined && offset > 0) return false;
      if (size !== undefined && offset >= size && offset > 0) {
        send(refusal(416));
        return true;
      }
      send({ kind: 'head', status: offset > 0 ? 206 : 200, offset, size, isPartial: true });
      const body = offset > 0 ? download.read({ start: offset }) : download.read();
      await this.#send(
        body,
        { size: size === undefined ? undefined : size - offset, isPaced: true },
        send,
        signal,
      );
      return true;
    } finally {
      leave();
    }
  }

  async #downloadWithBytes(
    { digest, from }: TransferAsk,
    signal: AbortSignal,
  ): Promise<Download | 'stored' | 'later' | 'gone' | undefined> {
    const { downloads, process, store } = this.#parts;
    const until = process.monotonic() + FIRST_BYTE_MS;
    for (;;) {
      const download = downloads.get(digest);
      if (download !== undefined && (download.receivedBytes > 0 || download.state === 'committed'))
        return download;
      if (download !== undefined && isLoop(download, from)) return undefined;
      if (!this.#isPulling(digest)) return (await store.has(digest)) ? 'stored' : undefined;
      if (signal.aborted) return 'gone';
      if (process.monotonic() >= until) return 'later';
      await process.sleep(LOOK_MS);
    }
  }

  #isPulling(digest: Digest): boolean {
    const { downloads, inflight, process } = this.#parts;
    return downloads.get(digest) !== undefined || inflight.lookup(digest, process.now()) !== undefined;
  }

  async #send(
    body: AsyncIterable<Uint8Array>,
    { size, isPaced }: { readonly size: number | undefined; readonly isPaced: boolean },
    send: SendTransfer,
    signal: AbortSignal,
  ): Promise<void> {
    const { process } = this.#parts;
    const iterator = body[Symbol.asyncIterator]();
    const { promise: gone, resolve } = Promise.withResolvers<'gone'>();
    const onAbort = (): void => resolve('gone');
    signal.addEventListener('abort', onAbort, { once: true });
    let sent = 0;
    try {
      for (;;) {
        const next = signal.aborted ? 'gone' : await Promise.race([iterator.next(), gone]);
        if (next === 'gone') return;
        if (next.done === true) break;
        for (let at = 0; at < next.value.length; at += PIECE_BYTES) {
          const piece = this.#falsified(next.value.slice(at, at + PIECE_BYTES), sent, size);
          if (piece === 'stall') {
            await gone;
            return;
          }
          if (isPaced) await process.sleep(this.#egress.take(piece.length, process.monotonic()));
          if (signal.aborted) return;
          if (piece.length > 0) send({ kind: 'bytes', data: piece });
          sent += piece.length;
        }
      }
      send({ kind: 'end' });
    } catch {
      // As a connection that is cut off: the length does not fit.
      send({ kind: 'end' });
    } finally {
      signal.removeEventListener('abort', onAbort);
      await iterator.return?.();
    }
  }

  #falsified(piece: Uint8Array, sent: number, size: number | undefined): Uint8Array | 'stall' {
    const { lies } = this;
    if (lies === undefined) return piece;
    const end = (size ?? piece.length) * (lies.stallAt ?? lies.truncateAt ?? 1);
    if (sent + piece.length > end) {
      if (lies.stallAt !== undefined) return 'stall';
      return piece.subarray(0, Math.max(0, Math.floor(end) - sent));
    }
    return lies.isCorrupt === true ? corrupted(piece) : piece;
  }

  #refuse({ digest, from }: TransferAsk, send: SendTransfer): void {
    const { members, process } = this.#parts;
    const nodes = members.snapshot();
    const alternates = this.#admission
      .alternates(digest, from, process.monotonic())
      .flatMap((id) => nodes.find((node) => node.id === id)?.addr ?? []);
    send({ ...refusal(429), retryAfterMs: 1_000, alternates });
  }
}

function isLoop({ source }: Download, from: string): boolean {
  return from !== '' && source?.kind === 'peer' && source.nodeId === from;
}

function refusal(status: number): Extract<TransferMessage, { kind: 'head' }> {
  return { kind: 'head', status, offset: 0, size: undefined, isPartial: false };
}
