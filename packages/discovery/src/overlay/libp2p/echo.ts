/**
 * The probe protocol P2 (discovery spec section 12.4): every byte comes back. The server stops after 128 KiB and after
 * 10 s, and serves one stream a caller; it holds no more than one chunk, and reads no further while it cannot write.
 */

import type { Stream } from '@libp2p/interface';
import type { Timers } from '@muster/core';
import type { DiscoveryConstants } from '../../constants.ts';
import { discoveryErrors } from '../../errors.ts';
import type { PeerId } from '../../wire/messages.ts';
import { raceAbort } from './deadline.ts';
import { attachInput, pauseInput, resumeInput } from './stream-input.ts';

type Limits = Pick<DiscoveryConstants, 'echoMaxBytes' | 'bandwidthProbeMs'>;

export class EchoServer {
  readonly #timers: Timers;
  readonly #limits: Limits;
  readonly #callers = new Set<PeerId>();

  constructor(timers: Timers, limits: Limits) {
    this.#timers = timers;
    this.#limits = limits;
  }

  serve(stream: Stream, caller: PeerId): void {
    if (this.#callers.has(caller)) {
      stream.abort(new Error('one probe at a time'));
      return;
    }
    this.#callers.add(caller);
    const timer = this.#timers.after(this.#limits.bandwidthProbeMs, () =>
      stream.abort(new Error('too slow')),
    );
    let left = this.#limits.echoMaxBytes;
    stream.addEventListener('drain', () => {
      if (left > 0) resumeInput(stream);
    });
    attachInput(stream, {
      onChunk: (chunk) => {
        const bytes = chunk.subarray(0, left);
        if (bytes.length === 0 || stream.writeStatus !== 'writable') return;
        left -= bytes.length;
        const mayGoOn = stream.send(bytes);
        if (!mayGoOn || left === 0) pauseInput(stream);
        if (left === 0) void finish(stream);
      },
      onEnd: () => void finish(stream),
      onClose: () => {
        timer.cancel();
        this.#callers.delete(caller);
      },
    });
  }
}

/** Sends the bytes, waits until all of them are back, and compares. Rejects STREAM_RESET, or as `signal` says. */
export async function echoOver(stream: Stream, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  const done = Promise.withResolvers<void>();
  let received = 0;
  const broken = (message: string): void =>
    done.reject(discoveryErrors.create('STREAM_RESET', message, { details: { received } }));
  attachInput(stream, {
    onChunk: (chunk) => {
      const expected = bytes.subarray(received, received + chunk.length);
      received += chunk.length;
      if (!Buffer.from(expected).equals(chunk)) broken('the echo differs');
      else if (received === bytes.length) done.resolve();
    },
    onEnd: () => broken('the echo is too short'),
    onClose: (reset) => broken(reset?.message ?? 'the stream was closed'),
  });
  try {
    stream.send(bytes);
    void finish(stream);
    await raceAbort(done.promise, signal);
  } finally {
    done.promise.catch(() => undefined);
    if (received < bytes.length) stream.abort(new Error('the probe has ended'));
  }
}

async function finish(stream: Stream): Promise<void> {
  try {
    await stream.close();
  } catch (error) {
    stream.abort(error as Error);
  }
}
