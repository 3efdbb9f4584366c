/** Bytes over a libp2p stream, as core's port has them; the fault model is that of {@link StreamCore}. */

import type { Stream } from '@libp2p/interface';
import type { PeerStream, Timers, WaitLimit } from '@muster/core';
import type { RemotePeer } from '../overlay.ts';
import { type InputBuffer, StreamCore } from './stream-core.ts';

class Chunks implements InputBuffer {
  #chunks: Uint8Array[] = [];
  bufferedBytes = 0;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.bufferedBytes += chunk.length;
  }

  end(): void {}

  take(): Uint8Array | undefined {
    if (this.#chunks.length === 0) return undefined;
    const [first] = this.#chunks;
    const all = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.bufferedBytes = 0;
    return all;
  }
}

export class Libp2pByteStream implements PeerStream {
  readonly remotePeer: string;
  readonly #core: StreamCore;
  readonly #chunks = new Chunks();

  constructor(stream: Stream, remote: RemotePeer, timers: Timers) {
    this.remotePeer = remote.peer;
    this.#core = new StreamCore(stream, remote, timers, this.#chunks);
  }

  get protocol(): string {
    return this.#core.protocol;
  }

  /** Whether {@link close} or {@link closeWrite} was called, so that the end is under way. */
  get isClosing(): boolean {
    return this.#core.isClosing;
  }

  write(data: Uint8Array, limit: WaitLimit): Promise<void> {
    return this.#core.write(data, limit);
  }

  read(limit: WaitLimit): Promise<Uint8Array | undefined> {
    return this.#core.read(limit, () => this.#chunks.take());
  }

  closeWrite(): Promise<void> {
    return this.#core.closeWrite();
  }

  close(): Promise<void> {
    return this.#core.close();
  }

  /** Gives the other side some time to end its half, then resets. */
  linger(): void {
    this.#core.linger();
  }

  reset(): void {
    this.#core.reset();
  }
}
