import { MusterError, type PeerStream, type WaitLimit } from '@muster/core';
import { type AbortHub, Wait } from '../../discovery/waits.ts';
import { hash32 } from '../../kernel/index.ts';
import type { Connection, ConnectionEnd, Endpoint, SimNetwork } from '../../network/index.ts';

/** Frames up to this length go into the trace with their content, longer ones with their length. */
const TRACED_BYTES = 1_024;

/** What a half of a stream needs of its side. */
export interface StreamHome {
  readonly network: SimNetwork;
  readonly endpoint: Endpoint;
  readonly hub: AbortHub;
  readonly connection: Connection;
  /** Whether what is written here gets lost. */
  readonly isLost?: (data: Uint8Array) => boolean;
  /** Called once, when this half has ended. */
  onEnded(stream: ByteStream): void;
}

/** One half of a stream of bytes on the simulated network; what is written arrives whole and in order. */
export class ByteStream implements PeerStream {
  readonly remotePeer: string;
  readonly protocol: string;
  readonly #home: StreamHome;
  readonly #end: ConnectionEnd;
  readonly #inbox: Uint8Array[] = [];
  readonly #onReset: () => void;
  #twin: ByteStream | undefined;
  #reader: Wait<Uint8Array | undefined> | undefined;
  #hasClosedWrite = false;
  #hasRemoteClosed = false;
  #isReset = false;
  #isOver = false;

  constructor(home: StreamHome, protocol: string, remotePeer: string) {
    this.#home = home;
    this.protocol = protocol;
    this.remotePeer = remotePeer;
    this.#end = home.connection.end(home.endpoint);
    this.#onReset = () => this.#wasReset();
    this.#end.onReset.add(this.#onReset);
  }

  /** Joins two halves. */
  static join(a: ByteStream, b: ByteStream): void {
    a.#twin = b;
    b.#twin = a;
  }

  async write(data: Uint8Array, limit: WaitLimit): Promise<void> {
    limit.signal?.throwIfAborted();
    if (this.#isReset) throw failed('STREAM_RESET');
    if (this.#hasClosedWrite || this.#isOver) throw failed('STREAM_CLOSED');
    const { endpoint, connection } = this.#home;
    const count = endpoint.counters.of(this.protocol);
    count.framesOut += 1;
    count.bytesOut += data.length;
    if (this.#home.isLost?.(data) === true) return;
    const twin = this.#twin;
    const copy = data.slice();
    connection.send(this.#end, copy.length, () => twin?.received(copy));
  }

  async read(limit: WaitLimit): Promise<Uint8Array | undefined> {
    const data = this.#inbox.shift();
    if (data !== undefined) return data;
    if (this.#isReset) throw failed('STREAM_RESET');
    if (this.#hasRemoteClosed) return undefined;
    if (this.#isOver) throw failed('STREAM_CLOSED');
    const wait = new Wait<Uint8Array | undefined>(this.#home.endpoint.process, this.#home.hub, limit, () =>
      failed('STREAM_TIMEOUT'),
    );
    this.#reader = wait;
    return wait.promise;
  }

  async closeWrite(): Promise<void> {
    if (this.#hasClosedWrite || this.#isOver) return;
    this.#hasClosedWrite = true;
    const twin = this.#twin;
    this.#home.connection.send(this.#end, 12, () => twin?.remoteClosed());
    if (this.#hasRemoteClosed) this.#finish();
  }

  async close(): Promise<void> {
    await this.closeWrite();
    this.#settleReader((reader) => reader.fail(failed('STREAM_CLOSED')));
    this.#finish();
  }

  reset(): void {
    if (this.#isOver) return;
    const twin = this.#twin;
    this.#home.connection.send(this.#end, 12, () => twin?.wasReset());
    this.#wasReset();
  }

  /** Called by the network. */
  received(data: Uint8Array): void {
    if (this.#isOver) return;
    const { network, endpoint } = this.#home;
    const count = endpoint.counters.of(this.protocol);
    count.framesIn += 1;
    count.bytesIn += data.length;
    const content = data.length <= TRACED_BYTES ? hash32(Buffer.from(data).toString('latin1')) : undefined;
    network.sim.trace.note(network.sim.now, endpoint.host, this.protocol, data.length, content);
    const reader = this.#reader;
    if (reader === undefined || reader.isOver) this.#inbox.push(data);
    else this.#settleReader((waiting) => waiting.done(data));
  }

  /** Called by the network. */
  remoteClosed(): void {
    this.#hasRemoteClosed = true;
    this.#settleReader((reader) => reader.done(undefined));
    if (this.#hasClosedWrite) this.#finish();
  }

  /** Called by the network. */
  wasReset(): void {
    this.#wasReset();
  }

  #wasReset(): void {
    if (this.#isOver) return;
    this.#isReset = true;
    this.#settleReader((reader) => reader.fail(failed('STREAM_RESET')));
    this.#finish();
  }

  #settleReader(settle: (reader: Wait<Uint8Array | undefined>) => void): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) settle(reader);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end.onReset.delete(this.#onReset);
    this.#home.onEnded(this);
  }
}

const MESSAGES = {
  STREAM_RESET: 'the stream was reset',
  STREAM_CLOSED: 'the stream is closed',
  STREAM_TIMEOUT: 'no answer in time',
} as const;

function failed(code: keyof typeof MESSAGES): MusterError {
  return new MusterError(code, MESSAGES[code]);
}
