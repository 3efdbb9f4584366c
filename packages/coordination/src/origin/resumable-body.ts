/**
 * The body of one pull, over as many connections as it takes (coordination spec 15.5).
 *
 * Fault model: a body may break off at any byte, and the next answer may begin elsewhere, be of another size, or never end.
 * What comes out are the bytes from `offset` on, each once and in order, as far as the origin can be believed; whether they
 * are the right ones is decided by the digest. An answer that begins too early, a whole one included, is skipped as far as
 * needed: that fetches no more than beginning anew, and readers of what has arrived need not be cut.
 */

import type { Random, Timers } from '@muster/core';
import { RequestFailure } from './failure.ts';
import { TRANSIENT } from './http.ts';

/** Pauses before a broken body is continued, in milliseconds, give or take {@link RESUME_JITTER}. */
export const RESUME_PAUSES_MS: readonly number[] = [500, 2_000, 5_000];
/** Share of a pause by which it is varied. */
export const RESUME_JITTER = 0.2;

/** One answer with content. */
export interface BodyPart {
  readonly body: AsyncIterable<Uint8Array>;
  /** Position in the object of the first byte of `body`. */
  readonly start: number;
  /** Of the whole object. */
  readonly size: number | undefined;
}

export interface ResumableOptions {
  readonly first: BodyPart;
  /** The first byte to give. */
  readonly offset: number;
  /** The object from `offset` on. Rejects {@link RequestFailure}; one with a status ends the pull. */
  readonly reopen: (offset: number) => Promise<BodyPart>;
  readonly timers: Pick<Timers, 'sleep'>;
  readonly random: Pick<Random, 'fraction'>;
  readonly signal: AbortSignal;
  /** Bytes have come from the origin, those that are skipped included. */
  readonly onBytes: (bytes: number) => void;
  readonly onResumed: () => void;
}

/** The bytes from `offset` to the end. Throws {@link RequestFailure} when the body cannot be had in full. */
export async function* resumableBody(options: ResumableOptions): AsyncGenerator<Uint8Array, void> {
  const { first, reopen, signal } = options;
  const { size } = first;
  let at = options.offset;
  let part: BodyPart | undefined = first;
  for (let resumes = 0; ; resumes++) {
    let failure: RequestFailure;
    try {
      part ??= await continued(reopen, at, size, options.onResumed);
      for await (const bytes of bytesFrom(part, at, options.onBytes)) {
        at += bytes.length;
        if (size !== undefined && at > size)
          throw new FinalFailure(TRANSIENT, `the body exceeds its ${size} bytes`);
        yield bytes;
      }
      if (size === undefined || at === size) return;
      failure = new RequestFailure(TRANSIENT, `the body ended after ${at} of ${size} bytes`);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!mayResume(error)) throw error;
      failure = error;
    }
    const pauseMs = RESUME_PAUSES_MS[resumes];
    if (at === 0 || pauseMs === undefined) throw failure;
    const factor = 1 - RESUME_JITTER + 2 * RESUME_JITTER * options.random.fraction();
    await options.timers.sleep(pauseMs * factor, signal);
    part = undefined;
  }
}

/** A failure that asking again will not mend. */
class FinalFailure extends RequestFailure {}

function mayResume(error: unknown): error is RequestFailure {
  return (
    error instanceof RequestFailure && !(error instanceof FinalFailure) && error.facts.status === undefined
  );
}

async function continued(
  reopen: ResumableOptions['reopen'],
  at: number,
  size: number | undefined,
  onResumed: () => void,
): Promise<BodyPart> {
  const part = await reopen(at);
  if (size !== undefined && part.size !== undefined && part.size !== size) {
    throw new FinalFailure(
      TRANSIENT,
      `the origin gives the object two sizes, ${size} and ${part.size} bytes`,
    );
  }
  onResumed();
  return part;
}

async function* bytesFrom(
  part: BodyPart,
  at: number,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void> {
  let toSkip = at - part.start;
  for await (const chunk of part.body) {
    onBytes(chunk.length);
    if (chunk.length > toSkip) yield toSkip === 0 ? chunk : chunk.subarray(toSkip);
    toSkip = Math.max(0, toSkip - chunk.length);
  }
}
