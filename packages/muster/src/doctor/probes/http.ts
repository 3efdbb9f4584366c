/** Asks over HTTP, and notes when: what a service says of its clock is only as good as that. */
import { systemClock } from '@muster/core';

/** Nothing that is asked for here is longer, but for the table of an indexer with its most nodes. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** An answer, or why there is none. */
export type HttpAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly text: string;
      /** The `Date` header, epoch milliseconds of a whole second; undefined when there is none. */
      readonly dateMs: number | undefined;
      /** Our clock before the request and after the headers. */
      readonly sentMs: number;
      readonly receivedMs: number;
    }
  | { readonly kind: 'failure'; readonly reason: string };

/** Never rejects. */
export async function getHttp(
  url: string,
  timeoutMs: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  try {
    const sentMs = systemClock.now();
    const response = await fetch(url, {
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'manual',
      headers: { ...headers, connection: 'close' },
    });
    const receivedMs = systemClock.now();
    const date = Date.parse(response.headers.get('date') ?? '');
    return {
      kind: 'answer',
      status: response.status,
      text: await limitedText(response),
      dateMs: Number.isNaN(date) ? undefined : date,
      sentMs,
      receivedMs,
    };
  } catch (error) {
    return { kind: 'failure', reason: reasonOf(error) };
  }
}

async function limitedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES) throw new Error(`the answer is longer than ${MAX_BODY_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Why a connection failed, in a few words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const cause = error.cause;
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

/** The object in an answer; undefined when there is none. */
export function jsonOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
