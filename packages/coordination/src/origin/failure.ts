/** Failures at origins (coordination spec 15.4, 3.5), and what a status means. */

import { MusterError } from '@muster/core';
import { coordinationErrors } from '../errors.ts';
import type { OriginFailure } from '../parts.ts';
import type { Digest, FailureClass, ObjectKind, Repository } from '../types.ts';

/** The object that a request is for. */
export interface OriginSubject extends Repository {
  readonly digest: Digest;
  readonly kind: ObjectKind;
}

/** What went wrong, without the object. */
export interface FailureFacts {
  readonly failureClass: FailureClass;
  readonly status?: number;
  readonly retryAfterMs?: number;
  /** Our own limit, not the origin's answer: no reason for a cool-down (15.5). */
  readonly isLocal?: boolean;
}

/** Longest `Retry-After` that is believed: the longest cool-down is shorter anyway. */
const MAX_RETRY_AFTER_MS = 86_400_000;

/** The class of an answer that is not the content. */
export function statusClass(status: number): FailureClass {
  if (status === 401 || status === 403) return 'auth';
  if (status === 404) return 'not_found';
  return status === 429 ? 'rate_limited' : 'transient';
}

/** `Retry-After`, seconds or a date, as milliseconds from `now`; undefined when it says nothing. */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  const value = text?.trim() ?? '';
  let ms: number;
  if (/^\d{1,10}$/.test(value)) ms = Number(value) * 1_000;
  else if (/^[A-Z][a-z]{2,8}, ?\d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} [\d:]{8} GMT$/.test(value)) {
    ms = Date.parse(value) - now;
  } else return undefined;
  return Number.isNaN(ms) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms));
}

/** The facts of an answer that is not the content. */
export function factsOfStatus(status: number, retryAfter: string | undefined, now: number): FailureFacts {
  const failureClass = statusClass(status);
  const retryAfterMs = failureClass === 'rate_limited' ? parseRetryAfter(retryAfter, now) : undefined;
  return { failureClass, status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** The error ORIGIN_FAILED with its details. */
export function originError(
  subject: OriginSubject,
  facts: FailureFacts,
  message: string,
  cause?: unknown,
): MusterError<'ORIGIN_FAILED'> {
  const { registry, repository, digest, kind } = subject;
  const details: OriginFailure = { registry, repository, digest, kind, ...facts };
  return coordinationErrors.create('ORIGIN_FAILED', message, {
    details: { ...details },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The details of an ORIGIN_FAILED error; undefined for any other error. */
export function originFailureOf(error: unknown): OriginFailure | undefined {
  if (!(error instanceof MusterError) || error.code !== 'ORIGIN_FAILED') return undefined;
  return error.details as unknown as OriginFailure;
}

/** A failure of a request before it is known for which object it was made: between `OriginHttp` and the client only. */
export class RequestFailure extends Error {
  readonly facts: FailureFacts;

  constructor(facts: FailureFacts, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.facts = facts;
  }
}
