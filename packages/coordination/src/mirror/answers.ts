/** What the mirror tells clients when it has no object for them (coordination spec 13.10). */

import { classifyFailure, type FailureKind } from '../sessions/failure.ts';
import type { ObjectKind } from '../types.ts';

export interface ErrorAnswer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly retryAfterS?: number;
}

const MAX_RETRY_AFTER_S = 60;

const TRUTHFUL: Readonly<Partial<Record<FailureKind, number>>> = {
  auth: 401,
  not_found: 404,
  rate_limited: 429,
};

const MESSAGES: Readonly<Record<FailureKind, string>> = {
  auth: 'the origin refuses access',
  not_found: 'the origin does not have it',
  rate_limited: 'the origin asks for patience',
  cooldown: 'the origin failed a moment ago',
  exhausted: 'warm path exhausted',
  storage: 'the cache cannot take it',
  shutdown: 'agent shutting down',
  unclassified: 'it could not be fetched',
};

/** The answer to a failed session. `now` is the wall clock. */
export function answerToFailure(
  error: unknown,
  context: { readonly mode: 'fallthrough' | 'truthful'; readonly kind: ObjectKind; readonly now: number },
): ErrorAnswer {
  const { kind, until, retryAfterMs } = classifyFailure(error);
  const usual = kind === 'unclassified' ? 502 : 503;
  const status = context.mode === 'truthful' ? (TRUTHFUL[kind] ?? usual) : usual;
  const leftMs = until === undefined ? retryAfterMs : until - context.now;
  const isTimed = kind === 'rate_limited' || kind === 'cooldown';
  return {
    status,
    code: codeOf(kind, context.kind),
    message: MESSAGES[kind],
    ...(isTimed ? { retryAfterS: retryAfterOf(leftMs) } : {}),
  };
}

/** Whole seconds from 1 to 60; 1 when nobody knows. */
function retryAfterOf(leftMs: number | undefined): number {
  return Math.min(MAX_RETRY_AFTER_S, Math.max(1, Math.ceil((leftMs ?? 0) / 1_000)));
}

function codeOf(failure: FailureKind, kind: ObjectKind): string {
  switch (failure) {
    case 'auth':
      return 'UNAUTHORIZED';
    case 'not_found':
      return kind === 'manifest' ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN';
    case 'rate_limited':
      return 'TOOMANYREQUESTS';
    default:
      return 'UNAVAILABLE';
  }
}

/** The body of an error answer, as registries write it. */
export function errorBody({ code, message }: Pick<ErrorAnswer, 'code' | 'message'>): string {
  return JSON.stringify({ errors: [{ code, message }] });
}
