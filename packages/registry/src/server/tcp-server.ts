import { createServer, type Server, Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { errorCode, type Logger, type PeerAddress } from '@muster/core';
import type { AddressState } from '../admission/index.ts';
import type { SessionHost } from './session-host.ts';
import { SocketSink, WriteTurn } from './socket-sink.ts';

const RECEIVE_BYTES = 64 * 1024;
const MAX_ACCEPT_ERRORS = 10;
const BACKLOG = 4096;

export interface TcpServerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly sessions: SessionHost;
  readonly logger: Logger;
  readonly tls?: TlsOptions;
  /** Called once when the listener has failed for good: `accept: 10 consecutive errors, last: ..`. */
  readonly onFatal: (error: Error) => void;
}

/** A net.Socket whose connection can be handed to another one. */
interface OwnedHandle {
  _handle: object | null;
}

/**
 * Listens for connections and gives each a session. Plain connections receive into one buffer that all of them share: a
 * chunk is worked off before the next one is read, so an idle connection owns no buffer, and receiving allocates
 * nothing. The runtime offers that only to sockets that are made with it, so an accepted connection is handed over
 * to such a socket; should a future runtime not allow that, it is read in the ordinary way.
 */
export class TcpServer {
  readonly #options: TcpServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections in their TLS handshake, by remote address. They are admitted before it, because it is what costs. */
  readonly #handshakes = new Map<string, { readonly socket: Socket; readonly admitted: AddressState }>();
  readonly #receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
  readonly #writes = new WriteTurn();
  #acceptErrors = 0;

  constructor(options: TcpServerOptions) {
    this.#options = options;
    this.#server =
      options.tls === undefined
        ? createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#acceptPlain(socket))
        : createTlsServer({ ...options.tls, noDelay: true }, (socket) => this.#acceptTls(socket));
    if (options.tls !== undefined) {
      this.#server.on('connection', (socket: Socket) => this.#beginHandshake(socket));
      this.#server.on('tlsClientError', (error: Error) =>
        options.logger.debug({ error }, 'TLS handshake failed'),
      );
    }
  }

  /** Connections that are open. */
  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Begins to listen; resolves with the port. Rejects with the system's error (`EADDRINUSE`, `EACCES`, …). */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.removeListener('error', reject);
        this.#server.on('error', (error) => this.#acceptFailed(error));
        resolve();
      });
    });
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /** The TLS server, to exchange its certificate; undefined without TLS. */
  get tlsServer(): { setSecureContext(options: TlsOptions): void } | undefined {
    return this.#options.tls === undefined
      ? undefined
      : (this.#server as unknown as { setSecureContext(options: TlsOptions): void });
  }

  /** Stops accepting; connections stay. */
  async stopListening(): Promise<void> {
    this.#server.close();
    await Promise.resolve();
  }

  /** Closes what is still open, when the answers that have gathered are out. */
  closeConnections(): void {
    this.#writes.flush();
    for (const { socket } of this.#handshakes.values()) socket.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  #beginHandshake(socket: Socket): void {
    const { sessions } = this.#options;
    const source = sourceOf(socket);
    const admitted = sessions.admit(source);
    if (admitted === undefined) {
      socket.destroy();
      return;
    }
    const name = nameOf(source);
    this.#handshakes.set(name, { socket, admitted });
    socket.once('close', () => {
      if (this.#handshakes.get(name)?.socket !== socket) return;
      this.#handshakes.delete(name);
      sessions.admission.release(admitted);
    });
  }

  #acceptPlain(accepted: Socket): void {
    this.#acceptErrors = 0;
    const handle = (accepted as unknown as OwnedHandle)._handle;
    if (handle === null || handle === undefined) return this.#acceptOrdinarily(accepted);
    (accepted as unknown as OwnedHandle)._handle = null;
    accepted.destroy();
    let receive: (bytes: number) => void = () => {};
    const socket = new Socket({
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: this.#receiveBuffer,
        callback: (bytes: number) => {
          receive(bytes);
          return true;
        },
      },
    } as object);
    socket.setNoDelay(true);
    const session = this.#serve(socket);
    if (session === undefined) return;
    receive = (bytes) => session.receive(this.#receiveBuffer, 0, bytes);
    socket.resume();
  }

  /** For a runtime whose sockets do not let their connection be handed over. */
  #acceptOrdinarily(socket: Socket): void {
    const session = this.#serve(socket);
    if (session === undefined) return;
    socket.on('data', (chunk: Buffer) => session.receive(chunk, 0, chunk.length));
  }

  #acceptTls(socket: TLSSocket): void {
    this.#acceptErrors = 0;
    const name = nameOf(sourceOf(socket));
    const handshake = this.#handshakes.get(name);
    if (handshake === undefined) {
      socket.destroy();
      return;
    }
    this.#handshakes.delete(name);
    // Not before: a peer that goes away during the handshake is not waited for.
    socket.allowHalfOpen = true;
    const session = this.#serve(socket, handshake.admitted);
    if (session !== undefined) socket.on('data', (chunk: Buffer) => session.receive(chunk, 0, chunk.length));
  }

  #serve(socket: Socket, admitted?: AddressState): ReturnType<SessionHost['accept']> {
    const sink = new SocketSink(socket, this.#writes);
    const session = this.#options.sessions.accept(sink, sourceOf(socket), admitted);
    if (session === undefined) {
      socket.destroy();
      return undefined;
    }
    this.#sockets.add(socket);
    // The deadline for taking answers begins.
    sink.onBacklog = () => session.drained();
    socket.on('drain', () => session.drained());
    socket.on('end', () => session.inputEnded());
    socket.on('error', (error) =>
      this.#options.logger.debug({ code: errorCode(error) }, 'connection failed'),
    );
    socket.on('close', () => {
      this.#sockets.delete(socket);
      session.close();
    });
    return session;
  }

  #acceptFailed(error: Error): void {
    this.#acceptErrors++;
    this.#options.logger.warn({ error, consecutive: this.#acceptErrors }, 'accepting a connection failed');
    if (this.#acceptErrors === MAX_ACCEPT_ERRORS) {
      this.#options.onFatal(
        new Error(`accept: ${MAX_ACCEPT_ERRORS} consecutive errors, last: ${error.message}`, {
          cause: error,
        }),
      );
    }
  }
}

function nameOf({ address, port }: PeerAddress): string {
  return `${address} ${port}`;
}

function sourceOf(socket: Socket): PeerAddress {
  const address = socket.remoteAddress ?? '';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return { address: mapped?.[1] ?? address, port: socket.remotePort ?? 0 };
}
