import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';

/** What comes in over a stream, in order: chunks, then one end or reset. */
export interface StreamInput {
  readonly onChunk: (chunk: Uint8Array) => void;
  /** The other side has closed its writing half, and every byte was handed over. */
  readonly onEnd: () => void;
  /** The stream is over. After a reset, no end comes. */
  readonly onClose: (reset: Error | undefined) => void;
}

/**
 * Attaches to a stream that may have received data, and its end, before anybody listened. The library announces the end
 * before data that the negotiation of the protocol had read ahead and puts back; it is told here only after them.
 */
export function attachInput(stream: Stream, input: StreamInput): void {
  let isOver = false;
  const end = (): void => {
    // Before a reset, too, the library announces an end.
    if (isOver || stream.readBufferLength > 0 || isReset(stream)) return;
    isOver = true;
    input.onEnd();
  };
  const close = (reset: Error | undefined): void => {
    if (reset === undefined) {
      flush(stream);
      end();
    } else isOver = true;
    input.onClose(reset);
  };
  stream.addEventListener('message', ({ data }: StreamMessageEvent) => {
    if (data instanceof Uint8Array) input.onChunk(data);
    else for (const chunk of data) input.onChunk(chunk);
    if (stream.readableEnded) end();
  });
  stream.addEventListener('end', end);
  stream.addEventListener('close', ({ error }: StreamCloseEvent) => close(error ?? undefined));
  if (stream.readableEnded) end();
  if (stream.status === 'closed') close(undefined);
  else if (isReset(stream)) close(new Error('already reset'));
}

function isReset(stream: Stream): boolean {
  return stream.status === 'reset' || stream.status === 'aborted';
}

/** Stops reading from the network. */
export function pauseInput(stream: Stream): void {
  if (stream.readStatus === 'readable') stream.pause();
}

/** Goes on; what had been held back is handed over before this returns. */
export function resumeInput(stream: Stream): void {
  if (stream.readStatus === 'paused') stream.resume();
}

function flush(stream: Stream): void {
  if (stream.readBufferLength > 0) pauseInput(stream);
  resumeInput(stream);
}
