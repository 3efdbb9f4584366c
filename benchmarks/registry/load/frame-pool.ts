import { Socket } from 'node:net';

const PREAMBLE = Buffer.from([0x50, 0x49, 0x4c, 0x54, 1]);
const RECEIVE_BYTES = 256 * 1024;
const LENGTH_BYTES = 4;
const HEADER_BYTES = 5;
const ERROR_OPCODE = 0xff;

/** How a pool of connections asks. */
export interface FramePoolOptions {
  readonly port: number;
  /** Begin with the preamble of the binary encoding; an echo server has none. */
  readonly preamble: boolean;
  /** For each connection what it sends, each piece one write of `depth` frames. */
  readonly pieces: readonly (readonly Buffer[])[];
  /** Frames that are sent at once and answered before the next ones are sent. */
  readonly depth: number;
  /** Opcode that a reply must have. */
  readonly replyOpcode: number;
  /** Length field that a reply must have, or at least have. */
  readonly replyLength: { readonly exactly: number } | { readonly atLeast: number };
}

/** What a run counted. */
export interface FrameRun {
  readonly replies: number;
  readonly seconds: number;
  /** Of the load generator. */
  readonly cpuSeconds: number;
}

/**
 * Connections that each keep `depth` requests under way. The generator shares the machine with the server, so it does as
 * little as it can for a reply: all connections receive into one buffer, requests are made beforehand, and of a
 * reply only the length and the opcode are looked at. Whatever is wrong with a reply ends the run with an error.
 */
