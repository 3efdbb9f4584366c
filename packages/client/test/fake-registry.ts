import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

type Json = Record<string, unknown>;

/** A request as the fake server received it. */
export interface FakeRequest {
  readonly frame: Buffer;
  readonly encoding: 'binary' | 'json';
  /** 0 on a JSON connection. */
  readonly opcode: number;
  readonly payload: Buffer;
  /** The JSON object; empty for the native operations. */
  readonly message: Json;
  /** Counts connections from 1. */
  readonly connection: number;
  /** Counts requests of the connection from 1. */
  readonly index: number;
}

/** How a script answers. */
export class FakeConnection {
  readonly socket: Socket;
  encoding: 'binary' | 'json' | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  answer(message: Json): void {
    this.socket.write(this.frameOf(message));
  }

  native(opcode: number, payload: Uint8Array): void {
    this.socket.write(binaryFrame(opcode, payload));
  }

  frameOf(message: Json): Buffer {
    const body = Buffer.from(JSON.stringify(message));
    return this.encoding === 'binary' ? binaryFrame(0, body) : Buffer.concat([u32(body.length), body]);
  }

  /** An error in the form that fits the request. */
  refuse({ opcode }: FakeRequest, text: string, more: Json = {}): void {
    if (opcode === 0) this.answer({ error: text, type: 'error', ...more });
    else
      this.native(0xff, Buffer.concat([Buffer.of(text.length >> 8, text.length & 0xff), Buffer.from(text)]));
  }
}

/** What the server does with each request. */
export type Script = (request: FakeRequest, connection: FakeConnection) => void | Promise<void>;

/** A registry that does what a script says, on loopback. */
export class FakeRegistry implements AsyncDisposable {
  readonly requests: FakeRequest[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections accepted so far. */
  connections = 0;
  script: Script;

  private constructor(script: Script, tls?: { key: string; cert: string }) {
    this.script = script;
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
    this.#server.on('tlsClientError', () => undefined);
  }

  static async start(
    script: Script,
    options: { tls?: { key: string; cert: string }; port?: number } = {},
  ): Promise<FakeRegistry> {
    const fake = new FakeRegistry(script, options.tls);
    await new Promise<void>((resolve) => fake.#server.listen(options.port ?? 0, '127.0.0.1', resolve));
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  get types(): string[] {
    return this.requests.map((request) => String(request.message['type'] ?? request.opcode));
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dropConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    const connection = new FakeConnection(socket);
    const number = ++this.connections;
    let held = Buffer.alloc(0);
    let index = 0;
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      if (connection.encoding === undefined) {
        if (held.length < 5) return;
        connection.encoding = held.subarray(0, 5).toString('hex') === '50494c5401' ? 'binary' : 'json';
        if (connection.encoding === 'binary') held = held.subarray(5);
      }
      while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
        const frame = held.subarray(0, 4 + held.readUInt32BE(0));
        held = held.subarray(frame.length);
        const binary = connection.encoding === 'binary';
        const opcode = binary ? (frame[4] ?? 0) : 0;
        const payload = frame.subarray(binary ? 5 : 4);
        const request: FakeRequest = {
          frame,
          encoding: connection.encoding,
          opcode,
          payload,
          message: opcode === 0 ? (JSON.parse(payload.toString()) as Json) : {},
          connection: number,
          index: ++index,
        };
        this.requests.push(request);
        void this.script(request, connection);
      }
    });
  }
}

export function binaryFrame(opcode: number, payload: Uint8Array): Buffer {
  return Buffer.concat([u32(1 + payload.length), Buffer.of(opcode), payload]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The reply to each type that a test asks for, with everything else refused. */
export function answering(replies: Readonly<Record<string, Json>>): Script {
  return (request, connection) => {
    const type = String(request.message['type']);
    const reply = replies[type];
    if (reply === undefined) connection.refuse(request, `unknown message type: "${type}"`);
    else connection.answer({ type: `${type}_ok`, ...reply });
  };
}
