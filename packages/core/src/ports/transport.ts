/**
 * Byte streams between peers, as a port. Servers are written against {@link StreamSink} and `receive` calls, so
 * that a test, a fuzzer or the simulator can drive them without sockets.
 */

/** Where a stream comes from. */
export interface PeerAddress {
  /** A literal IP address, without brackets; IPv4-mapped IPv6 addresses are written as IPv4. */
  readonly address: string;
  readonly port: number;
}

/** The writing half of an accepted stream, and the brakes of its reading half. */
export interface StreamSink {
  /** Queues bytes; the caller leaves them alone from now on. Bytes after `end` or `destroy` are dropped. */
  write(data: Uint8Array): void;
  /** Bytes queued here and not yet taken by the network. */
  readonly bufferedBytes: number;
  /** Stops handing over received bytes until `resume`. Bytes already handed over are not taken back. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once; what is queued may be lost. */
  destroy(): void;
}