export class FramePool {
  readonly #options: FramePoolOptions;
  readonly #receive = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
  readonly #connections: Connection[] = [];
  #running = false;
  #replies = 0;
  #active = 0;
  #cycles = true;
  #idle: (() => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(options: FramePoolOptions) {
    this.#options = options;
  }

  static async open(options: FramePoolOptions): Promise<FramePool> {
    const pool = new FramePool(options);
    await Promise.all(options.pieces.map((pieces) => pool.#connect(pieces)));
    return pool;
  }

  /** Sends for `durationMs`; what is under way at the end is awaited and not counted. */
  async runFor(durationMs: number): Promise<FrameRun> {
    for (const connection of this.#connections) connection.end = connection.pieces.length;
    const start = this.#start(true);
    await Promise.race([start.failed, sleep(durationMs)]);
    const run = this.#figures(start);
    this.#running = false;
    await Promise.race([start.failed, start.idle]);
    return run;
  }

  /** Each connection sends its next `count` pieces, once. Throws when it has no more. */
  async runPieces(count: number): Promise<FrameRun> {
    for (const connection of this.#connections) {
      connection.end = connection.next + count;
      if (connection.end > connection.pieces.length) throw new RangeError('no requests left to send');
    }
    const start = this.#start(false);
    await Promise.race([start.failed, start.idle]);
    return this.#figures(start);
  }

  close(): void {
    for (const { socket } of this.#connections) socket.destroy();
  }

  #start(cycles: boolean): {
    readonly at: number;
    readonly cpu: NodeJS.CpuUsage;
    readonly idle: Promise<void>;
    readonly failed: Promise<never>;
  } {
    this.#running = true;
    this.#cycles = cycles;
    this.#replies = 0;
    this.#active = this.#connections.length;
    const idle = new Promise<void>((resolve) => (this.#idle = resolve));
    const failed = new Promise<never>((_, reject) => (this.#failed = reject));
    failed.catch(() => {});
    const cpu = process.cpuUsage();
    const at = performance.now();
    for (const connection of this.#connections) this.#send(connection);
    return { at, cpu, idle, failed };
  }

  #figures(start: { readonly at: number; readonly cpu: NodeJS.CpuUsage }): FrameRun {
    const seconds = (performance.now() - start.at) / 1000;
    const cpu = process.cpuUsage(start.cpu);
    return { replies: this.#replies, seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
  }

  async #connect(pieces: readonly Buffer[]): Promise<void> {
    const { port, preamble } = this.#options;
    let receive: (bytes: number) => void = () => {};
    const socket = new Socket({
      onread: {
        buffer: this.#receive,
        callback: (bytes: number) => {
          receive(bytes);
          return true;
        },
      },
    } as ConstructorParameters<typeof Socket>[0]);
    const connection: Connection = {
      socket,
      pieces,
      next: 0,
      end: pieces.length,
      awaited: 0,
      skip: 0,
      header: Buffer.alloc(HEADER_BYTES),
      headerBytes: 0,
    };
    receive = (bytes) => this.#received(connection, bytes);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, '127.0.0.1', () => {
        socket.off('error', reject);
        resolve();
      });
    });
    socket.on('error', (error) => this.#failed?.(error));
    socket.on('close', () => this.#failed?.(new Error('the server closed a connection')));
    socket.setNoDelay(true);
    if (preamble) socket.write(PREAMBLE);
    this.#connections.push(connection);
  }

  #send(connection: Connection): void {
    const piece = connection.pieces[connection.next++] as Buffer;
    connection.awaited = this.#options.depth;
    connection.socket.write(piece);
  }

  /** All replies that a connection waited for are there. */
  #answered(connection: Connection): void {
    if (connection.next >= connection.end) {
      if (!this.#cycles) return this.#rest();
      connection.next = 0;
    }
    if (this.#running) this.#send(connection);
    else this.#rest();
  }

  #rest(): void {
    if (--this.#active === 0) this.#idle?.();
  }

  #received(connection: Connection, bytes: number): void {
    const buffer = this.#receive;
    let at = 0;
    if (connection.headerBytes > 0) at = this.#completeHeader(connection, bytes);
    let skip = connection.skip;
    let replies = 0;
    if (skip > 0) {
      const taken = Math.min(skip, bytes - at);
      at += taken;
      skip -= taken;
      if (skip === 0) replies++;
    }
    while (bytes - at >= HEADER_BYTES) {
      const length = buffer.readUInt32BE(at);
      this.#check(length, buffer[at + LENGTH_BYTES] as number);
      const end = at + LENGTH_BYTES + length;
      if (end > bytes) {
        skip = end - bytes;
        at = bytes;
      } else {
        at = end;
        replies++;
      }
    }
    if (at < bytes) {
      buffer.copy(connection.header, 0, at, bytes);
      connection.headerBytes = bytes - at;
    }
    connection.skip = skip;
    if (replies === 0) return;
    this.#replies += replies;
    connection.awaited -= replies;
    if (connection.awaited < 0) this.#failed?.(new Error('more replies than requests'));
    if (connection.awaited === 0) this.#answered(connection);
  }

  /** The rest of a header that was cut: afterwards what is left of its frame is to be skipped. */
  #completeHeader(connection: Connection, bytes: number): number {
    const taken = Math.min(HEADER_BYTES - connection.headerBytes, bytes);
    this.#receive.copy(connection.header, connection.headerBytes, 0, taken);
    connection.headerBytes += taken;
    if (connection.headerBytes < HEADER_BYTES) return taken;
    const length = connection.header.readUInt32BE(0);
    this.#check(length, connection.header[LENGTH_BYTES] as number);
    connection.headerBytes = 0;
    connection.skip = length - 1;
    return taken;
  }

  #check(length: number, opcode: number): void {
    const { replyOpcode, replyLength } = this.#options;
    const isRightLength =
      'exactly' in replyLength ? length === replyLength.exactly : length >= replyLength.atLeast;
    if (opcode === replyOpcode && isRightLength) return;
    const kind = opcode === ERROR_OPCODE ? 'error frame' : `opcode ${opcode}`;
    const text = this.#receive.subarray(0, 120).toString('latin1');
    this.#failed?.(new Error(`${kind} of length ${length} instead of ${replyOpcode}: ${text}`));
  }
}

interface Connection {
  readonly socket: Socket;
  readonly pieces: readonly Buffer[];
  /** Index of the piece that is sent next. */
  next: number;
  /** Where the pieces of this run end. */
  end: number;
  /** Replies that are under way. */
  awaited: number;
  /** Bytes of the present reply that have not come yet. */
  skip: number;
  /** Beginning of a reply that was cut before the end of its opcode. */
  readonly header: Buffer;
  headerBytes: number;
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
