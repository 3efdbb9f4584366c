import { defineErrors, type Logger, MusterError } from '@muster/core';

/** What the status endpoint answers with when it does not do what was asked. */
export const statusErrors = defineErrors({
  bad_request: { summary: 'The request does not have the form that the reference describes.' },
  not_found: { summary: 'There is nothing at this address.' },
  method_not_allowed: { summary: 'The status endpoint is asked with GET.' },
  local_only: {
    summary: 'The status endpoint answers on the machine itself only.',
    hint: 'Call it on its loopback address, without a proxy in between.',
  },
  host_not_allowed: {
    summary: 'The Host header names another host than this machine.',
    hint: 'Call http://127.0.0.1:<port> or http://localhost:<port>.',
  },
  cross_origin: { summary: 'A page of another site made the browser send this request.' },
  too_many: {
    summary: 'Too many searches, lookups or event streams run at once.',
    hint: 'End one, or try again later.',
  },
  not_indexer: {
    summary: 'The process is no indexer.',
    hint: 'Ask an indexer, or give it the role (NODE_MODE).',
  },
  not_in_pool: {
    summary: 'The peer is not in the pool of this process, so that it has no score here.',
    hint: '`muster peers list` names those that are.',
  },
  stopping: { summary: 'The process is stopping.' },
  internal: { summary: 'The process failed to answer.', hint: 'Its log says why.' },
});

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  bad_request: 400,
  not_found: 404,
  method_not_allowed: 405,
  local_only: 403,
  host_not_allowed: 403,
  cross_origin: 403,
  too_many: 429,
  not_indexer: 404,
  not_in_pool: 404,
  stopping: 503,
  PEER_NOT_FOUND: 404,
  PEER_OFFLINE: 404,
  NO_INDEXER: 503,
  RECORD_INVALID: 502,
  SHUTTING_DOWN: 503,
};

/** What a caller sees of an error. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: { readonly error: string; readonly code: string };
}

/** Turns an error into an answer; what is not meant for callers is logged and answered as `internal`. */
export function answerOf(error: unknown, logger: Logger): ErrorAnswer {
  if (error instanceof MusterError) {
    const status = STATUS_BY_CODE[error.code];
    if (status !== undefined) return { status, body: { error: error.message, code: error.code } };
  }
  logger.error({ error }, 'status request failed');
  return { status: 500, body: { error: 'internal error', code: 'internal' } };
}
