import { type Deadline, discoveryErrors, type FrameStream, type RemotePeer } from '@muster/discovery';
import type { Connection, ConnectionEnd, Endpoint, SimNetwork } from '../network/index.ts';
import { type AbortHub, Wait } from './waits.ts';

/** Bytes that may be under way or unread before a writer has to wait, as in yamux. */
const WINDOW_BYTES = 262_144;

interface Frame {
  readonly text: string;
  readonly bytes: number;
}

interface Reader {
  readonly wait: Wait<unknown>;
  readonly maxBytes: number;
}

/** What a half of a stream needs of its side. */
export interface StreamSide {
  readonly network: SimNetwork;
  readonly endpoint: Endpoint;
  readonly hub: AbortHub;
  readonly connection: Connection;
  /** Called once, when this half has ended. */
  onEnded(stream: SimStream): void;
}

/** One half of a stream of frames. Frames travel as JSON texts, so that their sizes are real and nothing is shared. */
export class SimStream implements FrameStream {
  readonly remote: RemotePeer;
  readonly protocol: string;
  readonly ended: Promise<void>;
  readonly #side: StreamSide;
  readonly #end: ConnectionEnd;
  readonly #resolveEnded: () => void;
  readonly #onConnectionReset: () => void;
  readonly #inbox: Frame[] = [];
  #twin: SimStream | undefined;
  #reader: Reader | undefined;
  #writers: Wait<void>[] = [];
  #outstanding = 0;
  #hasClosedWrite = false;
  #hasClosedRead = false;
  #hasRemoteClosed = false;
  #isReset = false;
  #isOver = false;

  constructor(side: StreamSide, protocol: string, remote: RemotePeer) {
    this.#side = side;
    this.#end = side.connection.end(side.endpoint);
    this.protocol = protocol;
    this.remote = remote;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    this.#onConnectionReset = () => this.#wasReset();
    this.#end.onReset.add(this.#onConnectionReset);
  }

  /** Joins two halves. */
  static join(a: SimStream, b: SimStream): void {
    a.#twin = b;
    b.#twin = a;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  write(message: object, deadline: Deadline): Promise<void> {
    return this.writeText(JSON.stringify(message), deadline);
  }

