/**
 * Asks the services of a fleet over HTTP.
 *
 * Fault model: what answers may be slow, silent, gone, or something else than it should be. Every wait has an end, every answer a
 * largest size, and a stream that says nothing for long counts as broken.
 */
import { type IncomingMessage, request } from 'node:http';
import { errorCode } from '@muster/core';

/** The largest answer: a page of a thousand nodes, or an indexer with ten thousand. */
export const MAX_ANSWER_BYTES = 16_777_216;
/** The largest event of a stream. */
export const MAX_EVENT_BYTES = 8_388_608;
/** How long a single answer may take. */
export const ANSWER_TIMEOUT_MS = 5_000;
/** A stream that is silent for so long is broken; services say at least every 15 s that they are alive. */
export const SILENCE_MS = 40_000;

/** Where a service listens, and what it wants to be told. */
export interface Endpoint {
  /** `host:port` */
  readonly address: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A service did not answer as it should; the message is for people. */
export class ServiceTrouble extends Error {
  /** Status of the answer, when there was one. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ServiceTrouble';
    this.status = status;
  }
}

/** One event of a stream. */
export interface StreamEvent {
  readonly name: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** The JSON at a path. Rejects with ServiceTrouble, or the reason of the signal. */
export async function askJson(endpoint: Endpoint, path: string, signal: AbortSignal): Promise<unknown> {
  const text = await askText(endpoint, path, signal);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new ServiceTrouble('the answer is no JSON', 200, { cause });
  }
}

/** The text at a path. Rejects as {@link askJson}. */
export async function askText(endpoint: Endpoint, path: string, signal: AbortSignal): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  const response = await open(endpoint, path, {}, limit);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_ANSWER_BYTES) throw new ServiceTrouble('the answer is too large');
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    throw troubleOf(error, signal);
  }
  const text = Buffer.concat(chunks).toString();
  if (response.statusCode !== 200) throw refusal(response.statusCode ?? 0, text);
  return text;
}

/** Hands over the events of a stream until it ends. Rejects as {@link askJson}; the end of the stream is trouble, too. */
export async function followStream(
  endpoint: Endpoint,
  path: string,
  options: {
    readonly lastEventId?: string;
    readonly signal: AbortSignal;
    /** How long its beginning may take. @default ANSWER_TIMEOUT_MS */
    readonly answerTimeoutMs?: number;
    readonly onOpen?: () => void;
    readonly onEvent: (event: StreamEvent) => void;
  },
): Promise<never> {
  const { lastEventId, signal, answerTimeoutMs = ANSWER_TIMEOUT_MS, onOpen, onEvent } = options;
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  // The signal of a request lasts as long as its answer: the limit of its beginning must end with that.
  const opening = new AbortController();
  const tooLate = new DOMException('no answer in time', 'TimeoutError');
  const limit = setTimeout(() => opening.abort(tooLate), answerTimeoutMs);
  let response: IncomingMessage;
  try {
    const either = AbortSignal.any([signal, opening.signal]);
    response = await open(endpoint, path, { accept: 'text/event-stream', ...headers }, either);
  } finally {
    clearTimeout(limit);
  }
  if (response.statusCode !== 200) {
    response.destroy();
    throw refusal(response.statusCode ?? 0, '');
  }
  const onAbort = (): void => void response.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  response.setTimeout(SILENCE_MS, () => response.destroy(new ServiceTrouble('it has fallen silent')));
  const parser = new EventParser(onEvent);
  try {
    onOpen?.();
    for await (const chunk of response.setEncoding('utf8')) parser.push(chunk as string);
  } catch (error) {
    throw troubleOf(error, signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
    response.destroy();
  }
  signal.throwIfAborted();
  throw new ServiceTrouble('the connection ended');
}

/** Takes a stream of server-sent events apart. */
export class EventParser {
  readonly #onEvent: (event: StreamEvent) => void;
  #rest = '';

  constructor(onEvent: (event: StreamEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Throws ServiceTrouble when an event is too large. */
  push(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    if (this.#rest.length > MAX_EVENT_BYTES) throw new ServiceTrouble('an event is too large');
    for (const block of blocks) this.#take(block);
  }

  #take(block: string): void {
    let name = 'message';
    let id: string | undefined;
    const data: string[] = [];
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      if (colon <= 0) continue;
      const value = line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
      const field = line.slice(0, colon);
      if (field === 'event') name = value;
      else if (field === 'id') id = value;
      else if (field === 'data') data.push(value);
    }
    if (data.length > 0) this.#onEvent({ name, id, data: data.join('\n') });
  }
}

async function open(
  { address, headers }: Endpoint,
  path: string,
  more: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  try {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      // A connection of its own: a process that was stopped must not leave dead ones in a pool.
      const asked = request(
        `http://${address}${path}`,
        { headers: { ...headers, ...more }, agent: false, signal },
        resolve,
      );
      asked.once('error', reject);
      asked.end();
    });
  } catch (error) {
    throw troubleOf(error, signal);
  }
}

function troubleOf(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof ServiceTrouble) return error;
  if (signal.aborted && (signal.reason as Error | undefined)?.name !== 'TimeoutError') return signal.reason;
  if (signal.aborted || (error as Error).name === 'AbortError' || (error as Error).name === 'TimeoutError') {
    return new ServiceTrouble('no answer in time', undefined, { cause: error });
  }
  return new ServiceTrouble(REASONS[errorCode(error) ?? ''] ?? 'the connection broke', undefined, {
    cause: error,
  });
}

const REASONS: Readonly<Partial<Record<string, string>>> = {
  ECONNREFUSED: 'nobody listens at the address',
  ENOTFOUND: 'the name of the host is not known',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ECONNRESET: 'the connection broke',
};

function refusal(status: number, text: string): ServiceTrouble {
  let said: string | undefined;
  try {
    const body = JSON.parse(text) as { readonly error?: unknown };
    if (typeof body.error === 'string') said = body.error;
  } catch {
    // It is told by its status.
  }
  return new ServiceTrouble(
    said === undefined ? `it answered ${status}` : `it answered ${status}: ${said}`,
    status,
  );
}
