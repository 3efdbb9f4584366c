import type { ServerResponse } from 'node:http';
import type { Timers } from '@muster/core';
import { answerOf } from './errors.ts';
import { SLOW_READER_MS } from './limits.ts';
import type { RouteContext } from './routes.ts';
import { foundView } from './views.ts';

/**
 * Runs a search and writes its hits as they come, one JSON object a line. The search ends when the caller goes, or takes
 * nothing for a while. An error after the first line becomes the last line.
 */
export async function streamSearch(
  { source, response, signal }: Pick<RouteContext, 'source' | 'response' | 'signal'>,
  needle: string,
): Promise<void> {
  const { timers, logger, clock } = source.context;
  const startedAt = clock.monotonic();
  let hits = 0;
  const send = async (line: object): Promise<boolean> => {
    if (!response.headersSent)
      response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8' });
    if (signal.aborted) return false;
    return response.write(`${JSON.stringify(line)}\n`) || (await drained(response, timers, signal));
  };
  try {
    for await (const hit of source.search(needle, signal)) {
      hits += 1;
      if (!(await send({ hit: foundView(hit) }))) break;
    }
    await send({ end: { hits, ms: Math.round(clock.monotonic() - startedAt) } });
  } catch (error) {
    if (!response.headersSent) throw error;
    const { body } = answerOf(error, logger);
    await send({ end: { hits, ms: Math.round(clock.monotonic() - startedAt), ...body } });
  }
  response.end();
}

/** Waits until the caller has taken what was written; false when it has gone or does not. */
async function drained(response: ServerResponse, timers: Timers, signal: AbortSignal): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const settle = (isDrained: boolean): void => {
      timer.cancel();
      response.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      if (!isDrained) response.destroy();
      resolve(isDrained);
    };
    const onDrain = (): void => settle(true);
    const onAbort = (): void => settle(false);
    const timer = timers.after(SLOW_READER_MS, onAbort);
    response.once('drain', onDrain);
    signal.addEventListener('abort', onAbort);
  });
}
