/**
 * The pre-shared key of the overlay (discovery spec section 4.2), in the format of libp2p's private networks: each side
 * sends 24 random bytes in the clear, and everything after them is XORed with XSalsa20 under the shared key and that
 * nonce.
 *
 * Fault model: the other side is anybody who can open a TCP connection. Who lacks the key reads only nonces, and what he
 * sends decrypts to noise, which is told from a libp2p connection within its first bytes: every one of those starts
 * with the header of multistream-select. The stream is not authenticated; Noise, which runs inside, is. Memory is one
 * small cipher state a direction, and freed with the connection.
 */

import type {
  AbortOptions,
  ConnectionProtector,
  Logger as Libp2pLogger,
  MessageStream,
  MultiaddrConnection,
  StreamCloseEvent,
  StreamMessageEvent,
} from '@libp2p/interface';
import { AbstractMessageStream } from '@libp2p/utils';
import type { Random } from '@muster/core';
import { NONCE_BYTES, XSalsa20Stream } from './xsalsa20.ts';

/** How every libp2p connection starts: a length and the name of multistream-select. */
const HEADER = Buffer.from('\x13/multistream/1.0.0\n', 'latin1');
/** Encrypted in one piece; what does not fit waits as it came, and the writer is told to wait. */
const SEND_BYTES = 65_536;
/** A connection whose writers ignore that they should wait is aborted. */
const MAX_WRITE_BUFFER = 32 * 1_048_576;

/** What a failed dial is recognised by; libp2p keeps only the text of an error. */
export const PSK_MISMATCH_TEXT = 'the other side does not have the same pre-shared key';
export const PSK_MISSING_TEXT = 'the other side uses no pre-shared key';

/** Other implementations just end the connection; it may have another cause, so that this is no more than a hint. */
const PSK_SUSPECTED_TEXT =
  'the connection ended right after the nonces, as it does when the pre-shared keys differ';

/** How a connection showed that its other side lacks the key. */
export interface PskMismatch {
  readonly direction: 'inbound' | 'outbound';
  /** Multiaddr of the other side. */
  readonly address: string;
  readonly reason: typeof PSK_MISMATCH_TEXT | typeof PSK_MISSING_TEXT;
}

/** Wraps connections for libp2p. `psk` has 32 bytes. `onMismatch` hears of every connection that is refused. */
export function pskProtector(
  psk: Uint8Array,
  random: Random,
  onMismatch: (mismatch: PskMismatch) => void,
): ConnectionProtector {
  if (psk.length !== 32) throw new RangeError('a pre-shared key has 32 bytes');
  const key = new Uint8Array(psk);
  return {
    protect: async (connection: MultiaddrConnection, options?: AbortOptions): Promise<MessageStream> => {
      const nonce = random.bytes(NONCE_BYTES);
      const stream = new ProtectedStream(connection, key, nonce, onMismatch);
      await stream.opened(options?.signal);
      return stream;
    },
  };
}

class ProtectedStream extends AbstractMessageStream {
  readonly #connection: MultiaddrConnection;
  readonly #key: Uint8Array;
  readonly #onMismatch: (mismatch: PskMismatch) => void;
  readonly #outbound: XSalsa20Stream;
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  readonly #ready = Promise.withResolvers<void>();
  #nonceBytes = 0;
  #inbound: XSalsa20Stream | undefined;
  /** Bytes of the header that have been seen. */
  #checked = 0;
  #isLeaving = false;

