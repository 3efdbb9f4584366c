import type { FastifyError } from 'fastify';
import { defineErrors, errorCode, type Logger, MusterError } from '@muster/core';

/** Errors of the HTTP interface (spec section 14). */
export const httpErrors = defineErrors({
  admin_not_configured: {
    summary: 'The server has no admin token, so that admin functions are off.',
    hint: 'Start it with --admin-token-file.',
  },
  unauthorized: {
    summary: 'The admin token is missing or wrong.',
    hint: 'Send it in the header X-Admin-Token; it is not read from the address.',
  },
  insufficient_scope: {
    summary: 'The admin token is not for this.',
    hint: 'Use a token with the scope that the message names.',
  },
  local_only: {
    summary: 'This address answers on the machine itself only.',
    hint: 'Call it on a loopback address of the server, without a proxy in between.',
  },
  host_not_allowed: {
    summary: 'The Host header names another host than this machine.',
    hint: 'Call http://127.0.0.1:<port> or http://localhost:<port>.',
  },
  cross_origin: { summary: 'A page of another site made the browser send this request.' },
  bad_request: { summary: 'The request does not have the form that the interface description asks for.' },
  body_too_large: { summary: 'The body of the request is larger than its limit.' },
  not_found: { summary: 'There is nothing at this address.' },
  not_saved: {
    summary: 'The change is in force, and could not be written to the disk.',
    hint: 'Look at the disk of the server, then make the change again.',
  },
  not_ready: {
    summary: 'The registry is still starting, or has failed.',
    hint: '`GET /readyz` says why.',
  },
  snapshot_failed: {
    summary: 'The snapshot could not be written.',
    hint: 'The log of the server says why; the previous snapshot and the write-ahead log are still there.',
  },
  too_many_readers: {
    summary: 'As many readers as are allowed follow the events already.',
    hint: 'End one of them, or try again later.',
  },
  internal: { summary: 'The server failed.', hint: 'Its log says why.' },
});

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  admin_not_configured: 401,
  unauthorized: 401,
  insufficient_scope: 403,
  local_only: 403,
  host_not_allowed: 403,
  cross_origin: 403,
  bad_request: 400,
  not_found: 404,
  not_saved: 500,
  not_ready: 503,
  snapshot_failed: 500,
  too_many_readers: 503,
  breaker_unknown: 404,
  breaker_state_unknown: 400,
  breaker_open: 503,
  whitelist_invalid: 400,
};

/** What a caller sees of an error. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: { readonly error: string; readonly code: string };
}

/** Turns an error into an answer. What is not meant for callers is logged, and answered as `internal`. */
export function answerOf(error: unknown, logger: Logger): ErrorAnswer {
  if (error instanceof MusterError) {
    const status = STATUS_BY_CODE[error.code];
    if (status !== undefined) return { status, body: { error: error.message, code: error.code } };
  }
  const refused = refusalOfFramework(error);
  if (refused !== undefined) return refused;
  logger.error({ error }, 'HTTP request failed');
  return { status: 500, body: { error: 'internal error', code: 'internal' } };
}

/** What the framework refused before a handler saw it: 4xx, with a text about the request alone. */
function refusalOfFramework(error: unknown): ErrorAnswer | undefined {
  if (!(error instanceof Error)) return undefined;
  const { statusCode = 500, validation }: Partial<FastifyError> = error;
  if (validation !== undefined) {
    return { status: 400, body: { error: `bad request: ${error.message}`, code: 'bad_request' } };
  }
  if (statusCode === 413) return { status: 413, body: { error: 'body too large', code: 'body_too_large' } };
  if (statusCode < 400 || statusCode > 499) return undefined;
  const text = errorCode(error)?.startsWith('FST_') === true ? error.message : 'malformed JSON';
  return { status: statusCode, body: { error: `bad request: ${text}`, code: 'bad_request' } };
}

/** Waits for a change that takes force at once and is then written; a failed write becomes `not_saved`. */
export async function saved(change: Promise<void>, what: string): Promise<void> {
  try {
    await change;
  } catch (cause) {
    if (cause instanceof MusterError) throw cause;
    const code = errorCode(cause) ?? 'unknown error';
    throw httpErrors.create('not_saved', `${what} is in force, but could not be saved: ${code}`, { cause });
  }
}