  /** Writes any text as a frame; liars use it. */
  async writeText(text: string, deadline: Deadline): Promise<void> {
    if (this.#isReset) throw failed('STREAM_RESET');
    if (this.#hasClosedWrite || this.#isOver) throw failed('STREAM_CLOSED');
    if (this.#outstanding > WINDOW_BYTES) {
      const wait = new Wait<void>(this.#side.endpoint.process, this.#side.hub, deadline, () =>
        failed('STREAM_TIMEOUT'),
      );
      this.#writers.push(wait);
      await wait.promise;
    }
    this.#send({ text, bytes: Buffer.byteLength(text) });
  }

  read(options: Deadline & { readonly maxBytes: number }): Promise<unknown> {
    if (this.#reader !== undefined) return Promise.reject(new Error('one read at a time'));
    const frame = this.#inbox.shift();
    if (frame !== undefined) {
      try {
        return Promise.resolve(this.#take(frame, options.maxBytes));
      } catch (error) {
        return Promise.reject(error as Error);
      }
    }
    if (this.#isReset) return Promise.reject(failed('STREAM_RESET'));
    if (this.#hasRemoteClosed) return Promise.resolve(undefined);
    if (this.#hasClosedRead) return Promise.reject(failed('STREAM_CLOSED'));
    const wait = new Wait<unknown>(this.#side.endpoint.process, this.#side.hub, options, () =>
      failed('STREAM_TIMEOUT'),
    );
    const reader = { wait, maxBytes: options.maxBytes };
    this.#reader = reader;
    const forget = (): void => {
      if (this.#reader === reader) this.#reader = undefined;
    };
    wait.promise.then(forget, forget);
    return wait.promise;
  }

  async closeWrite(): Promise<void> {
    if (this.#hasClosedWrite || this.#isOver) return;
    this.#hasClosedWrite = true;
    const twin = this.#twin;
    this.#side.connection.send(this.#end, 12, () => {
      if (twin !== undefined) twin.#remoteClosed();
    });
    if (this.#hasRemoteClosed) this.#finish();
  }

  async close(): Promise<void> {
    await this.closeWrite();
    this.#hasClosedRead = true;
    this.#inbox.length = 0;
    this.#releaseReader((reader) => reader.wait.fail(failed('STREAM_CLOSED')));
    this.#finish();
  }

  reset(): void {
    if (this.#isOver) return;
    const twin = this.#twin;
    this.#side.connection.send(this.#end, 12, () => {
      if (twin !== undefined) twin.#wasReset();
    });
    this.#wasReset();
  }

  #send(frame: Frame): void {
    const { network, endpoint, connection } = this.#side;
    const count = endpoint.counters.of(this.protocol);
    count.framesOut += 1;
    count.bytesOut += frame.bytes + 1;
    this.#outstanding += frame.bytes;
    const twin = this.#twin;
    if (network.hasTaps) {
      network.tapped({
        at: network.sim.now,
        from: endpoint.host,
        to: this.remote.peer,
        protocol: this.protocol,
        text: frame.text,
      });
    }
    connection.send(this.#end, frame.bytes + 1, () => {
      if (twin !== undefined) twin.#received(frame);
    });
  }

  #received(frame: Frame): void {
    if (this.#isOver || this.#hasClosedRead) return;
    const { network, endpoint } = this.#side;
    const count = endpoint.counters.of(this.protocol);
    count.framesIn += 1;
    count.bytesIn += frame.bytes + 1;
    network.sim.trace.note(network.sim.now, endpoint.host, this.protocol, frame.text);
    const reader = this.#reader;
    if (reader === undefined || reader.wait.isOver) {
      this.#inbox.push(frame);
      return;
    }
    this.#reader = undefined;
    try {
      reader.wait.done(this.#take(frame, reader.maxBytes));
    } catch (error) {
      reader.wait.fail(error);
    }
  }

  #take(frame: Frame, maxBytes: number): unknown {
    const twin = this.#twin;
    if (twin !== undefined) twin.#acknowledged(frame.bytes);
    if (frame.bytes > maxBytes) throw failed('FRAME_TOO_LARGE');
    try {
      return JSON.parse(frame.text) as unknown;
    } catch {
      throw failed('FRAME_MALFORMED');
    }
  }

  #acknowledged(bytes: number): void {
    this.#outstanding -= bytes;
    if (this.#writers.length === 0 || this.#outstanding > WINDOW_BYTES) return;
    const writers = this.#writers;
    this.#writers = [];
    this.#side.network.sim.schedule(
      this.#side.network.links.oneWayMs(this.remote.peer, this.#side.endpoint.host),
      () => {
        for (const writer of writers) writer.done();
      },
      this.#side.endpoint.process,
    );
  }

  #remoteClosed(): void {
    this.#hasRemoteClosed = true;
    this.#releaseReader((reader) => reader.wait.done(undefined));
    if (this.#hasClosedWrite) this.#finish();
  }

  #wasReset(): void {
    if (this.#isOver) return;
    this.#isReset = true;
    this.#releaseReader((reader) => reader.wait.fail(failed('STREAM_RESET')));
    for (const writer of this.#writers.splice(0)) writer.fail(failed('STREAM_RESET'));
    this.#finish();
  }

  #releaseReader(settle: (reader: Reader) => void): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) settle(reader);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end.onReset.delete(this.#onConnectionReset);
    this.#side.onEnded(this);
    this.#resolveEnded();
  }
}

const MESSAGES = {
  STREAM_RESET: 'the stream was reset',
  STREAM_CLOSED: 'the stream is closed',
  STREAM_TIMEOUT: 'no answer in time',
  FRAME_TOO_LARGE: 'the frame is too long',
  FRAME_MALFORMED: 'the frame is not JSON',
} as const;

function failed(code: keyof typeof MESSAGES): Error {
  return discoveryErrors.create(code, MESSAGES[code]);
}