  constructor(
    connection: MultiaddrConnection,
    key: Uint8Array,
    nonce: Uint8Array,
    onMismatch: (mismatch: PskMismatch) => void,
  ) {
    super({
      log: connection.log as Libp2pLogger,
      direction: connection.direction,
      inactivityTimeout: connection.inactivityTimeout,
      maxReadBufferLength: connection.maxReadBufferLength,
      maxWriteBufferLength: MAX_WRITE_BUFFER,
      maxMessageSize: SEND_BYTES,
    });
    this.#connection = connection;
    this.#key = key;
    this.#onMismatch = onMismatch;
    this.#outbound = new XSalsa20Stream(key, nonce);
    // Nobody may be waiting when it fails later.
    this.#ready.promise.catch(() => undefined);
    connection.addEventListener('close', (event: StreamCloseEvent) => this.#onClose(event));
    connection.addEventListener('drain', () => this.safeDispatchEvent('drain'));
    connection.addEventListener('remoteCloseWrite', () => this.onRemoteCloseWrite());
    connection.addEventListener('message', (event: StreamMessageEvent) => this.#onMessage(event));
    connection.send(nonce);
  }

  /** Resolves when the nonce of the other side is there. */
  async opened(signal: AbortSignal | undefined): Promise<void> {
    if (signal === undefined) return this.#ready.promise;
    const onAbort = (): void => this.#ready.reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#ready.promise;
    } catch (error) {
      this.abort(error as Error);
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  sendData(data: Parameters<MultiaddrConnection['send']>[0]): { sentBytes: number; canSendMore: boolean } {
    const sentBytes = data.byteLength;
    return { sentBytes, canSendMore: this.#connection.send(this.#outbound.update(data.subarray())) };
  }

  sendReset(reason: Error): void {
    if (this.#isLeaving) void this.#leave();
    else this.#connection.abort(reason);
  }

  sendPause(): void {
    this.#connection.pause();
  }

  sendResume(): void {
    this.#connection.resume();
  }

  async close(options?: AbortOptions): Promise<void> {
    await this.#connection.close(options);
  }

  #onMessage(event: StreamMessageEvent): void {
    const data = event.data;
    try {
      if (data instanceof Uint8Array) this.#receive(data);
      else for (const chunk of data) this.#receive(chunk);
    } catch (error) {
      this.abort(error as Error);
    }
  }

  #receive(chunk: Uint8Array): void {
    if (this.status !== 'open') return;
    let rest = chunk;
    if (this.#inbound === undefined) {
      const part = chunk.subarray(0, NONCE_BYTES - this.#nonceBytes);
      this.#nonce.set(part, this.#nonceBytes);
      this.#nonceBytes += part.length;
      if (this.#nonceBytes < NONCE_BYTES) return;
      if (HEADER.equals(this.#nonce.subarray(0, HEADER.length))) return this.#refuse(PSK_MISSING_TEXT);
      this.#inbound = new XSalsa20Stream(this.#key, this.#nonce);
      this.#ready.resolve();
      rest = chunk.subarray(part.length);
    }
    if (rest.length === 0) return;
    const plain = this.#inbound.update(rest);
    if (!this.#isExpected(plain)) return this.#refuse(PSK_MISMATCH_TEXT);
    this.onData(plain);
  }

  /** Compares the first bytes of the stream with the header. */
  #isExpected(plain: Uint8Array): boolean {
    if (this.#checked >= HEADER.length) return true;
    const part = plain.subarray(0, HEADER.length - this.#checked);
    const isSame = HEADER.subarray(this.#checked, this.#checked + part.length).equals(part);
    this.#checked += part.length;
    return isSame;
  }

  #refuse(reason: PskMismatch['reason']): void {
    const { direction } = this;
    this.#onMismatch({ direction, address: this.#connection.remoteAddr.toString(), reason });
    const error = new Error(reason);
    this.#ready.reject(error);
    if (direction === 'inbound' && reason === PSK_MISMATCH_TEXT) {
      // A dialler with another key would wait for our header until it times out. It gets it, under our key, sees that
      // it is noise, and knows why; so what is sent must arrive before the connection ends.
      this.#isLeaving = true;
      this.#connection.send(this.#outbound.update(HEADER));
    }
    this.abort(error);
  }

  async #leave(): Promise<void> {
    try {
      await this.#connection.close();
    } catch (error) {
      this.#connection.abort(error as Error);
    }
  }

  #onClose(event: StreamCloseEvent): void {
    this.#ready.reject(event.error ?? new Error('the connection was closed before it was set up'));
    const isInDoubt = this.direction === 'outbound' && this.#inbound !== undefined && this.#checked === 0;
    if (isInDoubt && this.status === 'open') this.abort(new Error(PSK_SUSPECTED_TEXT));
    else if (event.error === undefined || event.error === null) this.onTransportClosed();
    else if (event.local === true) this.abort(event.error);
    else this.onRemoteReset();
  }
}
