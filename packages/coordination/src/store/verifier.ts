import { createHash } from 'node:crypto';
import type { Logger, Timers } from '@muster/core';
import { DIGEST_PREFIX } from '../digest.ts';
import type { Digest } from '../types.ts';
import type { StoreFiles } from './files.ts';
import type { StoreLayout } from './layout.ts';

const CHUNK_BYTES = 1_048_576;
/** Upper bound of the background's reading (16.5). */
const MAX_BYTES_PER_SECOND = 52_428_800;
/** How long a store that is in use is left alone before it is looked at again. */
const BUSY_PAUSE_MS = 1_000;

export interface VerifierParts {
  readonly files: StoreFiles;
  readonly layout: StoreLayout;
  readonly timers: Timers;
  readonly logger: Logger;
  /** True while objects are being read or written for others. */
  readonly isBusy: () => boolean;
  readonly onCorrupt: (digest: Digest) => Promise<void>;
}

/**
 * Reads objects again and compares their digests (16.5). With `isPaced` no faster than 50 MiB/s, and only while the store
 * is idle. Ends early, without an error, when the signal is aborted. What cannot be read is left to whoever opens it.
 */
export async function verifyObjects(
  parts: VerifierParts,
  digests: readonly Digest[],
  options: { readonly isPaced: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (const digest of digests) {
    try {
      if (await isIntact(parts, digest, buffer, options)) continue;
      parts.logger.warn({ digest }, 'a stored object is corrupt and was removed');
      await parts.onCorrupt(digest);
    } catch (error) {
      if (options.signal.aborted) return;
      parts.logger.debug({ digest, err: error }, 'a stored object could not be verified');
    }
  }
}

async function isIntact(
  parts: VerifierParts,
  digest: Digest,
  buffer: Uint8Array,
  { isPaced, signal }: { readonly isPaced: boolean; readonly signal: AbortSignal },
): Promise<boolean> {
  const file = await parts.files.open(parts.layout.pathOf(digest));
  try {
    const hash = createHash('sha256');
    for (let position = 0; ;) {
      signal.throwIfAborted();
      if (isPaced) await untilIdle(parts, signal);
      const read = await file.read(position, buffer);
      hash.update(buffer.subarray(0, read));
      position += read;
      if (read < buffer.length) break;
      if (isPaced) await parts.timers.sleep((read * 1_000) / MAX_BYTES_PER_SECOND, signal);
    }
    if (isPaced) await parts.timers.sleep(1, signal);
    return `${DIGEST_PREFIX}${hash.digest('hex')}` === digest;
  } finally {
    await file.close();
  }
}

async function untilIdle({ isBusy, timers }: VerifierParts, signal: AbortSignal): Promise<void> {
  while (isBusy()) await timers.sleep(BUSY_PAUSE_MS, signal);
}
