import type { Writable } from 'node:stream';

/** Resolves when the stream takes more, or is closed. */
export async function drained(stream: Writable): Promise<void> {
  if (stream.destroyed || !stream.writableNeedDrain) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => resolve();
  stream.on('drain', done).on('close', done);
  await promise;
  stream.off('drain', done).off('close', done);
}
