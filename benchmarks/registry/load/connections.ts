import { connect, type Socket } from 'node:net';
import { heartbeatFrame } from './frames.ts';

const PREAMBLE = Buffer.from([0x50, 0x49, 0x4c, 0x54, 1]);
const LOOKUP_FRAME = Buffer.from([0, 0, 0, 5, 2, 0, 0, 0, 1]);
const HEARTBEAT_OK_BYTES = 14;
const OPENED_AT_ONCE = 200;

async function openBinary(port: number): Promise<Socket> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opened = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(opened));
    opened.once('error', reject);
  });
  socket.write(PREAMBLE);
  return socket;
}

function nextData(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('data', () => resolve());
    socket.once('close', () => reject(new Error('the server closed a connection')));
  });
}

/** Opens connections that each look one node up and then rest. */
export async function openIdle(port: number, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const wave = Math.min(OPENED_AT_ONCE, count - sockets.length);
    const opened = await Promise.all(Array.from({ length: wave }, () => openBinary(port)));
    await Promise.all(
      opened.map((socket) => {
        const answered = nextData(socket);
        socket.write(LOOKUP_FRAME);
        return answered;
      }),
    );
    sockets.push(...opened);
  }
  return sockets;
}

/** One client whose heartbeats follow one another at a millisecond; what the worst one waited. */
export class HeartbeatProbe {
  readonly #socket: Socket;
  readonly #frame = heartbeatFrame(1);
  #sentAt = 0;
  #worstMs = 0;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#answered(chunk));
  }

  static async start(port: number): Promise<HeartbeatProbe> {
    const probe = new HeartbeatProbe(await openBinary(port));
    probe.#send();
    return probe;
  }

  /** Forgets what was seen so far. */
  reset(): void {
    this.#worstMs = 0;
    this.#count = 0;
  }

  read(): { readonly worstMs: number; readonly heartbeats: number } {
    return { worstMs: this.#worstMs, heartbeats: this.#count };
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#socket.destroy();
  }

  #send(): void {
    this.#sentAt = performance.now();
    this.#socket.write(this.#frame);
  }

  #answered(chunk: Buffer): void {
    if (chunk.length !== HEARTBEAT_OK_BYTES || chunk[4] !== 0x81) throw new Error('not a heartbeat reply');
    this.#worstMs = Math.max(this.#worstMs, performance.now() - this.#sentAt);
    this.#count++;
    this.#timer = setTimeout(() => this.#send(), 1);
  }
}
