/** What the HTTP servers of a fleet ask of a caller, and how they read and answer. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorCode, MusterError } from '@muster/core';
import { fleetErrors } from './fleet-errors.ts';

/** Largest body that is read. */
export const MAX_BODY_BYTES = 64 * 1024;

/** Whether the header carries the token; takes the same time for all that do not. */
export function hasBearer(authorization: string | undefined, token: string): boolean {
  const [, given = ''] = /^Bearer ([\w-]{1,200})$/.exec(authorization ?? '') ?? [];
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(token)) && given !== '';
}

/**
 * Whether the request names this server by a loopback name: a web page whose own name leads here (DNS rebinding) does not.
 */
export function isLoopbackRequest({ headers }: IncomingMessage, port: number): boolean {
  const names = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];
  return names.includes(headers.host?.toLowerCase() ?? '');
}

/** The JSON in a body; undefined for an empty one. Rejects CONTROL_REQUEST when it is too large or no JSON. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      throw fleetErrors.create('CONTROL_REQUEST', `the body is larger than ${MAX_BODY_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  // A page of another site cannot send this type without asking first, which is refused.
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    throw fleetErrors.create('CONTROL_REQUEST', 'the content type is not application/json');
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch (cause) {
    throw fleetErrors.create('CONTROL_REQUEST', 'the body is no JSON', { cause });
  }
}

/** Answers with JSON. */
export function answerJson(response: ServerResponse, status: number, value: object): void {
  response
    .writeHead(status, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    .end(`${JSON.stringify(value)}\n`);
}

const STATUS_BY_CODE: Readonly<Partial<Record<string, number>>> = {
  CONTROL_REQUEST: 400,
  CONTROL_UNAUTHORIZED: 401,
  TICKET_REFUSED: 403,
  FLEET_MEMBER_UNKNOWN: 404,
  FLEET_MEMBER_STATE: 409,
  FLEET_FULL: 429,
};

/** Answers with an error: code, message and hint; of a defect only that it is one. */
export function answerError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const isCoded = error instanceof MusterError;
  const status = (isCoded ? STATUS_BY_CODE[error.code] : undefined) ?? 500;
  const message = isCoded ? error.message : 'failed';
  const code = errorCode(error) ?? 'INTERNAL';
  answerJson(response, status, {
    error: { code, message, ...(isCoded && error.hint !== undefined ? { hint: error.hint } : {}) },
  });
}
