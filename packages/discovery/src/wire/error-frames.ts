/** Error frames (discovery spec 7.3): the one frame that a responder writes before it refuses. */

import type { MusterError } from '@muster/core';
import { discoveryErrors } from '../errors.ts';
import type { ErrorFrame, WireError, WireErrorCode } from './messages.ts';

const SECOND_MS = 1_000;

/** An error frame. `retry_after` goes out in seconds, whole ones from the first second on, rounded up. */
export function errorFrame(
  code: WireErrorCode,
  message: string,
  extra: { readonly retryAfterMs?: number; readonly score?: number; readonly minScore?: number } = {},
): ErrorFrame {
  return {
    error: {
      code,
      message,
      ...(extra.retryAfterMs !== undefined && { retry_after: secondsOf(extra.retryAfterMs) }),
      ...(extra.score !== undefined && { score: extra.score }),
      ...(extra.minScore !== undefined && { min_score: extra.minScore }),
    },
  };
}

/** What a caller gets when the other side answered with an error frame: REFUSED, with the code in `details.code`. */
export function refusedError(error: WireError): MusterError {
  return discoveryErrors.create('REFUSED', `refused with ${error.code}: ${error.message}`, {
    details: {
      code: error.code,
      ...(error.retry_after !== undefined && { retryAfterMs: error.retry_after * SECOND_MS }),
      ...(error.score !== undefined && { score: error.score }),
      ...(error.min_score !== undefined && { minScore: error.min_score }),
    },
  });
}

function secondsOf(ms: number): number {
  // Readers may take only whole seconds; only tests with scaled time wait for less than one.
  if (ms >= SECOND_MS) return Math.ceil(ms / SECOND_MS);
  return Math.ceil(Math.max(0, ms)) / SECOND_MS;
}
