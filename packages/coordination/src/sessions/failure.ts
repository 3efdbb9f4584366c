/** What a failed session means to a client (coordination spec 13.10). */

import { errorCode, MusterError } from '@muster/core';
import type { FailureClass } from '../types.ts';

export type FailureKind =
  | 'auth'
  | 'not_found'
  | 'rate_limited'
  | 'cooldown'
  | 'exhausted'
  | 'storage'
  | 'shutdown'
  | 'unclassified';

export interface SessionFailure {
  readonly kind: FailureKind;
  /** Wall clock, when it is known until when asking again is in vain. */
  readonly until: number | undefined;
  readonly retryAfterMs: number | undefined;
}

const BY_CODE: Readonly<Record<string, FailureKind>> = {
  COOLDOWN_ACTIVE: 'cooldown',
  CASCADE_EXHAUSTED: 'exhausted',
  WARM_PATH_EXHAUSTED: 'exhausted',
  FALLBACK_DECLINED: 'exhausted',
  STORAGE_UNAVAILABLE: 'storage',
  SHUTTING_DOWN: 'shutdown',
};

/** Reads an error of a session, whoever made it. */
export function classifyFailure(error: unknown): SessionFailure {
  const details = error instanceof MusterError ? error.details : {};
  const { cooldownUntil, failureClass, retryAfterMs } = details as {
    readonly cooldownUntil?: unknown;
    readonly failureClass?: unknown;
    readonly retryAfterMs?: unknown;
  };
  return {
    kind: kindOfClass(failureClass) ?? BY_CODE[errorCode(error) ?? ''] ?? 'unclassified',
    until: typeof cooldownUntil === 'number' ? cooldownUntil : undefined,
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
  };
}

function kindOfClass(failureClass: unknown): FailureKind | undefined {
  switch (failureClass as FailureClass | undefined) {
    case 'auth':
    case 'not_found':
    case 'rate_limited':
      return failureClass as FailureKind;
    case 'transient':
      return 'cooldown';
    default:
      return undefined;
  }
}
