/** One call to the control address of a fleet. */
import { errorCode } from '@muster/core';
import { fleetErrors } from './fleet-errors.ts';

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export interface ControlCall {
  /** `http://host:port` */
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly token?: string;
  readonly body?: object;
}

/**
 * What the fleet answers. Rejects CONTROL_UNREACHABLE; TICKET_REFUSED and CONTROL_UNAUTHORIZED when the fleet says so;
 * CONTROL_REFUSED for everything else that is no answer.
 */
export async function callControl({ url, method, path, token, body }: ControlCall): Promise<unknown> {
  const response = await ask(`${url}${path}`, {
    method,
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = await jsonOf(response);
  if (response.ok && answer !== undefined) return answer;
  throw refusalOf(response.status, answer);
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    const reason = errorCode((cause as Error).cause) ?? (cause as Error).message;
    const { host } = new URL(url);
    throw fleetErrors.create('CONTROL_UNREACHABLE', `no fleet answers at ${host} (${reason})`, {
      details: { host },
      cause,
    });
  }
}

async function jsonOf(response: Response): Promise<unknown> {
  const length = Number(response.headers.get('content-length') ?? 0);
  if (length > MAX_ANSWER_BYTES) return undefined;
  try {
    return (await response.json()) as unknown;
  } catch {
    return undefined;
  }
}

/** The codes that a caller is told as they are; another program on the port cannot make up others. */
const KNOWN = ['TICKET_REFUSED', 'CONTROL_UNAUTHORIZED', 'CONTROL_REQUEST', 'FLEET_FULL'] as const;

function refusalOf(status: number, answer: unknown): Error {
  const { error } = (typeof answer === 'object' && answer !== null ? answer : {}) as {
    error?: { code?: unknown; message?: unknown };
  };
  const message = typeof error?.message === 'string' ? error.message.slice(0, 500) : `status ${status}`;
  const code = KNOWN.find((each) => each === error?.code);
  if (code !== undefined) return fleetErrors.create(code, message);
  return fleetErrors.create('CONTROL_REFUSED', `what answers there is no fleet, or refuses: ${message}`);
}
