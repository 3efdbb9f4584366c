/** Frames over a libp2p stream (discovery spec sections 7.2 and 7.4); the fault model is that of {@link StreamCore}. */

import type { Stream } from '@libp2p/interface';
import type { Timers } from '@muster/core';
import { encodeFrame, FrameDecoder } from '../../wire/frame-decoder.ts';
import type { Deadline, FrameStream, RemotePeer } from '../overlay.ts';
import { StreamCore } from './stream-core.ts';

export class Libp2pFrameStream implements FrameStream {
  readonly #core: StreamCore;
  readonly #decoder = new FrameDecoder();

  constructor(stream: Stream, remote: RemotePeer, timers: Timers) {
    this.#core = new StreamCore(stream, remote, timers, this.#decoder);
  }

  get remote(): RemotePeer {
    return this.#core.remote;
  }

  get protocol(): string {
    return this.#core.protocol;
  }

  get ended(): Promise<void> {
    return this.#core.ended;
  }

  /** Whether {@link close} or {@link closeWrite} was called, so that the end is under way. */
  get isClosing(): boolean {
    return this.#core.isClosing;
  }

  async write(message: object, deadline: Deadline): Promise<void> {
    await this.#core.write(encodeFrame(message), deadline);
  }

  async read(options: Deadline & { readonly maxBytes: number }): Promise<unknown> {
    const frame = await this.#core.read(options, () => this.#decoder.next(options.maxBytes));
    return frame?.value;
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
